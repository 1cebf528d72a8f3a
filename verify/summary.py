"""What a verdict shows beside its rules: claim, seeds, curves, sizes, phases, comparisons. Facts as read, nothing weighed."""

from collections.abc import Iterable, Sequence
from math import log

from verify.facts.agree import agrees, claimed_fields, trailing_unit
from verify.finding import Status
from verify.logs.model import Metric, Run, SeedResult
from verify.rule import Case
from verify.submission.model import SeedClaim, Submission
from verify.summary_charts import curve_rows, phase_rows, size_rows
from verify.verdict import ClaimRow, FileRow, RuleResult, SeedRow, SubmissionRow

NAMED_RULES_MAX = 6  # in a headline
NUMBER_MAX = 1e18  # no count, loss or time of a run comes near
SEED_ROWS_MAX = 64
FILE_ROWS_MAX = 400
PROBLEMS_MAX = 50
FIRST_ROLES = (
    "claimed",
    "support",
    "eval_only",
    "rerun",
    "unclaimed",
    "duplicate",
    "unrelated",
    "aux",
    "not_a_train_log",
)


def summary(case: Case, results: Sequence[RuleResult]) -> dict:
    """The fields of a Verdict that the audit itself does not make."""
    runs = claimed_results(case)
    return {
        "submission": submission_row(case.submission),
        "claim": claim_row(case),
        "seeds": tuple(seed_row(result, case) for result in seed_results(case)),
        "curves": curve_rows(case, runs),
        "sizes": size_rows(case, runs),
        "cap_bytes": int(case.policy.setting("artifact-bytes", "bytes_max")),
        "phases": phase_rows(runs),
        "train_seconds_max": float(case.policy.setting("train-time", "seconds_max")),
        "eval_seconds_max": float(case.policy.setting("eval-time", "seconds_max")),
        "comparisons": comparisons(case),
    }


def headline(status: Status, results: Sequence[RuleResult]) -> str:
    """One sentence: what is broken, else what is unproven, else what is warned of, and how many checks passed."""
    failed = rules_of(result for result in results if result.status is Status.FAIL)
    leads, unproven, warned = (
        [result for result in results if group in result.groups] for group in ("lead", "unproven", "warn")
    )
    passes = sum(result.status is Status.PASS for result in results)
    parts = []
    if leads:
        parts.append(f"{count(len(leads), 'lead')} for a probe{'' if failed else f' ({named(rules_of(leads))})'}")
    if unproven:
        parts.append(f"{len(unproven)} unproven{'' if failed or leads else f' ({named(rules_of(unproven))})'}")
    if warned:
        parts.append(
            f"{count(len(warned), 'warning')}{f' ({named(rules_of(warned))})' if status is Status.WARN else ''}"
        )
    parts.append(f"{count(passes, 'check')} passed")
    if waived := [result for result in results if result.waiver]:
        parts.append(f"{count(len(waived), 'check')} waived ({named(rules_of(waived))})")
    rest = ", ".join(parts)
    if failed:
        return f"{count(len(failed), 'rule')} broken: {named(failed)}; {rest}."
    if status is Status.EXEMPT:
        return "No rule is in force for this submission under this policy."
    return f"No rule found broken; {rest}."


def rules_of(results: Iterable[RuleResult]) -> list[str]:
    return sorted({result.rule for result in results})


def count(number: int, what: str, plural: str = "s") -> str:
    return f"{number:,} {what}{'' if number == 1 else plural}"


def named(rules: Sequence[str]) -> str:
    more = len(rules) - NAMED_RULES_MAX
    return ", ".join(rules[:NAMED_RULES_MAX]) + (f" and {more} more" if more > 0 else "")


def finite(value: float | None) -> float | None:
    """A number that JSON and a float can hold; NaN, infinities and integers of hundreds of digits are no values."""
    return value if value is not None and -NUMBER_MAX < value < NUMBER_MAX else None


def whole(value: int | None) -> int | None:
    return None if value is None or finite(value) is None else value


def submission_row(submission: Submission) -> SubmissionRow:
    tree, metadata = submission.tree, submission.metadata
    problems = [
        f"{problem.file}{'' if problem.line is None else f':{problem.line}'}: {problem.sentence}"
        for problem in submission.problems
    ]
    if len(problems) > PROBLEMS_MAX:
        problems[PROBLEMS_MAX:] = [f"and {len(problems) - PROBLEMS_MAX} more problems"]
    return SubmissionRow(
        name=tree.name,
        location=tree.location,
        track=submission.track,
        pr=tree.pr,
        sha=tree.sha,
        date=tree.date or metadata.date,
        title=metadata.name or submission.readme.title or tree.name,
        author=metadata.author or metadata.github_id,
        files=file_rows(submission),
        problems=tuple(problems),
    )


def file_rows(submission: Submission) -> tuple[FileRow, ...]:
    roles = {path: "tokenizer" for path in submission.tokenizers}
    roles |= {log.path: "log" for log in submission.logs}
    roles |= {place.file: "requirements" for place in submission.requirements.values()}
    roles |= {script.path: "source" for script in submission.scripts}
    roles |= {script.path: "helper" for script in submission.helpers}
    if submission.main:
        roles[submission.main.path] = "script"
    if submission.readme.file:
        roles[submission.readme.file] = "readme"
    if submission.metadata.file:
        roles[submission.metadata.file] = "metadata"
    scripts = {script.path: script for script in submission.scripts}
    rows = []
    for info in submission.files[:FILE_ROWS_MAX]:
        script = scripts.get(info.path)
        is_packed = script is not None and script.is_packed
        rows.append(
            FileRow(
                path=info.path,
                bytes=info.bytes,
                role=roles.get(info.path, "other") if info.kind == "file" else info.kind,
                is_packed=is_packed,
                unpacked_bytes=len(script.source.encode("utf-8", "surrogatepass")) if script and is_packed else None,
            )
        )
    return tuple(rows)


