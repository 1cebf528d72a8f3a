"""log-consistency: claim, submission.json and README say what the logs of the claimed runs say."""

from collections.abc import Iterator
from statistics import pstdev, stdev

from verify.facts.agree import agrees, claimed_fields, shown
from verify.facts.grade import graded, listed, weighed
from verify.facts.runs import judged, logged_seeds, name, score_place
from verify.finding import Finding, Place, Precedent, passed, unproven
from verify.logs.model import SeedResult
from verify.rule import Case, Rule
from verify.submission.model import SeedClaim
from verify.verdict import ROUNDED_BPB_MAX

NOT_REPRODUCED = Precedent(pr=86, text="merged with a claim that its only log does not show; not reproduced later")
PACE_SHARE_MAX = 0.05
SEED_RANGE_MAX = 0.004  # bits per byte between seeds of one recipe; the sample std is 0.0003 to 0.0011
COPIED_DIGITS_MIN = 6


class ClaimInLogs(Rule):
    """The claimed score is the statistic of the logged runs, to the digits it is written with."""

    code = "log-consistency.claim"
    remedy = "Claim the mean of the shipped logs, or ship the logs of the claim."
    precedents = (NOT_REPRODUCED, Precedent(pr=2118, text="headline 1.04350, logs 1.05770"))

    def check(self, case: Case) -> Iterator[Finding]:
        claim = case.claim
        places = [claim.place] if claim.place else []
        scores = [place for result in judged(case) if (place := score_place(result)) is not None]
        if claim.value is None:
            yield unproven("No score is claimed.")
        elif claim.recomputed is None:
            yield self.nearest(case, places, scores)
        elif claim.matches is False and abs(claim.value - claim.recomputed) < ROUNDED_BPB_MAX:
            sentence = f"The claim is {claim.value}; the logs give {claim.recomputed:.8f}: rounded on the way."
            yield weighed(self, case, "claim_rounded", sentence, *places, *scores)
        elif claim.matches is False:
            far = claim.value - claim.recomputed
            sentence = f"The claim is {claim.value}; the logs give {claim.recomputed:.8f} ({far:+.6f})."
            values = {"claimed": claim.value, "logged": claim.recomputed}
            yield weighed(self, case, "claim_differs", sentence, *places, *scores, **values)
        elif claim.matches:
            yield passed(f"The claim {claim.value} is the {claim.statistic} of the logs.", *places, *scores)
        else:
            yield unproven(f"Whether the logs give the claim {claim.value} cannot be told.", *places, *scores)

    def nearest(self, case: Case, places: list[Place], scores: list[Place]) -> Finding:
        """Where the statistic cannot be computed: whether any log comes near the claim."""
        value = case.claim.value
        assert value is not None
        found = [metric.val_bpb for run in case.runs for metric in run.metrics if metric.val_bpb is not None]
        logged = [result for result in judged(case) if result.metric and result.metric.val_bpb is not None]
        if not found or not logged:
            return unproven(f"The claim {value} cannot be computed from the logs.", *places, *scores)
        nearest = min(found, key=lambda score: abs(score - value))
        if abs(nearest - value) <= SEED_RANGE_MAX:
            sentence = f"The claim {value} cannot be computed from the logs; the nearest score is {nearest}."
            return unproven(sentence, *places, *scores, claimed=value, logged=nearest)
        sentence = f"The claim {value} is in no log; the nearest score is {nearest}."
        return weighed(self, case, "claim_differs", sentence, *places, *scores, claimed=value, logged=nearest)


