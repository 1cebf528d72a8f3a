"""Groups of runs and what may be tested against what: admissibility comes first, then the pooled and unpooled tests.

A group is the runs of one claim, or one reproduction. Runs of others may stand behind a claim only if they are runs of the
same recipe that would have been admitted themselves: 8xH100, below the cap, inside both budgets. What is not known of them is
no admission. PR 1902 pooled a reproduction that is over the cap; such a test is shown, and never decides.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from verify.stats.leaderboard import Row, Seed, Stratum
from verify.stats.welch import MARGIN_NATS, Sample, compare_samples
from verify.verdict import Comparison

ARTIFACT_BYTES_MAX = 16_000_000
TRAIN_SECONDS_MAX = 600.5  # the clock is looked at between steps: accepted runs stop up to half a second late
EVAL_SECONDS_MAX = 600.0
GPUS = 8
GPU = "H100"
Admission = Literal["admissible", "unproven", "not admissible"]


@dataclass(frozen=True, slots=True)
class Group:
    """Runs that belong together. relation: "own", or what Stratum says. `mean`, `std`, `n` where single runs are not known."""

    name: str
    seeds: tuple[Seed, ...]
    relation: str = "own"
    hardware: str | None = None
    artifact_bytes: int | None = None
    is_accepted: bool = False  # the organisers took these very runs
    given: Sample | None = None
    pr: int | None = None

    @property
    def sample(self) -> Sample:
        return self.given or Sample.of(seed.val_bpb for seed in self.seeds)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One comparison. `decides` is true of one at most: own runs against the runs the board is held to."""

    kind: Literal["own", "pooled", "pooled regardless", "stratum"]
    new: str
    old: str
    comparison: Comparison
    decides: bool = False
    notes: tuple[str, ...] = field(default=())


def groups_of(row: Row) -> list[Group]:
    """The own runs of a row first, then its strata."""
    own = Group(row.name, row.seeds, "own", row.hardware, is_accepted=True, pr=row.pr)
    return [own, *(_group(row, stratum) for stratum in row.strata)]


def _group(row: Row, stratum: Stratum) -> Group:
    name = f"{row.name}: {stratum.name}"
    return Group(name, stratum.seeds, stratum.relation, stratum.hardware, stratum.artifact_bytes, pr=row.pr)


def admission(group: Group) -> tuple[Admission, tuple[str, ...]]:
    """Whether a group's runs would count as evidence, and what speaks against it or is not known. Environment, size, time."""
    against: list[str] = (
        [] if group.relation in ("own", "reproduction") else [f"{group.relation}: not runs of this claim"]
    )
    unknown: list[str] = []
    _environment(group, against, unknown)
    sizes = {seed.artifact_bytes for seed in group.seeds} if group.artifact_bytes is None else {group.artifact_bytes}
    _limit("size", "bytes", sizes, ARTIFACT_BYTES_MAX, against, unknown)
    _limit("training", "s", {seed.train_seconds for seed in group.seeds}, TRAIN_SECONDS_MAX, against, unknown)
    _limit("evaluation", "s", {seed.eval_seconds for seed in group.seeds}, EVAL_SECONDS_MAX, against, unknown)
    if group.is_accepted:
        return "admissible", ("accepted by the organisers", *against)
    if against:
        return "not admissible", tuple(against)
    if len(unknown) == 4:
        return "unproven", ("nothing is said of environment, size and time",)
    return ("unproven", tuple(unknown)) if unknown else ("admissible", ())


def _environment(group: Group, against: list[str], unknown: list[str]) -> None:
    counts = {seed.gpus for seed in group.seeds if seed.gpus is not None}
    names = {seed.gpu for seed in group.seeds if seed.gpu}
    claimed = re.match(r"(\d+)\s*[x×]\s*(.*)", group.hardware or "")
    if claimed:
        counts = counts or {int(claimed[1])}
        names = names or {claimed[2]}
    if counts - {GPUS} or any(GPU not in name for name in names):
        against.append(
            f"environment: {'/'.join(map(str, sorted(counts)))}x {' / '.join(sorted(names)) or '?'}, not {GPUS}x{GPU}"
        )
    elif not counts or not names:
        unknown.append("environment: not said")


