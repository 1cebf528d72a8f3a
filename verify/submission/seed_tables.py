"""Per-seed tables of a README: which column says what, one claim per seed, and the row of the mean."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from verify.finding import QUOTE_CHARACTERS_MAX, Place
from verify.submission.model import SeedClaim, Table
from verify.submission.values import BYTES, SECONDS, Number, number_in, rounding_bytes, scaled

SEED_HEADER = re.compile(r"^(?:random\s+)?seeds?\b", re.IGNORECASE)
SEED_CELL = re.compile(r"^(?:seed\s*[=:#]?\s*)?(\d{1,10})(?:\s*[(\[*†‡].{0,80})?$", re.IGNORECASE)
SEED_COLUMN = re.compile(r"^seed\s*[=:#]?\s*(\d{1,10})\b", re.IGNORECASE)
MEAN_CELL = re.compile(r"\b(?:mean|average|avg|μ)\b", re.IGNORECASE)
STD_CELL = re.compile(r"\b(?:std|stdev|σ|sd|standard deviation)\b", re.IGNORECASE)
PLUS_MINUS = re.compile(r"(?:±|\+/-|\+-)\s*(0?\.\d{2,12}|\d(?:\.\d+)?e-\d)")
NOT_A_SCORE = re.compile(r"delta|Δ|gain|improve|\bvs\b|diff|gap|baseline|sota|rank|ratio|\bprev", re.IGNORECASE)
EARLIER = re.compile(  # scores before the last stage
    r"pre[- _]?(?:quant|ttt|ema|slot)|no[- _]ttt|without|unquant|raw|fp16|bf16|fp32|live|step|train|round ?trip|\bema\b"
    r"|standard|neural|base\b|nonoverlap",
    re.IGNORECASE,
)
LAST = re.compile(r"final|ttt|slot|submi|mix|official|\bours\b|this pr", re.IGNORECASE)  # scores after the last stage
SLIDING = re.compile(r"sliding|s64|stride|exact", re.IGNORECASE)
LABEL_HEADER = re.compile(r"^(?:run|config|configuration|submission|setting|variant|name|log|row)\b", re.IGNORECASE)
CLOCK = re.compile(r"\s*(\d{1,3}):([0-5]\d)\b")
BPB = re.compile(r"bp[bp]\b|bpb|bits[ /-]*(?:per[ -])?byte", re.IGNORECASE)
LOSS = re.compile(r"\bval[_ ]?loss|\bloss\b|\bnats\b|\bnll\b", re.IGNORECASE)
SIZE = re.compile(r"artifact|\bbytes\b|\bsize\b|submission|\btotal\b|\(b\)|\bmb\b", re.IGNORECASE)
NOT_TOTAL = re.compile(r"\bcode\b|\bmodel\b|headroom|margin|under|fits|weights|raw|\bcap\b|budget", re.IGNORECASE)
TIME = re.compile(r"time|\(s\)|sec|wall|duration|\(ms\)", re.IGNORECASE)
CELLS_MAX = 60  # columns of a table that is read for seeds
SCORES = (0.0, 4.0)  # bits per byte that somebody may claim
SAME_BPB = 3e-4  # how near a column's mean must come to the claim


@dataclass(slots=True)
class SeedTable:
    """What one per-seed table says."""

    claims: list[SeedClaim] = field(default_factory=list)
    mean: Number | None = None
    std: Number | None = None
    line: int | None = None

    def mean_of_claims(self) -> float | None:
        scores = [claim.val_bpb for claim in self.claims if claim.val_bpb is not None]
        return sum(scores) / len(scores) if scores else None


def header_field(cell: str) -> str | None:
    """What a column other than a score holds, by its heading."""
    if NOT_A_SCORE.search(cell):
        return None
    if re.search(r"ms\s*/\s*step|step[_ ](?:avg|time)|step_ms|ms per step|s/step|tok", cell, re.IGNORECASE):
        return None
    if re.search(r"\bsteps?\b", cell, re.IGNORECASE) and not BPB.search(cell) and not LOSS.search(cell):
        return "steps"
    if LOSS.search(cell) and not BPB.search(cell) and not re.search(r"train|pre", cell, re.IGNORECASE):
        return "val_loss"
    if TIME.search(cell) or re.fullmatch(r"(?:train|eval|ttt)\s*(?:s|ms)?", cell.strip(), re.IGNORECASE):
        if re.search(r"eval|ttt|slot|test", cell, re.IGNORECASE):
            return "eval_seconds"
        if re.search(r"train|wall", cell, re.IGNORECASE) or re.fullmatch(
            r"time(?: ?\(?m?s\)?)?", cell.strip(), re.IGNORECASE
        ):
            return "train_seconds"
        return None
    if re.search(r"\beval\b.*\btotal\b|\btotal\b.*\beval\b", cell, re.IGNORECASE):
        return "eval_seconds"
    if SIZE.search(cell) and not NOT_TOTAL.search(cell.replace("model+code", "").replace("code+model", "")):
        return "artifact_bytes"
    return None


def size_scale(header: str) -> float:
    """What a bare number below a size's heading counts in bytes."""
    low = header.lower()
    return 1048576.0 if "mib" in low else 1e6 if "mb" in low else 1e3 if re.search(r"\bkb\b", low) else 1.0


