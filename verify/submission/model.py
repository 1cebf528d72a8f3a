"""What the reader finds in a record folder. Values are as written there, wrong ones too; every one has its place."""

from dataclasses import dataclass, field
from typing import Any

from verify.finding import Place
from verify.tree import FileInfo, Tree


@dataclass(frozen=True, slots=True)
class Problem:
    """Something the reader refused or could not read: a symlink out of the folder, a zip bomb, broken JSON."""

    file: str
    sentence: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """One step of unpacking a script, from outside in."""

    how: str  # "base85+lzma.raw", "base64+zlib", ...
    bytes_before: int
    bytes_after: int


@dataclass(slots=True)
class Script:
    """One source file. `source` is what runs in the end; `text` is the file as it stands."""

    path: str
    bytes: int
    sha256: str
    text: str
    layers: tuple[Layer, ...] = ()
    source: str = ""  # equal to text where nothing is packed
    language: str = "python"  # python, c, cpp, cuda, shell
    problems: tuple[Problem, ...] = ()
    inside: str | None = None  # the packed script that carries this source; its bytes are counted there (bytes is 0)
    runs: tuple[
        str, ...
    ] = ()  # files of the folder that it executes as they are: exec(open(path).read()), runpy.run_path(path)
    settings: dict[str, Place] = field(
        default_factory=dict
    )  # environment that the packed layers set before they run `source`

    @property
    def is_packed(self) -> bool:
        return bool(self.layers)


@dataclass(slots=True)
class SeedClaim:
    """What submission.json or the README says of one seed. None: not said. `val_bpb` is as written, in bits per byte."""

    seed: int | None
    val_bpb: float | None = None
    val_loss: float | None = None  # nats per token
    artifact_bytes: int | None = None
    steps: int | None = None
    train_seconds: float | None = None
    eval_seconds: float | None = None
    place: Place | None = None
    digits: int | None = None  # decimals val_bpb is written with
    artifact_rounding_bytes: int = 0  # artifact_bytes is written rounded ("15.9 MB"): it may be this much more or less
    label: str = (
        ""  # what the file adds to the seed ("42_conservative"); such a claim is of a variant, not of the submission
    )


@dataclass(slots=True)
class Metadata:
    """submission.json (or its like) with normalised names. Missing values are None; `raw` is the parsed file."""

    file: str | None = None
    author: str | None = None
    github_id: str | None = None
    name: str | None = None
    date: str | None = None
    track: str | None = None
    val_bpb: float | None = None
    val_bpb_digits: int | None = None
    val_loss: float | None = None
    val_bpb_std: float | None = None
    val_loss_std: float | None = None
    seeds: tuple[int, ...] = ()
    seed_results: tuple[SeedClaim, ...] = ()
    artifact_bytes: int | None = None  # bytes_total, artifact_bytes, ... ; `keys` says under which name
    artifact_rounding_bytes: int = 0  # artifact_bytes is written rounded ("15.9 MB"): it may be this much more or less
    artifact_bytes_max: int | None = None
    artifact_bytes_mean: float | None = None
    code_bytes: int | None = None
    model_bytes: int | None = None
    steps: int | float | None = None  # a mean over seeds may be broken
    train_seconds: float | None = None
    eval_seconds: float | None = None
    pre_quant_val_bpb: float | None = None
    pre_quant_val_loss: float | None = None
    hardware: str | None = None
    torch_version: str | None = None
    status: str | None = None  # "record", "non-record", as far as the file says it
    keys: dict[str, str] = field(default_factory=dict)  # normalised name -> key as written
    lines: dict[str, int] = field(default_factory=dict)  # normalised name -> line in the file
    raw: Any = None


@dataclass(slots=True)
class Table:
    """A table of the README: header cells, rows of cells (plain text), and the line each row stands on."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]


@dataclass(slots=True)
class Readme:
    file: str | None = None
    text: str = ""
    title: str = ""
    tables: tuple[Table, ...] = ()
    headline_bpb: float | None = None  # the score the title or the first paragraphs claim
    headline_digits: int | None = None
    headline: Place | None = None
    std_bpb: float | None = None
    seed_results: tuple[SeedClaim, ...] = ()  # from its per-seed table
    commands: tuple[Place, ...] = ()  # run commands in code blocks and command files: quote is the command
    environment: dict[str, Place] = field(
        default_factory=dict
    )  # NAME=value settings of those commands; quote is the value
    hardware: str | None = None


@dataclass(slots=True)
class LogFile:
    """A text file that is or may be a log. Read lazily: `text()` decodes (UTF-8, UTF-16), limited."""

    path: str
    bytes: int
    sha256: str
    text: str
    is_cut: bool = False  # longer than the limit: the rest was not read


@dataclass(slots=True)
class Submission:
    tree: Tree
    files: tuple[FileInfo, ...]
    track: str | None  # "10min", "non_record", or None
    readme: Readme
    metadata: Metadata
    scripts: tuple[Script, ...]  # every source file; the first is the one that is run, where there is one
    main: Script | None  # train_gpt.py, or what stands in its place
    logs: tuple[LogFile, ...]
    requirements: dict[str, Place]  # declared packages, lower case; apt and pip lines of README and set-up scripts too
    tokenizers: tuple[str, ...]  # paths
    helpers: tuple[Script, ...]  # first-party sources that the main script imports, opens, compiles or includes
    problems: tuple[Problem, ...]
