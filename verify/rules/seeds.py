"""seeds, external-compute: enough runs, of one configuration, each its own, and all of them reported."""

import re
from collections import defaultdict
from collections.abc import Iterator

from verify.facts.grade import graded, listed, weighed
from verify.facts.runs import judged, logged_seeds, name, score_place
from verify.facts.settings import PRINTED, differences, is_derived
from verify.finding import Finding, Place, Precedent, failed, passed, unproven, warned
from verify.logs.model import SeedResult
from verify.rule import Case, Rule

TEN_MINUTES = frozenset({"10min"})
EXACT_DIGITS_MIN = 6  # so many decimals are not equal by chance
USUAL_SEEDS_MAX = 9_999
SELECTED = re.compile(
    r"\b(?:best|top)[- ]?(\d|two|three|four|five)[- ](?:of|out of|from)[- ](\d+|four|five|six|seven|eight|nine|ten)\b",
    re.I,
)


class Count(Rule):
    """A record claim stands on three runs or more."""

    code = "seeds.count"
    remedy = "Run at least three seeds and ship their logs."
    tracks = TEN_MINUTES
    precedents = (Precedent(pr=1851, text="one seed; accepted after another author ran two more (#1868)"),)

    def check(self, case: Case) -> Iterator[Finding]:
        asked = self.setting(case, "count_min")
        results = logged_seeds(case)
        seeds = {result.seed for result in results if result.seed is not None}
        count = len(seeds) or len(results)
        places = [place for result in results if (place := score_place(result)) is not None]
        if not results:
            yield unproven("No run stands behind the claim: no seed can be counted.")
        elif count < asked:
            named = f" (seed {listed(sorted(seeds))})" if seeds else ""
            plural = "" if count == 1 else "s"
            yield weighed(
                self, case, "too_few", f"{count} seed{plural}{named}, fewer than {asked}.", *places, seeds=count
            )
        else:
            yield passed(f"{count} seeds: {listed(sorted(seeds))}.", *places, seeds=count)


class OwnRuns(Rule):
    """Every seed is a run of its own: no log and no score is shown under two seeds."""

    code = "seeds.own-runs"
    remedy = "Ship one log for each seed, of its own run."

    def check(self, case: Case) -> Iterator[Finding]:
        hashes = {log.file: log.sha256 for log in case.logs}
        results = judged(case)
        shown = [result for result in case.claim.results if result.role in ("claimed", "support", "duplicate")]
        copies = list(one_log(shown or results, hashes))
        files = {place.file for finding in copies for place in finding.places}
        found = [*copies, *one_score(results, files), *one_seed(results)]
        yield from found or [passed(f"{len(results)} runs, each with its own log and score.")]


def one_log(results: list[SeedResult], hashes: dict[str, str]) -> Iterator[Finding]:
    """Files of the same bytes under two seeds. A copy whose name tells no seed (train.log) is none."""
    groups: dict[object, list[SeedResult]] = defaultdict(list)
    for result in results:
        if result.run.file in hashes and result.seed_in_name is not None:
            groups[hashes[result.run.file], result.run.index].append(result)
    for group in groups.values():
        if len({result.seed_in_name for result in group}) > 1:
            files = [result.run.file for result in group]
            yield failed(f"One log under {len(group)} seeds: {listed(files)}.", *(Place(file=file) for file in files))


def one_score(results: list[SeedResult], files: set[str]) -> Iterator[Finding]:
    """One score, loss and bpb to all digits, under two seeds."""
    groups: dict[tuple[float, float], list[SeedResult]] = defaultdict(list)
    for result in results:
        metric = result.metric
        if metric is None or metric.val_bpb is None or metric.val_loss is None:
            continue
        if len(repr(metric.val_bpb).partition(".")[2]) >= EXACT_DIGITS_MIN:
            groups[metric.val_bpb, metric.val_loss].append(result)
    for (bpb, _), group in groups.items():
        if len({result.seed for result in group}) > 1 and not files & {result.run.file for result in group}:
            yield failed(f"One score, {bpb}, to all digits under {listed(map(name, group))}.", *places_of(group))


def one_seed(results: list[SeedResult]) -> Iterator[Finding]:
    """Several of the claimed runs with one seed."""
    groups: dict[int, list[SeedResult]] = defaultdict(list)
    for result in results:
        if result.seed is not None and result.role == "claimed":
            groups[result.seed].append(result)
    for seed, group in groups.items():
        if len(group) > 1:
            files = listed(result.run.file for result in group)
            yield warned(f"{len(group)} of the claimed runs have seed {seed}: {files}.", *places_of(group))


def places_of(group: list[SeedResult]) -> list[Place]:
    return [place for result in group if (place := score_place(result)) is not None]