def field_number(field_: str, cell: str, header: str) -> float | int | None:
    """A cell in the field's base unit: by the unit in the cell, else in the heading."""
    low = header.lower()
    if field_ in {"train_seconds", "eval_seconds"} and (clock := CLOCK.match(cell)):
        return 60.0 * int(clock[1]) + int(clock[2])
    number = number_in(cell)
    if number is None:
        return None
    if field_ == "artifact_bytes":
        value = scaled(number, BYTES, size_scale(header))
        return round(value) if value >= 1000 else None  # a bare "15.9" is no count of bytes
    if field_ in {"train_seconds", "eval_seconds"}:
        scale = 0.001 if re.search(r"\bms\b|_ms|\(ms\)", low) else 60.0 if re.search(r"\bmin", low) else 1.0
        return scaled(number, SECONDS, scale)
    if field_ == "steps":
        return int(number.value) if number.value == int(number.value) and not number.unit.startswith("ms") else None
    return number.value


def seed_in(cell: str) -> int | None:
    match = SEED_CELL.match(cell.strip())
    return int(match[1]) if match else None


def turned(table: Table) -> Table | None:
    """A table with seeds as columns, turned so that they are rows."""
    seeds = [at for at, cell in enumerate(table.header[:CELLS_MAX]) if SEED_COLUMN.match(cell.strip())]
    if len(seeds) < 2 or not table.rows:
        return None
    header = ("Seed", *(row[0] if row else "" for row in table.rows[:CELLS_MAX]))
    rows = []
    for at, cell in enumerate(table.header[:CELLS_MAX]):
        if at and (at in seeds or MEAN_CELL.search(cell) or STD_CELL.search(cell)):
            name = SEED_COLUMN.match(cell.strip())
            rows.append(
                (name[1] if name else cell, *(row[at] if at < len(row) else "" for row in table.rows[:CELLS_MAX]))
            )
    return Table(header, tuple(rows), tuple(table.lines[0] for _ in rows))


def score_column(table: Table, rows: list[tuple[int, tuple[str, ...]]], expected: float | None) -> int | None:
    """The column of the claimed score: the one whose mean is the claim, else the one that sounds most final, the last of these."""
    found: list[tuple[tuple, int]] = []
    for at, cell in enumerate(table.header[:CELLS_MAX]):
        if NOT_A_SCORE.search(cell):
            continue
        numbers = [number_in(row[at]) for _, row in rows if at < len(row)]
        scores = [number for number in numbers if number and SCORES[0] < number.value < SCORES[1]]
        if not scores:
            continue
        values = [number.value for number in scores]
        is_claim = expected is not None and (
            abs(sum(values) / len(values) - expected) < SAME_BPB
            or any(abs(value - expected) < 1e-5 for value in values)
        )
        if not BPB.search(cell) and not (is_claim and scores[0].digits >= 3):
            continue
        stage = 2 if LAST.search(cell) else 1 if SLIDING.search(cell) else 0
        found.append(((is_claim, not EARLIER.search(cell), stage, len(values), at), at))
    return max(found)[1] if found else None


def columns_of(header: tuple[str, ...], taken: set[int | None]) -> dict[int, str]:
    """What the other columns say: one column for each field, for evaluation the one of its total."""
    best: dict[str, tuple[tuple, int]] = {}
    for at, cell in enumerate(header):
        name = header_field(cell) if at not in taken else None
        if name is None:
            continue
        rank = (bool(re.search("total", cell, re.IGNORECASE)), bool(re.search("eval", cell, re.IGNORECASE)), -at)
        if name != "eval_seconds":
            rank = (False, False, -at)
        if name not in best or rank > best[name][0]:
            best[name] = (rank, at)
    return {at: name for name, (_, at) in best.items()}