class SeedFields(Rule):
    """submission.json says of every seed what its log says: score, loss, bytes, steps, seconds."""

    code = "log-consistency.fields"
    remedy = "Copy every figure from the log of its own run."

    def source(self, case: Case) -> tuple[str, tuple[SeedClaim, ...]]:
        return "submission.json", case.submission.metadata.seed_results

    setting_name = "field_differs"

    def check(self, case: Case) -> Iterator[Finding]:
        where, claims = self.source(case)
        by_seed: dict[int, SeedResult] = {}
        for result in logged_seeds(case):
            if result.seed is not None:
                by_seed.setdefault(result.seed, result)
        if not claims:
            yield passed(f"{where} has no figures for single seeds.")
            return
        missing = [claim for claim in claims if claim.seed is not None and claim.seed not in by_seed]
        found = False
        for claim in claims:
            logged = by_seed.get(claim.seed) if claim.seed is not None else None
            for field in claimed_fields(claim, logged) if logged is not None else ():
                if not agrees(field):
                    found = True
                    places = [place for place in (claim.place, field.place) if place]
                    said, in_log = shown(field.claimed), shown(field.logged)
                    sentence = f"{where}, seed {claim.seed}: {field.name} {said}; the log says {in_log}."
                    level = "claim_differs" if field.name == "val_bpb" else self.setting_name
                    yield weighed(self, case, level, sentence, *places)
        if missing and by_seed:
            seeds = listed(claim.seed for claim in missing)
            places = [claim.place for claim in missing if claim.place]
            yield unproven(f"{where} gives scores of seeds without a log of their own: {seeds}.", *places)
        elif not by_seed:
            yield unproven(f"No log tells its seed, so {where} cannot be compared.")
        elif not found:
            yield passed(f"{where} and the logs agree for {len(claims)} seeds.")


class SeedTable(SeedFields):
    """The README's table says of every seed what its log says."""

    code = "log-consistency.table"
    remedy = "Make the table from the logs."
    setting_name = "table_differs"

    def source(self, case: Case) -> tuple[str, tuple[SeedClaim, ...]]:
        return case.submission.readme.file or "README.md", case.submission.readme.seed_results


class Spread(Rule):
    """The standard deviation that is stated is that of the logged scores."""

    code = "log-consistency.spread"
    remedy = "State the sample standard deviation (n - 1) of the logged scores."
    precedents = (Precedent(pr=2146, text="the audit's p-values use printed deviations, which divide by n"),)

    def check(self, case: Case) -> Iterator[Finding]:
        stated, place = self.stated(case)
        scores = case.claim.scores()
        if stated is None:
            yield passed("No standard deviation is stated.")
        elif len(scores) < 2:
            yield unproven(f"A standard deviation of {stated} is stated; fewer than two logs give a score.")
        else:
            sample, population = stdev(scores), pstdev(scores)
            # Half of the last decimal that is written, and what rounding the scores to the eight that logs print can do.
            unit = 0.51 * 10.0 ** -max(len(f"{stated:.10f}".rstrip("0").partition(".")[2]), 4) + 1e-8
            places = [place] if place else []
            values = {"stated": stated, "sample": sample, "population": population}
            if abs(stated - sample) <= unit:
                yield passed(f"The stated deviation {stated} is the sample deviation.", *places, **values)
            elif abs(stated - population) <= unit:
                sentence = f"The stated deviation {stated} divides by n; the sample deviation is {sample:.8f}."
                yield graded("note", sentence, *places, precedents=self.precedents, **values)
            else:
                sentence = (
                    f"The stated deviation {stated} is neither sample ({sample:.8f}) nor population ({population:.8f})."
                )
                yield weighed(self, case, "std_differs", sentence, *places, **values)

    @staticmethod
    def stated(case: Case) -> tuple[float | None, Place | None]:
        metadata, readme = case.submission.metadata, case.submission.readme
        if metadata.val_bpb_std is not None:
            line = metadata.lines.get("val_bpb_std")
            return metadata.val_bpb_std, Place(file=metadata.file or "submission.json", line=line)
        if readme.std_bpb is not None:
            return readme.std_bpb, readme.headline
        return case.claim.std, case.claim.place


