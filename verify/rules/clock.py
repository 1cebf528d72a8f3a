"""train-time, calib-in-train, eval-time: what the clocks of the logs say against the two budgets of 600 s."""

from collections.abc import Iterator
from typing import Any

from verify.facts import clocks
from verify.facts.calibration import data_by_code
from verify.facts.grade import graded, weighed
from verify.facts.runs import judged, name, runs_of
from verify.facts.stops import stop_of
from verify.finding import Finding, Precedent, failed, lead, passed, unproven, warned
from verify.logs.model import SeedResult
from verify.rule import Case, Rule

BESIDE_SECONDS = 60.0  # of compile warm-up and diagnostics, worth a word
TEN_MINUTES = frozenset({"10min"})


class TrainSeconds(Rule):
    """The training loop of every seed ends within its budget, by the script's own clock."""

    code = "train-time.runs"
    remedy = "Stop by the clock, early enough that the last step ends within the budget."
    tracks = TEN_MINUTES
    probe = "outside-clock"
    precedents = (
        Precedent(pr=1945, text="602.0 s by a fixed number of steps: run again before it was accepted"),
        Precedent(pr=1908, text="601.2 s with a forced stop step: peers called it an ablation"),
    )
    accepted = (Precedent(pr=1019, text="accepted at 600,137 ms: the step that runs when time is up ends after it"),)

    def check(self, case: Case) -> Iterator[Finding]:
        limit, slack = self.setting(case, "seconds_max"), self.setting(case, "slack_seconds")
        results = judged(case)
        if not results:
            yield unproven("No run stands behind the claim, so no training time can be told.")
        for result in results:
            clock = clocks.training(result)
            if clock is None:
                yield unproven(f"{name(result)}: the log gives no training time.", probe=self.probe)
                continue
            over = clock.seconds - limit
            if over <= 0:
                yield passed(
                    f"{name(result)}: {clock.seconds:.3f} s of training.", *clock.places, seconds=clock.seconds
                )
            elif over <= slack:
                sentence = (
                    f"{name(result)}: {clock.seconds:.3f} s, over by less than a step: the step running at the end."
                )
                yield graded("note", sentence, *clock.places, precedents=self.accepted, seconds=clock.seconds)
            else:
                sentence = (
                    f"{name(result)}: {clock.seconds:.3f} s of training, {over:.3f} s over the budget of {limit:.0f} s."
                )
                yield failed(sentence, *clock.places, precedents=self.precedents, seconds=clock.seconds)


class StopRule(Rule):
    """All seeds stop by the same rule, and that rule is the clock."""

    code = "train-time.stop-rule"
    remedy = "Let the clock stop every seed; do not force the number of steps of one of them."
    tracks = TEN_MINUTES
    precedents = TrainSeconds.precedents

    def check(self, case: Case) -> Iterator[Finding]:
        stops = [(result, stop) for result in judged(case) if (stop := stop_of(result)) is not None]
        if not stops:
            yield unproven("The logs do not say what stopped the training.")
            return
        kinds = {stop.kind for _, stop in stops}
        budgets = {stop.budget_seconds for _, stop in stops if stop.budget_seconds is not None}
        places = [place for _, stop in stops for place in stop.places]
        seen = "; ".join(f"{name(result)} {stop}" for result, stop in stops)
        if len(kinds) > 1 or len(budgets) > 1:
            yield weighed(self, case, "stop_rules_differ", f"The seeds stop by different rules: {seen}.", *places)
        else:
            yield passed(f"Every seed stops by the same rule: {seen}.", *places)


class Calibration(Rule):
    """What reads training data to change the model ends within the training budget."""

    code = "calib-in-train.runs"
    remedy = "Reserve the seconds of calibration: stop training that much earlier."
    tracks = TEN_MINUTES
    probe = "isolation"
    precedents = (
        Precedent(pr=593, text="closed: calibration on training data after 600 s of training"),
        Precedent(pr=1028, text="closed, filed again as #1047 with a reserve"),
    )
    accepted = (
        Precedent(pr=1855, text="accepted: 4.9 s of Hessians after 599.6 s"),
        Precedent(pr=1493, text="accepted: Hessians end at 600.8 s"),
    )

    def check(self, case: Case) -> Iterator[Finding]:
        results = judged(case)
        if not results:
            yield unproven("No run stands behind the claim, so no calibration can be told.")
        for result in results:
            yield from self.judge(case, result)

    def judge(self, case: Case, result: SeedResult) -> Iterator[Finding]:
        limit, accepted = self.setting(case, "seconds_max"), self.setting(case, "accepted_seconds_max")
        clock, late = clocks.training(result), clocks.late_calibrations(result.run)
        free = [part for part in late if part.data in ("generated", "random")]
        parts = [part for part in late if part.data not in ("generated", "random", "val")]
        if clock is None:
            yield unproven(f"{name(result)}: the log gives no training time to add calibration to.", probe=self.probe)
            return
        if not parts:
            made = "on text the model made itself, which reads no data" if free else "is not logged after training"
            yield passed(f"{name(result)}: calibration {made}.", *(result.run.place(part) for part in free))
            return
        places = (*clock.places, *(result.run.place(part) for part in parts))
        seconds = sum(part.seconds for part in parts if part.seconds is not None)
        end = clock.seconds + seconds
        is_train = any(part.data == "train" for part in parts)
        if all(part.seconds is None for part in parts):
            yield self.untimed(case, result, clock.seconds, is_train, places)
        elif end <= limit:
            yield passed(f"{name(result)}: calibration ends at {end:.1f} s.", *places, seconds=end)
        elif clock.seconds >= limit:
            sentence = f"{name(result)}: {seconds:.1f} s of calibration after {clock.seconds:.3f} s of training: nothing reserved."
            yield self.late(case, sentence, is_train, places, end)
        elif end <= accepted:
            sentence = f"{name(result)}: training and calibration end at {end:.1f} s."
            yield warned(sentence, *places, precedents=self.accepted, seconds=end)
        else:
            sentence = f"{name(result)}: training and calibration end at {end:.1f} s, over {limit:.0f} s."
            yield self.late(case, sentence, is_train, places, end)

    def untimed(self, case: Case, result: SeedResult, trained: float, is_train: bool, places) -> Finding:
        limit = self.setting(case, "seconds_max")
        if trained < limit:
            sentence = f"{name(result)}: calibration follows {trained:.3f} s of training; the log does not say how long it takes."
            return unproven(sentence, *places, probe=self.probe)
        sentence = f"{name(result)}: calibration follows {trained:.3f} s of training: nothing was reserved for it."
        return self.late(case, sentence, is_train, places, trained)

    def late(self, case: Case, sentence: str, is_train: bool, places, end: float) -> Finding:
        if is_train:
            return graded(self.setting(case, "unreserved"), sentence, *places, precedents=self.precedents, seconds=end)
        labels, read = data_by_code(case)
        if labels == {"train"}:
            more = f"{sentence} The script reads training data for it."
            level = self.setting(case, "unreserved")
            return graded(level, more, *places, *read, precedents=self.precedents, seconds=end)
        if labels and labels <= {"generated", "random"}:
            more = f"{sentence} The script reads no data for it: the text is {' and '.join(sorted(labels))}."
            return graded("note", more, *places, *read, seconds=end)
        more = f"{sentence} The log does not say on which data."
        finding = unproven(more, *places, probe=self.probe, seconds=end)
        return finding.model_copy(update={"lead": True, "precedents": self.precedents})


