"""log-consistency: the figures that submission.json gives for the whole submission are those of the logs."""

from collections.abc import Iterator
from statistics import fmean

from verify.facts.agree import digits, shown, trailing_unit
from verify.facts.clocks import timer
from verify.facts.grade import graded, listed, weighed
from verify.facts.runs import judged, name, runs_of, score_place
from verify.facts.sizes import counted_script, logged
from verify.finding import Finding, Place, passed, unproven
from verify.logs.model import SeedResult
from verify.rule import Case, Rule

SECONDS_OFF_MAX = 1.0
SECONDS_SHARE_MAX = 0.002


class Figures(Rule):
    """Loss, bytes, steps and seconds at the top of submission.json are a run's, or the mean of the runs."""

    code = "log-consistency.headline"
    remedy = "Copy the figures from the logs, and say of which seed, or that they are a mean."

    def check(self, case: Case) -> Iterator[Finding]:
        metadata, results = case.submission.metadata, judged(case)
        if metadata.file is None or not results:
            yield unproven("There is no submission.json, or no run, to compare.")
            return
        found = False
        for key, claimed, values, unit in figures(case, results):
            if claimed is None or not values:
                continue
            candidates = {*values, fmean(values), max(values)}
            if all(abs(claimed - value) > unit for value in candidates):
                found = True
                written, line = metadata.keys.get(key, key), metadata.lines.get(key)
                place = Place(file=metadata.file, line=line, quote=f'"{written}": {claimed}')
                sentence = (
                    f"{metadata.file}: {written} is {shown(claimed)}; the logs say {listed(map(shown, values), 4)}."
                )
                yield weighed(self, case, "field_differs", sentence, place)
        if not found:
            yield passed(f"The figures at the top of {metadata.file} are those of the logs.")


def figures(case: Case, results: list[SeedResult]) -> Iterator[tuple[str, float | None, list[float], float]]:
    """Each figure: its name, what is claimed, what the runs log, and by how much they may differ."""
    metadata = case.submission.metadata
    metrics = [result.metric for result in results if result.metric]
    yield (
        "val_loss",
        metadata.val_loss,
        [m.val_loss for m in metrics if m.val_loss is not None],
        unit_of(metadata.val_loss),
    )
    script = counted_script(case)
    codes = [float(size.bytes) for r in results for run in runs_of(r) for size in logged(run, "code")]
    known = codes + ([float(script.bytes)] if script else [])
    yield "code_bytes", metadata.code_bytes, known, trailing_unit(metadata.code_bytes)
    models = [float(size.bytes) for r in results for run in runs_of(r) for size in logged(run, "model")]
    yield "model_bytes", metadata.model_bytes, models, trailing_unit(metadata.model_bytes)
    steps = [float(r.run.steps.value) for r in results if r.run.steps]
    yield "steps", metadata.steps, steps, max(trailing_unit(metadata.steps, 10), 0.6)
    seconds = [r.run.train_seconds.value for r in results if r.run.train_seconds]
    exact = metadata.train_seconds is not None and digits(metadata.train_seconds) >= 3 and metadata.train_seconds % 1
    yield "train_seconds", metadata.train_seconds, seconds, 0.0015 if exact else SECONDS_OFF_MAX
    times = [clock.seconds for r in results if (clock := timer(r)) is not None]
    slack = max(SECONDS_OFF_MAX, SECONDS_SHARE_MAX * (metadata.eval_seconds or 0))
    yield "eval_seconds", metadata.eval_seconds, times, slack
    before = [
        m.val_bpb for r in results for m in r.run.metrics if m.family in ("pre_quant", "step") and m.val_bpb is not None
    ]
    yield "pre_quant_val_bpb", metadata.pre_quant_val_bpb, before, unit_of(metadata.pre_quant_val_bpb)


def unit_of(value: float | None) -> float:
    """The last decimal of a claim, and a little: a mean is often made of rounded values."""
    return 1.01 * 10.0 ** -min(digits(value), 5)


