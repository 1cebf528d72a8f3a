"""What a README claims: headline score and deviation, per-seed tables, run commands with their settings, hardware."""

import re

from verify.finding import QUOTE_CHARACTERS_MAX, Place
from verify.submission.commands import in_lines
from verify.submission.markdown import CHARACTERS_MAX, Blocks, read_blocks
from verify.submission.model import Problem, Readme
from verify.submission.seed_tables import BPB, PLUS_MINUS, SCORES, SeedTable, merged, seed_tables
from verify.submission.text import split_lines
from verify.submission.values import Number, number_in

SCORE = re.compile(
    r"(?:bp[bp]|bits[ -]per[ -]byte)\b[^\d\n|]{0,24}?(?P<after>(?<![-+<])[0-4]\.\d{2,12})\b"
    r"|(?P<before>(?<![\d.+<-])[0-4]\.\d{3,12})\s*"
    r"(?:\([^()\n]{0,40}\)\s*)?(?:val[_ ])?(?:bp[bp]|bits[ -]per[ -]byte)\b(?!\W{0,4}[:=])",
    re.IGNORECASE,
)
COMPARES = re.compile(
    r"\bvs\.?\b|baseline|sota|previous|prior|improv|delta|Δ|beats?\b|\bgain|leader|record of|pr ?#|reference"
    r"|merged|target|expected|was\b|from\b|pre[- _]?(?:quant|ttt|ema)|estimat|project|approx|\bbase\b|\bgap\b|unquant",
    re.IGNORECASE,
)
STD = re.compile(r"\b(?:std|stdev|σ|standard deviation)\b[^\d\n|]{0,16}(0?\.\d{2,12})", re.IGNORECASE)
HARDWARE = re.compile(
    r"\b\d{1,3}\s?[x×]\s?(?:NVIDIA\s)?(?:GeForce\s)?"
    r"(?:H100|H200|A100|B200|B300|GH200|GB10|A40|A10G?|A6000|L4|L40S?|V100|T4|P100|MI300X"
    r"|RTX\s?(?:PRO\s)?\d{4}\w*|[345]0[6789]0(?:\sTi)?)"
    r"(?:[ -](?:\d{2,3}\s?GB|SXM\d?|HBM\d\w?|PCIe|NVL|Ti|SUPER|Blackwell|NVLink)){0,4}",
    re.IGNORECASE,
)
HEAD_LINES = 60  # prose lines that are searched for the headline score
LINE_MAX = 2_000


def score_in(text: str) -> Number | None:
    """A score in a line that says "bpb", the first that is no comparison."""
    for match in SCORE.finditer(text[:LINE_MAX]):
        number = number_in(match["after"] or match["before"])
        if (
            number
            and SCORES[0] < number.value < SCORES[1]
            and not COMPARES.search(text[max(0, match.start() - 80) : match.start()])
        ):
            return number
    return None


def headline(out: Readme, blocks: Blocks, tables: list[SeedTable], expected: float | None) -> None:
    """The claimed score: of the title, else of the first lines (the one that metadata repeat first), else the table's mean."""
    lines = [(blocks.title_line or 1, blocks.title), *blocks.prose[:HEAD_LINES]]
    found = [(line, text, number) for line, text in lines if (number := score_in(text))]
    same = [
        item for item in found if expected is not None and abs(item[2].value - expected) < 0.6 * 10.0 ** -item[2].digits
    ]
    for line, text, number in (same or found)[:1]:
        out.headline_bpb, out.headline_digits = number.value, number.digits
        out.headline = Place(file=out.file or "", line=line, quote=text[:QUOTE_CHARACTERS_MAX])
    if out.headline_bpb is None and expected is not None:
        headline_in_tables(out, expected)
    mean = tables[0].mean if tables else None
    if out.headline_bpb is None and mean and SCORES[0] < mean.value < SCORES[1]:
        out.headline_bpb, out.headline_digits = mean.value, mean.digits
        out.headline = Place(file=out.file or "", line=tables[0].line, quote="mean of the per-seed table")


def headline_in_tables(out: Readme, expected: float) -> None:
    """The score of a table of results ("val_bpb | 1.1234") that is the one metadata give; of many scores no other is certain."""
    for table in out.tables:
        for row, line in zip(table.rows, table.lines, strict=False):
            if not row or not BPB.search(row[0]) or COMPARES.search(row[0]):
                continue
            for cell in row[1:8]:
                number = number_in(cell)
                if number and number.digits >= 2 and abs(number.value - expected) < 0.6 * 10.0**-number.digits:
                    out.headline_bpb, out.headline_digits = number.value, number.digits
                    out.headline = Place(file=out.file or "", line=line, quote=" | ".join(row)[:QUOTE_CHARACTERS_MAX])
                    return


def deviation(out: Readme, blocks: Blocks, tables: list[SeedTable]) -> None:
    """The standard deviation beside the headline, in the per-seed table, or in the first lines."""
    near = [text for line, text in blocks.prose[:HEAD_LINES] if out.headline and line == out.headline.line]
    texts = [*near, blocks.title]
    for text in texts:
        if match := PLUS_MINUS.search(text[:LINE_MAX]) or STD.search(text[:LINE_MAX]):
            out.std_bpb = float(match[1])
            return
    if tables and tables[0].std:
        out.std_bpb = tables[0].std.value
        return
    for _, text in blocks.prose[:HEAD_LINES]:
        if (match := STD.search(text[:LINE_MAX])) and "nats" not in text.lower() and "loss" not in text.lower():
            out.std_bpb = float(match[1])
            return


def read_readme(file: str, text: str, expected: float | None = None) -> tuple[Readme, list[Problem]]:
    """What a README says. `expected`: val_bpb of submission.json; of several scores the same one is the headline."""
    problems = []
    blocks = read_blocks(text)
    if blocks.is_cut:
        problems.append(Problem(file, f"was only read up to {CHARACTERS_MAX:,} characters"))
    out = Readme(file=file, text=text, title=blocks.title, tables=tuple(blocks.tables))
    tables = seed_tables(file, blocks.tables, expected)
    headline(out, blocks, tables, expected)
    deviation(out, blocks, tables)
    out.seed_results = merged(tables)
    for line, code in blocks.code:
        commands, environment = in_lines(file, ((line + offset, part) for offset, part in enumerate(split_lines(code))))
        out.commands += commands
        out.environment = environment | out.environment
    hardware = next((match[0] for _, part in blocks.prose if (match := HARDWARE.search(part[:LINE_MAX]))), None)
    if hardware is None:
        cells = (cell for table in blocks.tables for row in table.rows[:50] for cell in row[:20])
        hardware = next((match[0] for cell in cells if (match := HARDWARE.search(cell))), None)
    out.hardware = hardware
    return out, problems