class EvalSeconds(Rule):
    """The evaluation of every seed ends within its budget, by the policy's clock."""

    code = "eval-time.runs"
    remedy = "Make the evaluation shorter, and keep what reads validation tokens inside its timer."
    tracks = TEN_MINUTES
    probe = "outside-clock"
    precedents = (
        Precedent(pr=1972, text="refused: about 688 s of evaluation, what came before the pass included"),
        Precedent(pr=2135, text="accepted with the n-gram precompute inside the timer"),
    )
    accepted = (Precedent(pr=1855, text="accepted: 508.8 s by the timer, 676 to 741 s with warm-up and diagnostics"),)

    def check(self, case: Case) -> Iterator[Finding]:
        limit = self.setting(case, "seconds_max")
        results = judged(case)
        if not results:
            yield unproven("No run stands behind the claim, so no evaluation time can be told.")
        for result in results:
            readings = {
                "timer": clocks.timer(result),
                "needed": clocks.needed(result),
                "all": clocks.everything(result),
            }
            clock = readings[self.setting(case, "clock")]
            if clock is None:
                yield self.untimed(result, limit)
                continue
            seconds: dict[str, Any] = {
                f"{key}_seconds": round(value.seconds, 1) for key, value in readings.items() if value
            }
            if clock.seconds > limit:
                sentence = f"{name(result)}: {clock.seconds:.1f} s of evaluation, over the budget of {limit:.0f} s."
                yield failed(sentence, *clock.places, precedents=self.precedents, **seconds)
                continue
            longest = readings["all"]
            if longest is not None and longest.seconds > limit:
                more = f"{longest.seconds:.1f} s with every pass after training"
                sentence = f"{name(result)}: {clock.seconds:.1f} s of evaluation that counts, {more}."
                yield weighed(self, case, "others_over", sentence, *longest.places, **seconds)
                continue
            sentence = f"{name(result)}: {clock.seconds:.1f} s of evaluation"
            if longest is not None and longest.seconds > clock.seconds + BESIDE_SECONDS:
                more = f"{sentence}, {longest.seconds - clock.seconds:.1f} s more outside its timer."
                yield graded("note", more, *longest.places, **seconds)
            else:
                yield passed(f"{sentence}.", *clock.places, **seconds)

    def untimed(self, result: SeedResult, limit: float) -> Finding:
        """A score without its time: a mixture is often printed so, beside the pass it is made in."""
        others = [found for run in runs_of(result) for found in clocks.passes(run)]
        label, seconds, place = max(others, key=lambda found: found[1], default=("", 0.0, None))
        sentence = f"{name(result)}: the log gives no time of the evaluation that is claimed"
        if place is None or seconds <= limit:
            return unproven(f"{sentence}.", probe=self.probe)
        more = f"{sentence}; another pass of the run, {label}, takes {seconds:.1f} s."
        return lead(more, place, probe=self.probe, precedents=self.precedents, seconds=seconds)


class WholeProcess(Rule):
    """A log that says how long the whole process took does not contradict the two budgets."""

    code = "eval-time.process"
    remedy = "Say what takes the time outside both budgets: compiling, decompression, diagnostics."
    tracks = TEN_MINUTES

    def check(self, case: Case) -> Iterator[Finding]:
        said = False
        for result in judged(case):
            for run in runs_of(result):
                for event in run.events:
                    seconds = event.fields.get("elapsed_seconds", event.fields.get("seconds"))
                    if event.kind in ("post_train_clock", "wall_time") and isinstance(seconds, int | float):
                        said = True
                        sentence = f"{name(result)}: {seconds:.1f} s by the log's clock of the whole process."
                        yield graded("note", sentence, run.place(event), seconds=float(seconds))
        if not said:
            yield passed("No log speaks of the time of the whole process.")