class ReadmeScore(Rule):
    """The README's headline is the score of submission.json."""

    code = "log-consistency.readme"
    remedy = "Claim one score, in README and submission.json."

    def check(self, case: Case) -> Iterator[Finding]:
        readme, metadata = case.submission.readme, case.submission.metadata
        headline, stated = readme.headline_bpb, metadata.val_bpb
        if headline is None or stated is None:
            yield passed("Only one of README and submission.json gives a score.")
            return
        unit = 10.0 ** -min(readme.headline_digits or 4, metadata.val_bpb_digits or 4)
        line = metadata.lines.get("val_bpb")
        places = [Place(file=metadata.file or "submission.json", line=line, quote=f"val_bpb: {stated}")]
        places += [readme.headline] if readme.headline else []
        if abs(headline - stated) < 1.01 * unit:
            yield passed(f"README and submission.json claim {stated}.", *places)
        else:
            sentence = f"The README claims {headline}, submission.json {stated}."
            yield weighed(self, case, "table_differs", sentence, *places)


class Reading(Rule):
    """How the logs have to be read: nothing in them is easily taken for the claim."""

    code = "log-consistency.reading"
    remedy = "Ship one log for each seed, of one run, that ends with the claimed score."

    def check(self, case: Case) -> Iterator[Finding]:
        found = [*self.files(case), *self.scores(case)]
        yield from found or [passed("Every log holds one run and ends with the score that is claimed.")]

    def files(self, case: Case) -> Iterator[Finding]:
        for log in case.logs:
            if len(log.runs) > 1:
                places = [Place(file=log.file, line=run.first_line) for run in log.runs[:6]]
                yield graded("note", f"{log.file} holds {len(log.runs)} runs.", *places)
        hashes: dict[str, str] = {}
        for log in case.logs:
            if log.sha256 in hashes:
                sentence = f"{log.file} is a copy of {hashes[log.sha256]}."
                yield graded("note", sentence, Place(file=log.file), Place(file=hashes[log.sha256]))
            hashes.setdefault(log.sha256, log.file)

    def scores(self, case: Case) -> Iterator[Finding]:
        for result in judged(case):
            place = score_place(result)
            if result.metric is None or place is None:
                continue
            if result.metric_run is not None and result.metric_run.file != result.run.file:
                sentence = f"{name(result)}: trained in {result.run.file}, scored in {result.metric_run.file}."
                yield graded("note", sentence, place)
            run = result.metric_run or result.run
            scored = [m for m in run.metrics if m.val_bpb is not None and m.family != "step"]
            if scored and scored[-1].val_bpb is not None and result.metric.val_bpb is not None:
                last = scored[-1]
                if last.line > result.metric.line and abs(scored[-1].val_bpb - result.metric.val_bpb) > 1e-4:
                    sentence = (
                        f"{name(result)}: the log ends with {last.label} {last.val_bpb}, not with the claimed score."
                    )
                    yield graded("note", sentence, run.place(last), place)
            for event in result.run.events:
                if event.kind == "resume":
                    yield graded("note", f"{name(result)}: the run goes on from a checkpoint.", result.run.place(event))
            for event in result.run.events:
                if event.kind == "crash":
                    yield graded("note", f"{name(result)}: the log shows a crash.", result.run.place(event))
                    break


class Reproduced(Rule):
    """Where the leaderboard records that somebody ran it again, the score came back."""

    code = "log-consistency.reproduced"
    remedy = "Give the exact source, shards, packages and machine, so that the score can be had again."
    probe = "rerun"

    def check(self, case: Case) -> Iterator[Finding]:
        row = case.leaderboard.itself(case.claim.scores())
        again = row.reproduction if row is not None else None
        places = [place for result in judged(case) if (place := score_place(result)) is not None]
        if row is None or again is None:
            yield passed("The leaderboard records no other run of it.")
        elif again.outcome == "reproduced":
            yield passed(f"{row.name} was run again and reproduced ({again.source}).", *places)
        else:
            value = f" at {again.value}" if again.value is not None else ""
            found = "did not come back" if again.outcome == "failed" else "is questioned"
            sentence = f"{row.name} was run again: its score {found}{value} ({again.source})."
            yield graded("warn", sentence, *places)