class FileNames(Rule):
    """The seed in a log's name is the seed that the run prints."""

    code = "seeds.file-names"
    remedy = "Name the log after the seed that ran."

    def check(self, case: Case) -> Iterator[Finding]:
        wrong = False
        for result in judged(case):
            logged, named = result.run.seed, result.seed_in_name
            if logged is not None and named is not None and logged.value != named:
                wrong = True
                place = result.run.place(logged)
                yield warned(f"{result.run.file} is named after seed {named}; the run has seed {logged.value}.", place)
        if not wrong:
            yield passed("No log is named after another seed than its own.")


class OneConfiguration(Rule):
    """All scored runs have one configuration; only the seed differs."""

    code = "seeds.one-configuration"
    remedy = "Run all seeds with the same script and the same settings."
    precedents = (
        Precedent(pr=2124, text="refused: the third seed came from another configuration"),
        Precedent(
            pr=1334, text="accepted with test-time training on in one of three logs; the sliding score is claimed"
        ),
    )

    def check(self, case: Case) -> Iterator[Finding]:
        results = judged(case)
        if len(results) < 2:
            yield (
                passed("One run or none: nothing to compare.")
                if results
                else unproven("No run stands behind the claim.")
            )
            return
        sources = "\n".join(script.source for script in case.submission.scripts).lower()
        # What a script does not name is a line of another program in the log.
        found = [d for d in differences(results) if d.name in PRINTED or not sources.strip() or d.name in sources]
        if not found:
            yield passed(f"{len(results)} runs print the same settings.")
        for difference in found:
            sentence = f"Settings differ between the scored runs: {difference}."
            places = difference.places
            if difference.kind == "evaluation":
                yield warned(f"{sentence} The claimed score does not use it.", *places, precedents=self.precedents)
            elif is_derived(difference) and difference.name not in PRINTED:
                yield warned(f"{sentence} Each run has its own: it may follow from the seed.", *places)
            elif difference.kind == "shards":
                yield weighed(self, case, "shards_differ", sentence, *places)
            elif not case.is_ten_minutes:
                yield warned(f"{sentence} A study may compare them.", *places)
            elif not case.claim.claimed:
                yield warned(f"{sentence} Which of them are claimed cannot be told.", *places)
            else:
                yield weighed(self, case, "configuration_differs", sentence, *places)


class Statistic(Rule):
    """What is claimed is the mean of all runs, not the best of them or a choice."""

    code = "seeds.statistic"
    remedy = "Claim the mean of all seeds that were run."
    precedents = (
        Precedent(pr=63, text="accepted: submission.json holds the best seed, the README the mean"),
        Precedent(pr=1769, text="accepted: best five of seven, disclosed"),
    )

    def check(self, case: Case) -> Iterator[Finding]:
        claim = case.claim
        others = len({result.seed for result in judged(case)} - {None})
        support = [result for result in claim.results if result.role == "support"]
        places = [claim.place] if claim.place else []
        if claim.statistic == "best" or (claim.statistic == "single" and support):
            count = max(others, len(support) + 1)
            sentence = f"The claim {claim.value} is the best of {count} seeds, not their mean."
            yield weighed(self, case, "best_claimed", sentence, *places)
        elif claim.statistic == "best_of":
            yield weighed(self, case, "selected", f"The claim {claim.value} is the mean of chosen seeds.", *places)
        elif claim.statistic is None:
            yield unproven("What statistic is claimed cannot be told.")
        else:
            yield passed(f"The claim is the {claim.statistic} of the scored runs.", *places)
        yield from self.disclosed(case)

    def disclosed(self, case: Case) -> Iterator[Finding]:
        readme = case.submission.readme
        for number, line in enumerate(readme.text.splitlines(), 1):
            if SELECTED.search(line) and re.search(r"\bseeds?\b|\bruns?\b", line, re.I):
                place = Place(file=readme.file or "README.md", line=number, quote=line.strip()[:300])
                yield weighed(self, case, "selected", "The README says that seeds were chosen.", place)
                return


class OddSeeds(Rule):
    """Seeds look chosen at will, not searched for."""

    code = "external-compute.seeds"
    remedy = "Use small, plain seeds, fixed before the runs."
    probe = "fresh-seeds"
    precedents = (Precedent(pr=178, text="seed 2884431328"),)

    def check(self, case: Case) -> Iterator[Finding]:
        results = judged(case)
        odd = [result for result in results if result.seed is not None and not 0 <= result.seed <= USUAL_SEEDS_MAX]
        # A date is a plain seed too.
        odd = [result for result in odd if not re.fullmatch(r"20(?:2\d)(?:[01]\d[0-3]\d)?", str(result.seed))]
        level = case.policy.setting("seeds", "odd_seed")
        if odd:
            seeds = listed(result.seed for result in odd)
            places = [result.run.place(result.run.seed) for result in odd if result.run.seed is not None]
            yield graded(level, f"Unusual seeds: {seeds}.", *places, precedents=self.precedents)
        else:
            yield passed("The seeds are small, plain numbers.")
