"""The verdict: everything a report shows, as data with a versioned schema. Reports are made from this alone."""

from typing import Literal

from pydantic import ConfigDict, Field

from verify.finding import Finding, Model, Precedent, Status

SCHEMA: Literal["pgolf.verdict/1"] = "pgolf.verdict/1"
Group = Literal["fail", "lead", "unproven", "warn", "note", "pass", "exempt"]
ROUNDED_BPB_MAX = 5e-5  # a claim this near its logs is a mean of rounded scores, or has one more digit than was known
EXIT_CODES = {Status.PASS: 0, Status.WARN: 0, Status.EXEMPT: 0, Status.FAIL: 1, Status.UNPROVEN: 3}


class RuleResult(Model):
    """What one rule came to."""

    code: str  # "artifact-bytes.logged"
    rule: str  # "artifact-bytes"
    sentence: str
    remedy: str
    status: Status  # the worst of its findings under the policy
    found: Status  # the same before the policy's cap and waivers
    findings: tuple[Finding, ...]
    waiver: str | None = None  # the reason recorded for an exemption
    cap: str = "fail"
    precedents: tuple[Precedent, ...] = ()  # of the rule; a finding may name its own

    def group(self, finding: Finding) -> Group:
        """Where a finding counts: a failure that the policy caps is a warning, what is waived or not in force is exempt."""
        if self.status is Status.EXEMPT:
            return "exempt"
        if finding.lead:
            return "lead"
        if finding.status is Status.FAIL and self.cap == "warn":
            return "warn"
        return "note" if finding.noted and finding.status is Status.PASS else finding.status.value

    @property
    def groups(self) -> frozenset[Group]:
        return frozenset(map(self.group, self.findings)) or frozenset({self.status.value})


class FileRow(Model):
    path: str
    bytes: int | None
    role: str  # readme, metadata, script, helper, log, requirements, tokenizer, other, symlink, absent
    is_packed: bool = False
    unpacked_bytes: int | None = None


class SeedRow(Model):
    """One run against what is claimed of it. Seconds, bytes, bits per byte; None: not said, not logged."""

    seed: int | None
    role: str
    file: str
    line: int | None  # of the score
    metric: str | None
    claimed_bpb: float | None
    logged_bpb: float | None
    logged_loss: float | None
    claimed_bytes: int | None
    logged_bytes: int | None
    steps: int | None
    ms_per_step: float | None
    train_seconds: float | None
    calibration_seconds: float | None
    eval_seconds: float | None
    world_size: int | None
    gpu: str | None
    val_tokens: int | None
    implied_bytes: float | None
    bpb_matches: bool | None = (
        None  # claimed and logged agree at the claim's own decimals; None: one of them is missing
    )
    bytes_match: bool | None = None
    duplicate_of: str | None = None  # the file whose bytes or results are the same


class Curve(Model):
    """A training curve, thinned. Points are (step, nats per token)."""

    name: str
    seed: int | None
    file: str | None
    train: tuple[tuple[int, float], ...] = ()
    validation: tuple[tuple[int, float], ...] = ()
    is_previous_record: bool = False


class SizeRow(Model):
    """Bytes by one measure of one run: logged total, code as it lies in the folder, code as logged, ..."""

    seed: int | None
    measure: str
    code_bytes: int | None
    model_bytes: int | None
    total_bytes: int | None
    source: str


class Phase(Model):
    """A stretch of a run. `budget`: train, eval, or outside (counted by nobody)."""

    seed: int | None
    name: str
    seconds: float
    budget: Literal["train", "eval", "outside"]
    file: str
    line: int | None


class Comparison(Model):
    """A significance test. Scores in val_bpb; p is one-sided Welch, None where a test means nothing (a note says why)."""

    against: str
    against_pr: int | None
    n_new: int
    n_old: int
    mean_new: float | None  # None: a value that is not a number, or no value
    mean_old: float | None
    gain_bpb: float | None
    gain_nats_per_token: float | None
    t: float | None
    df: float | None
    p: float | None  # margin 0
    p_margin_token: float | None  # margin 0.005 nats per token
    p_margin_byte: float | None  # margin 0.005 nats per byte
    new: tuple[float, ...]
    old: tuple[float, ...]
    ci: tuple[float, float] | None = None  # 90 % interval of the gain, bits per byte
    notes: tuple[str, ...] = ()
    std_new: float | None = None  # sample standard deviations (ddof 1)
    std_old: float | None = None
    bytes_per_token: float | None = None  # of the new submission: turns bits per byte into nats per token
    margin_nats: float = 0.005  # of p_margin_token and p_margin_byte
    p_two_sided: float | None = None  # margin 0
    p_paired: float | None = None  # one-sided, runs of equal seeds paired: information only


class SubmissionRow(Model):
    name: str
    location: str
    track: str | None
    pr: int | None
    sha: str | None
    date: str | None
    title: str
    author: str | None
    files: tuple[FileRow, ...]
    problems: tuple[str, ...]


class ClaimRow(Model):
    statistic: str | None
    value: float | None
    std: float | None
    recomputed: float | None
    std_sample: float | None
    std_population: float | None
    matches: bool | None
    metric: str | None


class Verdict(Model):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)

    schema_: Literal["pgolf.verdict/1"] = Field(default=SCHEMA, alias="schema")
    tool_version: str
    level: Literal["audit"] = "audit"
    policy: str
    policy_version: int
    policy_title: str
    status: Status
    headline: str  # one sentence
    submission: SubmissionRow
    claim: ClaimRow
    seeds: tuple[SeedRow, ...]
    curves: tuple[Curve, ...]
    sizes: tuple[SizeRow, ...]
    cap_bytes: int
    phases: tuple[Phase, ...]
    train_seconds_max: float
    eval_seconds_max: float
    comparisons: tuple[Comparison, ...]
    results: tuple[RuleResult, ...]
    milliseconds: float | None = None

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.status]

    def of(self, status: Status) -> list[RuleResult]:
        return [result for result in self.results if result.status is status]