class Complete(Rule):
    """Every claimed run is logged to its end, and its own figures fit each other."""

    code = "log-consistency.run"
    remedy = "Ship whole logs."

    def check(self, case: Case) -> Iterator[Finding]:
        results = judged(case)
        for result in results:
            if result.metric is None and not result.run.is_complete:
                place = Place(file=result.run.file, line=result.run.last_line)
                yield unproven(f"{name(result)}: the log ends before a final score.", place)
                continue
            yield self.pace(case, result)
        if not results:
            yield unproven("No run stands behind the claim.")

    def pace(self, case: Case, result: SeedResult) -> Finding:
        """Steps times time per step is the training time."""
        run = result.run
        steps, pace, seconds = run.steps, run.ms_per_step, run.train_seconds
        if steps is None or pace is None or seconds is None or seconds.value <= 0:
            return passed(f"{name(result)}: logged to its end.")
        product = steps.value * pace.value / 1000
        said = f"{steps.value:,} steps of {pace.value:g} ms are {product:.1f} s"
        sentence = f"{name(result)}: {said}; the clock says {seconds.value:.1f} s."
        if abs(product - seconds.value) > PACE_SHARE_MAX * seconds.value:
            return weighed(self, case, "time_differs", sentence, run.place(steps), run.place(pace), run.place(seconds))
        return passed(sentence, run.place(seconds))


class OwnScript(Rule):
    """The shipped script can print the lines of the logs."""

    code = "log-consistency.own-script"
    remedy = "Ship the script that made the logs."
    probe = "rerun"

    def check(self, case: Case) -> Iterator[Finding]:
        main = case.submission.main
        results = [result for result in judged(case) if result.metric is not None]
        if main is None or main.problems or not main.source.strip():
            yield unproven("No script that can be read: whether it made the logs cannot be told.", probe=self.probe)
            return
        sources = "\n".join([script.source.lower() for script in case.submission.scripts])
        found = False
        for result in results:
            metric = result.metric
            assert metric is not None
            label = "".join(c if c.isalnum() else " " for c in metric.label.lower())
            words = [word for word in label.split() if len(word) > 2]
            foreign = [word for word in words if word not in sources]
            if foreign:
                found = True
                place = score_place(result)
                sentence = f"{name(result)}: the script holds no {listed(map(repr, foreign))} and cannot print {metric.label!r}."
                yield weighed(self, case, "foreign_lines", sentence, *([place] if place else []), Place(file=main.path))
        if not found:
            yield passed(f"The script holds the words of the scores that {len(results)} logs end with.")


class Copied(Rule):
    """The runs are the author's own: no score is, to all digits, that of an earlier record."""

    code = "log-consistency.copied"
    remedy = "Run the seeds with the script that is shipped."

    def check(self, case: Case) -> Iterator[Finding]:
        submission = case.submission
        found = False
        for row in case.leaderboard.rows:
            is_own = row.folder.rpartition("/")[2] == submission.tree.name or (
                row.pr is not None and row.pr == submission.tree.pr
            )
            if is_own or is_author(row.author, submission.metadata.author, submission.metadata.github_id):
                continue
            known = {seed.val_bpb: seed for seed in row.seeds if decimals(seed.val_bpb) >= COPIED_DIGITS_MIN}
            same = [r for r in judged(case) if r.metric and r.metric.val_bpb in known]
            same = [r for r in same if same_loss(r, known)]
            if same:
                found = True
                places = [place for result in same if (place := score_place(result))]
                # One seed of several is shown again where an author adds seeds to another's run (PR 1868); all are a copy.
                # Where the claim is no statistic of the logs, they may be those it is compared with.
                is_claim = case.claim.value is None or case.claim.recomputed is not None
                level = self.setting(case, "copied") if is_claim and len(same) == len(judged(case)) else "warn"
                sentence = f"{listed(map(name, same))}: the scores of {row.name} ({row.title}), to all digits."
                yield graded(
                    level,
                    sentence,
                    *places,
                    precedents=(Precedent(pr=row.pr, text=row.title, url=row.url),),
                )
        if not found:
            yield passed("No score is that of an earlier record, to all digits.")


def same_loss(result: SeedResult, known) -> bool:
    metric = result.metric
    assert metric is not None
    row = known[metric.val_bpb]
    return metric.val_loss is None or row.val_loss is None or abs(metric.val_loss - row.val_loss) < 1e-7


def decimals(value: float) -> int:
    return len(repr(value).partition(".")[2])


def is_author(author: str | None, *names: str | None) -> bool:
    return author is not None and author.lower() in {name.lower() for name in names if name}
