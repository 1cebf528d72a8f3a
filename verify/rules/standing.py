"""significance, chronology, systems-waiver: what a record claim needs beside a legal score."""

import re
from collections.abc import Iterator
from typing import Any

from verify.facts.grade import graded
from verify.facts.runs import judged, score_place
from verify.finding import Finding, Place, Precedent, failed, lead, passed, unproven
from verify.rule import Case, Rule
from verify.verdict import Comparison

DATE = re.compile(r"\d{4}-\d\d-\d\d")
README_P_MAX = 0.01
TEN_MINUTES = frozenset({"10min"})
WAIVER = re.compile(
    r"(?:systems?[- ]only|pure(?:ly)? systems?|no significance test|significance (?:test )?(?:is )?(?:waived|not needed)"
    r"|margin (?:is )?waived|waive[sd]? the (?:margin|threshold|0\.005))",
    re.I,
)


class Significance(Rule):
    """The scores beat the record of the day by what the policy asks for, one-sided Welch on per-seed values."""

    code = "significance.frontier"
    remedy = "Run more seeds, or file the work as a non-record submission."
    tracks = TEN_MINUTES
    precedents = (
        Precedent(pr=1902, text="rows were kept at p < 0.25 against the row before"),
        Precedent(pr=2146, text="the same on 2 May, the cut-off round"),
    )

    def check(self, case: Case) -> Iterator[Finding]:
        from verify.stats.comparisons import comparisons_of

        p_max = self.setting(case, "p_max")
        places = [place for result in judged(case) if (place := score_place(result)) is not None]
        compared = comparisons_of(case)
        if not compared:
            yield unproven("There is no score, or no record of that day, to compare with.", *places)
            return
        yield self.judge(case, compared[0], p_max, places)

    def judge(self, case: Case, test: Comparison, p_max: float, places: list[Place]) -> Finding:
        margin = self.setting(case, "margin_nats")
        by_byte = self.setting(case, "margin_unit") == "byte"
        p = test.p if margin == 0 else test.p_margin_byte if by_byte else test.p_margin_token
        means = [f"{mean:.5f}" if mean else "no score" for mean in (test.mean_new, test.mean_old)]
        said = f"mean {means[0]} against {means[1]} of {test.against}"
        values: dict[str, Any] = {"p": p, "gain_bpb": test.gain_bpb, "p_margin_token": test.p_margin_token}
        asked = f"p < {p_max:g}" + (f" with a margin of {margin:g} nats" if margin else "")
        if test.gain_bpb is not None and test.gain_bpb <= 0:
            sentence = f"No record: {said}, {-test.gain_bpb:.5f} bits per byte behind."
            return failed(sentence, *places, precedents=self.precedents, **values)
        if p is None:
            reason = f" ({'; '.join(test.notes)})" if test.notes else ""
            return unproven(f"{said}: no test is possible{reason}.", *places, **values)
        if p < p_max:
            readme = test.p_margin_token
            is_short = margin == 0 and readme is not None and readme >= README_P_MAX
            more = f" With the README's 0.005 nats per token p is {readme:.4f}." if is_short else ""
            sentence = f"{said}: p = {p:.4f}, {asked} is asked for.{more}"
            return graded("note" if is_short else "pass", sentence, *places, **values)
        return failed(f"{said}: p = {p:.4f}, {asked} is asked for.", *places, precedents=self.precedents, **values)


class Chronology(Rule):
    """The submission came before the cut-off."""

    code = "chronology.cut-off"
    remedy = "Nothing helps after the cut-off; what was filed before it may be completed (PR 2146)."
    tracks = TEN_MINUTES
    precedents = (Precedent(pr=2146, text="grace for work filed before the cut-off and completed later"),)

    def check(self, case: Case) -> Iterator[Finding]:
        cutoff = str(self.setting(case, "cutoff"))
        tree, metadata = case.submission.tree, case.submission.metadata
        dated = DATE.match(tree.name)
        stated = (metadata.date or (dated.group() if dated else ""))[:10]
        filed = (tree.date or "")[:10]
        date = stated if DATE.fullmatch(stated) else filed
        place = Place(file=metadata.file or "", line=metadata.lines.get("date"), quote=date)
        if case.claim.value is None and not case.runs:
            sentence = "No result yet: what counts is when code and evidence are there."
            yield failed(sentence, place, precedents=self.precedents)
        elif not DATE.fullmatch(date):
            yield unproven("No date of the submission is known.")
        elif date > cutoff:
            sentence = f"Dated {date}, after the cut-off of {cutoff}."
            yield failed(sentence, place, precedents=self.precedents)
        elif filed > cutoff:
            sentence = f"Dated {date}; the commit is of {filed}, after the cut-off of {cutoff}."
            yield graded("note", sentence, place, precedents=self.precedents)
        else:
            yield passed(f"Dated {date}, before the cut-off of {cutoff}.", place)


class Waiver(Rule):
    """Who claims the waiver for pure speed-ups shows the base, the logs and the same model."""

    code = "systems-waiver.shown"
    remedy = "Ship logs of the base and of the faster version, with the same settings and the same loss."
    tracks = TEN_MINUTES
    probe = "numerical-equivalence"
    precedents = (Precedent(text="README, rule 1: waived for systems optimisations that leave the model unchanged"),)

    def check(self, case: Case) -> Iterator[Finding]:
        readme = case.submission.readme
        claims = [
            Place(file=readme.file or "README.md", line=number, quote=line.strip()[:300])
            for number, line in enumerate(readme.text.splitlines(), 1)
            if WAIVER.search(line)
        ]
        if not claims:
            yield passed("No waiver is claimed.")
        elif not judged(case):
            sentence = "The waiver for speed-ups is claimed without a log, a base or a measured speed."
            yield failed(sentence, *claims[:4], precedents=self.precedents)
        else:
            sentence = "The waiver for speed-ups is claimed: whether the model is unchanged has to be shown."
            yield lead(sentence, *claims[:4], probe=self.probe, precedents=self.precedents)