def _limit(
    what: str, unit: str, values: Iterable[float | None], most: float, against: list[str], unknown: list[str]
) -> None:
    known = [value for value in values if value is not None]
    if known and max(known) > most:
        against.append(f"{what}: {max(known):,} {unit} is over {most:,.10g}")
    elif not known or None in set(values):
        unknown.append(f"{what}: not said of every run")


def pool(groups: Sequence[Group]) -> tuple[Sample, tuple[str, ...]]:
    """All runs of some groups; the same run in two of them counts once."""
    if len(groups) == 1:
        return groups[0].sample, ()
    seen: dict[float, str] = {}
    notes: list[str] = []
    for group in groups:
        values = group.sample.values
        if group.given is not None and not values:
            return group.sample, (f"{group.name} has no single runs: nothing can be pooled with it",)
        for value in values:
            if seen.get(value, group.name) != group.name:
                notes.append(f"the run with {value} stands in {seen[value]} and in {group.name}: counted once")
        for value in dict.fromkeys(values):
            seen.setdefault(value, group.name)
    return Sample.of(seen), tuple(notes)


def same_seeds(new: Group, old: Group) -> tuple[list[float], list[float]] | None:
    """The runs of equal seeds, paired; None where there are fewer than two or a seed occurs twice."""
    pairs = []
    for group in (new, old):
        by_seed = {seed.seed: seed.val_bpb for seed in group.seeds if seed.seed is not None}
        if len(by_seed) != len([seed for seed in group.seeds if seed.seed is not None]):
            return None
        pairs.append(by_seed)
    shared = [seed for seed in pairs[0] if seed in pairs[1]]
    return ([pairs[0][seed] for seed in shared], [pairs[1][seed] for seed in shared]) if len(shared) > 1 else None


def held_to(old: Sequence[Group]) -> Group:
    """What a new submission is tested against: the own runs, or the first reproduction where they are fewer than two."""
    own = old[0]
    if own.sample.n >= 2:
        return own
    return next((group for group in old if group.relation == "reproduction" and group.sample.n >= 2), own)


def outcomes(
    new: Sequence[Group], old: Sequence[Group], bytes_per_token: float | None, margin_nats: float = MARGIN_NATS
) -> list[Outcome]:
    """Every test of one claim against another, the deciding one first. `new` and `old` begin with the own runs."""
    reference = held_to(old)

    def one(kind, left: Sequence[Group], right: Sequence[Group], *, decides: bool = False) -> Outcome:
        (a, notes_a), (b, notes_b) = pool(left), pool(right)
        names = [" + ".join(group.name for group in side) for side in (left, right)]
        seeds = same_seeds(left[0], right[0]) if len(left) == len(right) == 1 else None
        comparison = compare_samples(a, b, bytes_per_token, names[1], right[0].pr, seeds, margin_nats)
        return Outcome(kind, names[0], names[1], comparison, decides, notes_a + notes_b)

    found = [one("own", new[:1], [reference], decides=True)]
    sides = []
    for side, base in ((new, new[0]), (old, reference)):
        reproductions = [group for group in side if group.relation == "reproduction" and group is not base]
        # The own runs belong to the pool even where a reproduction stands in for them.
        start = [base] if base is side[0] else [side[0], base]
        fit = [group for group in reproductions if admission(group)[0] == "admissible"]
        sides.append((start + fit, start + reproductions))
    if any(len(fit) > 1 for fit, _ in sides):
        found.append(one("pooled", sides[0][0], sides[1][0]))
    if any(len(every) > len(fit) for fit, every in sides):
        found.append(one("pooled regardless", sides[0][1], sides[1][1]))
        if len(sides[1][1]) > 1 and len(sides[0][1]) > len(sides[0][0]):
            found.append(one("pooled regardless", sides[0][1], [reference]))
    found += [one("stratum", [group], [reference]) for group in new[1:] if group.relation == "reproduction"]
    for group in old:
        if group is not reference and group.relation == "reproduction":
            found.append(one("stratum", new[:1], [group]))
    return found
