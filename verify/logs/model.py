"""What the log reader finds: runs, and in each run values with the line they stand on. Absent means None, never a guess."""

from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from verify.finding import QUOTE_CHARACTERS_MAX, Place

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Value(Generic[T]):
    """A value of a log with its line (from 1) and the line's text."""

    value: T
    line: int
    text: str


# step        validation inside the training loop
# pre_quant   the trained (averaged) model before quantisation
# post_quant  the quantised model, plain blocks
# sliding     the quantised model, sliding windows
# ttt, slot, ngram, mixture   evaluations that adapt or mix
# other       anything else that has a loss or a bpb
# The family is read from the label, and labels lie: a rule never decides by it alone.
Family = Literal["step", "pre_quant", "post_quant", "sliding", "ttt", "slot", "ngram", "mixture", "other"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A printed score. val_loss in nats per token, val_bpb in bits per byte."""

    label: str  # as printed: "final_int8_zlib_roundtrip_exact", "quantized_sliding_window", ...
    family: Family
    val_loss: float | None
    val_bpb: float | None
    eval_seconds: float | None
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Size:
    """A printed size in bytes.

    measure: total (code + model), code (as counted), code_uncompressed, model, model_raw (before quantisation), total_raw (code +
    model_raw, printed by the starter script: not the artifact), artifact (the line does not say whether code is in it)
    """

    measure: Literal["total", "code", "code_uncompressed", "model", "model_raw", "total_raw", "artifact"]
    label: str
    bytes: int
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Calibration:
    """Something that collects statistics for quantisation. data is None where the log does not say.

    stage: start, generate, collect, done; `done` covers what went before it. A start has no seconds.
    """

    seconds: float | None
    data: Literal["train", "val", "generated", "random"] | None
    line: int
    text: str
    stage: str = "collect"


@dataclass(frozen=True, slots=True)
class Point:
    """A point of the training curve: losses in nats per token, seconds since the timer started (coarse where the log is)."""

    step: int
    line: int
    train_loss: float | None = None
    val_loss: float | None = None
    val_bpb: float | None = None
    seconds: float | None = None
    ms_per_step: float | None = None  # as printed, mean since the timer started


@dataclass(frozen=True, slots=True)
class Event:
    """Any other line a grammar knows, by kind, with its fields. verify/logs/dialects/events.yaml lists the kinds."""

    kind: str
    fields: dict[str, int | float | str]
    line: int
    text: str


@dataclass(slots=True)
class Run:
    """One run in one log file."""

    file: str
    index: int  # among the runs of the file, from 0
    first_line: int
    last_line: int
    kind: Literal["train", "eval_only", "fragment"] = "train"
    dialect: str = ""
    is_complete: bool = False  # a final metric or size line was reached
    seed: Value[int] | None = None
    steps: Value[int] | None = None  # taken
    iterations: Value[int] | None = None  # asked for
    ms_per_step: Value[float] | None = None
    train_seconds: Value[float] | None = None  # the script's own clock at its last training step
    max_wallclock_seconds: Value[float] | None = None
    stopped_by_clock: Value[bool] | None = None
    total_eval_seconds: Value[float] | None = None  # where printed as such
    val_tokens: Value[int] | None = None
    train_shards: Value[int] | None = None
    tokenizer: Value[str] | None = None
    parameters: Value[int] | None = None
    world_size: Value[int] | None = None
    gpu: Value[str] | None = None
    torch_version: Value[str] | None = None
    python_version: Value[str] | None = None
    settings: dict[str, Value[str]] = field(default_factory=dict)  # hyper-parameters as printed, names in lower case
    curve: list[Point] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    sizes: list[Size] = field(default_factory=list)
    calibrations: list[Calibration] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    unix_seconds: dict[int, float] = field(
        default_factory=dict
    )  # line -> time, where a logger put unix times before the lines

    def of_kind(self, *kinds: str) -> list[Event]:
        return [event for event in self.events if event.kind in kinds]

    def sizes_of(self, measure: str) -> list[Size]:
        return [size for size in self.sizes if size.measure == measure]

    @property
    def total(self) -> Size | None:
        """The last printed size of code and compressed model together."""
        return next((size for size in reversed(self.sizes) if size.measure == "total"), None)

    @property
    def calibration_seconds(self) -> float | None:
        """Seconds of all calibration, none counted twice: a `done` line covers the lines before it."""
        done = [of for of in self.calibrations if of.stage == "done" and of.seconds is not None]
        after = done[-1].line if done else 0
        parts = [of.seconds for of in self.calibrations if of.seconds is not None and (of.line > after or of in done)]
        return sum(parts) if parts else None

    def place(self, of, note: str = "") -> Place:
        """The place of a value, metric, size, point ... of this run."""
        return Place(file=self.file, line=of.line, quote=getattr(of, "text", "")[:QUOTE_CHARACTERS_MAX], note=note)


@dataclass(slots=True)
class Source:
    """A script that a log holds: its text, and where it stands."""

    file: str
    first_line: int
    last_line: int
    text: str


@dataclass(slots=True)
class Log:
    """One log file, read."""

    file: str
    sha256: str
    runs: list[Run]
    sources: list[Source]
    unknown_lines: int  # lines no grammar knows, scripts and blank lines left out
    unknown_scores: int = 0  # of them, lines that look like a score: what the log shows is not all known


Role = Literal[
    "claimed", "support", "duplicate", "unrelated", "unclaimed", "aux", "rerun", "eval_only", "not_a_train_log"
]


@dataclass(slots=True)
class SeedResult:
    """One run as evidence for the claim. `metric` is the line that gives the claimed score, in `metric_run` (an eval-only log
    may hold it). `duplicate_of` names the file whose bytes or results are the same."""

    run: Run
    role: Role
    seed: int | None  # as logged, else from the file's name
    seed_in_name: int | None = None
    metric: Metric | None = None
    metric_run: Run | None = None
    duplicate_of: str | None = None


@dataclass(slots=True)
class Claim:
    """What the submission claims, and what its logs give.

    statistic    "mean", "best", "single", "best_of" (mean of the best k of n), or None where nothing is claimed
    value        the headline val_bpb as claimed, with its number of decimals and its place
    recomputed   the same statistic from the logs with role "claimed", or None
    matches      equal at the claim's own precision; None: cannot be told
    std_sample, std_population   of the claimed runs, bits per byte
    loss_matches the same for the claimed val_loss, per seed where it is claimed per seed: True while `matches` is False says that
                 the runs are the claimed ones and only the bytes were counted in another way
    """

    statistic: str | None = None
    value: float | None = None
    digits: int | None = None
    place: Place | None = None
    val_loss: float | None = None
    std: float | None = None
    label: str | None = None  # metric label the claim is read from
    recomputed: float | None = None
    matches: bool | None = None
    loss_matches: bool | None = None
    std_sample: float | None = None
    std_population: float | None = None
    results: list[SeedResult] = field(default_factory=list)

    @property
    def claimed(self) -> list[SeedResult]:
        return [result for result in self.results if result.role == "claimed"]

    def scores(self) -> list[float]:
        """val_bpb of the claimed runs, one for each seed, in order of the results."""
        return [result.metric.val_bpb for result in self.claimed if result.metric and result.metric.val_bpb is not None]