def seed_rows(table: Table) -> tuple[int, list[tuple[int, tuple[str, ...]]]] | None:
    """The column of seeds and the rows that have one. Rows of named runs count only where the name holds the seed."""
    header = table.header[:CELLS_MAX]
    column = next((at for at, cell in enumerate(header[:4]) if SEED_HEADER.match(cell.strip())), None)
    if column is None:
        return None
    rows = [(seed, row) for row in table.rows if column < len(row) and (seed := seed_in(row[column])) is not None]
    for at in range(column):
        if LABEL_HEADER.match(header[at].strip()):
            rows = [(seed, row) for seed, row in rows if re.search(rf"(?<!\d){seed}(?!\d)", row[at])]
    return (column, rows) if rows else None


def read_table(file: str, table: Table, expected: float | None) -> SeedTable | None:
    """A per-seed table; None for any other."""
    table = turned(table) or table
    header = table.header[:CELLS_MAX]
    found = seed_rows(table)
    if found is None:
        return None
    column, rows = found
    score = score_column(table, rows, expected)
    fields = columns_of(header, {column, score})
    seeds = [seed for seed, _ in rows]
    out = SeedTable()
    by_row = {id(row): line for row, line in zip(table.rows, table.lines, strict=False)}
    for seed, row in rows:
        line = by_row.get(id(row))
        claim = SeedClaim(seed, place=Place(file=file, line=line, quote=" | ".join(row)[:QUOTE_CHARACTERS_MAX]))
        for at, name in fields.items():
            if at < len(row):
                setattr(claim, name, field_number(name, row[at], header[at]))
                if name == "artifact_bytes" and claim.artifact_bytes is not None and (size := number_in(row[at])):
                    claim.artifact_rounding_bytes = rounding_bytes(size, size_scale(header[at]))
        number = number_in(row[score]) if score is not None and score < len(row) else None
        if number and SCORES[0] < number.value < SCORES[1]:
            claim.val_bpb, claim.digits = number.value, number.digits
        if seeds.count(seed) > 1:
            claim.label = row[column].strip()[:60].removeprefix(str(seed)).strip()
        out.claims.append(claim)
    out.line = out.claims[0].place.line if out.claims[0].place else None
    for row in table.rows:
        label = row[column] if column < len(row) else ""
        cell = row[score] if score is not None and score < len(row) else ""
        if MEAN_CELL.search(label) and out.mean is None:
            out.mean = number_in(cell)
        if (match := PLUS_MINUS.search(cell) or PLUS_MINUS.search(label)) and out.std is None:
            out.std = number_in(match[1])
        elif STD_CELL.search(label) and not MEAN_CELL.search(label) and out.std is None:
            out.std = number_in(cell)
    return out


def seed_tables(file: str, tables: Iterable[Table], expected: float | None) -> list[SeedTable]:
    """All per-seed tables that hold a score, sizes, steps or times; the one that gives the claim first."""
    found = [table for item in tables if (table := read_table(file, item, expected))]

    def rank(table: SeedTable) -> tuple:
        mean = table.mean_of_claims()
        near = expected is not None and mean is not None and abs(mean - expected) < SAME_BPB
        return (not near, mean is None, table.line or 0)

    return sorted(found, key=rank)


def merged(tables: list[SeedTable]) -> tuple[SeedClaim, ...]:
    """The claims of the first table; sizes, steps and times of others that speak of the very same seeds fill its gaps."""
    if not tables:
        return ()
    claims = tables[0].claims
    seeds = sorted(str(claim.seed) for claim in claims)
    for other in tables[1:]:
        if sorted(str(claim.seed) for claim in other.claims) != seeds or len(set(seeds)) != len(seeds):
            continue
        by_seed = {claim.seed: claim for claim in other.claims}
        if any(
            claim.val_bpb is not None and by_seed[claim.seed].val_bpb not in {None, claim.val_bpb} for claim in claims
        ):
            continue  # another configuration with the same seeds
        for claim in claims:
            for name in ("val_loss", "artifact_bytes", "steps", "train_seconds", "eval_seconds"):
                if getattr(claim, name) is None:
                    setattr(claim, name, getattr(by_seed[claim.seed], name))
                    if name == "artifact_bytes":
                        claim.artifact_rounding_bytes = by_seed[claim.seed].artifact_rounding_bytes
    return tuple(claims)