def claim_row(case: Case) -> ClaimRow:
    claim = case.claim
    return ClaimRow(
        statistic=claim.statistic,
        value=finite(claim.value),
        std=finite(claim.std),
        recomputed=finite(claim.recomputed),
        std_sample=finite(claim.std_sample),
        std_population=finite(claim.std_population),
        matches=claim.matches,
        metric=claim.label,
    )


def seed_results(case: Case) -> list[SeedResult]:
    """Every run, those behind the claim first."""
    ordered = sorted(case.claim.results, key=lambda result: FIRST_ROLES.index(result.role))
    return ordered[:SEED_ROWS_MAX]


def claimed_results(case: Case) -> list[SeedResult]:
    """The runs that charts show: those behind the claim, else all that trained."""
    results = case.claim.results
    chosen = case.claim.claimed or [
        result for result in results if result.role not in ("duplicate", "not_a_train_log", "aux")
    ]
    return chosen[:SEED_ROWS_MAX]


def seed_claim(seed: int | None, case: Case) -> SeedClaim | None:
    """What is claimed of a seed: in submission.json, else in the README's table. Claims of variants are not of the submission."""
    if seed is None:
        return None
    claims = [*case.submission.metadata.seed_results, *case.submission.readme.seed_results]
    own = [claim for claim in claims if claim.seed == seed and not claim.label]
    return next((claim for claim in own if claim.val_bpb is not None), own[0] if own else None)


def matches(claim: SeedClaim | None, result: SeedResult, name: str) -> bool | None:
    """Whether a logged figure gives the claimed one, by the measure of the rules; None where one of them is missing."""
    found = [field for field in claimed_fields(claim, result) if field.name == name] if claim else []
    return agrees(found[0]) if found else None


def bytes_match(claim: SeedClaim | None, result: SeedResult, logged: int | None) -> bool | None:
    """As `matches`, and None where the claim is of another measure than the logged total beside which it stands."""
    if claim is None or claim.artifact_bytes is None or logged is None:
        return None
    said = matches(claim, result, "artifact bytes")
    slack = max(claim.artifact_rounding_bytes, trailing_unit(claim.artifact_bytes) - 1)
    return True if abs(claim.artifact_bytes - logged) <= slack else None if said else said


def total_bytes(run: Run, claimed: int | None = None) -> int | None:
    """The total a run logs: the one that is claimed where it is among them, else the last printed."""
    totals = [size.bytes for size in run.sizes if size.measure == "total"]
    if claimed in totals:
        return claimed
    return totals[-1] if totals else None


def seed_row(result: SeedResult, case: Case) -> SeedRow:
    run, metric = result.run, result.metric
    said = seed_claim(result.seed, case) if result.role == "claimed" else None
    claimed_bpb = finite(said.val_bpb) if said else None
    logged_bpb = finite(metric.val_bpb) if metric else None
    claimed_bytes = whole(said.artifact_bytes) if said else None
    logged_bytes = whole(total_bytes(run, claimed_bytes))
    total_eval = run.total_eval_seconds or (result.metric_run.total_eval_seconds if result.metric_run else None)
    metric_run = result.metric_run or run
    tokens = whole(value_of(metric_run.val_tokens) or value_of(run.val_tokens))
    return SeedRow(
        seed=whole(result.seed),
        role=result.role,
        file=metric_run.file if metric else run.file,
        line=metric.line if metric else None,
        metric=metric.label if metric else None,
        claimed_bpb=claimed_bpb,
        logged_bpb=logged_bpb,
        logged_loss=finite(metric.val_loss) if metric else None,
        claimed_bytes=claimed_bytes,
        logged_bytes=logged_bytes,
        steps=whole(value_of(run.steps)),
        ms_per_step=finite(value_of(run.ms_per_step)),
        train_seconds=finite(value_of(run.train_seconds)),
        calibration_seconds=finite(run.calibration_seconds),
        eval_seconds=finite(value_of(total_eval)) if total_eval else finite(metric.eval_seconds) if metric else None,
        world_size=whole(value_of(run.world_size)),
        gpu=value_of(run.gpu),
        val_tokens=tokens,
        implied_bytes=implied_bytes(metric, tokens),
        bpb_matches=matches(said, result, "val_bpb"),
        bytes_match=bytes_match(said, result, logged_bytes),
        duplicate_of=result.duplicate_of,
    )


def value_of(value):
    return None if value is None else value.value


def implied_bytes(metric: Metric | None, tokens: int | None) -> float | None:
    """Bytes of the text that was scored: tokens x loss / (ln 2 x bpb)."""
    loss, bpb = (metric.val_loss, metric.val_bpb) if metric else (None, None)
    if not tokens or loss is None or not bpb or None in (whole(tokens), finite(loss), finite(bpb)):
        return None
    return finite(tokens * loss / (log(2) * bpb))


def comparisons(case: Case) -> tuple:
    """The claimed runs against the record of the day, where the leaderboard knows one."""
    from verify.stats.comparisons import comparisons_of

    return tuple(comparisons_of(case))
