"""Reading a submission: a tree of files in, a Submission out. Never raises for what a submission holds; executes nothing."""

import posixpath
import re
from collections.abc import Iterator

from verify.limits import FILES_MAX, TEXT_BYTES_MAX
from verify.submission.commands import in_file as commands_in_file
from verify.submission.log_files import looks_like_log, read_log_files
from verify.submission.metadata import read_metadata
from verify.submission.model import Metadata, Problem, Readme, Script, Submission
from verify.submission.readme import read_readme
from verify.submission.requirements import FILE as REQUIREMENTS_FILE
from verify.submission.requirements import declared
from verify.submission.scripts import helpers_of, main_script, read_scripts
from verify.submission.text import decode, is_text, printable
from verify.tree import FileInfo, Tree

METADATA = re.compile(
    r"sub{1,2}mission(?:[_-][\w.-]*)?\.json$", re.IGNORECASE
)  # one PR in a thousand spells it with three b
COMMAND_FILE = re.compile(r".*\.sh$|.*command[\w.-]*\.txt$|(?:run|launch|reproduce)[\w.-]*\.txt$", re.IGNORECASE)
TOKENIZER = re.compile(r"(?:\.model|\.vocab|tokenizer[\w.-]*\.json)$", re.IGNORECASE)
SMALL_TEXTS_MAX = 40  # command and requirements files
NON_RECORD = re.compile(r"non[-_ ]?record", re.IGNORECASE)
TEN_MINUTES = re.compile(r"10[-_ ]?min", re.IGNORECASE)


class Reader:
    """Reads texts of one tree and collects what was wrong with them."""

    def __init__(self, tree: Tree):
        self.tree = tree
        self.files = tuple(tree.files())
        self.problems: list[Problem] = []

    def text(self, info: FileInfo) -> str | None:
        """A small text file; None where it cannot be read or is no text."""
        try:
            data = self.tree.read(info.path, TEXT_BYTES_MAX + 1)
        except OSError:
            self.problems.append(Problem(info.path, "could not be read"))
            return None
        is_cut = len(data) > TEXT_BYTES_MAX
        if is_cut:
            self.problems.append(Problem(info.path, f"is longer than {TEXT_BYTES_MAX:,} bytes; the rest was not read"))
        if not is_text(data):
            self.problems.append(Problem(info.path, "is no text"))
            return None
        decoded = decode(data[:TEXT_BYTES_MAX], is_cut)
        self.problems += [Problem(info.path, sentence) for sentence in decoded.problems]
        return decoded.text

    def named(self, pattern: re.Pattern[str]) -> list[FileInfo]:
        """Readable files whose own name matches, those of the folder itself first."""
        found = [info for info in self.files if info.kind == "file" and pattern.match(posixpath.basename(info.path))]
        return sorted(found, key=lambda info: (info.path.count("/"), info.path))

    def refused(self) -> None:
        """Say which files are not read, and why."""
        if len(self.files) >= FILES_MAX or getattr(self.tree, "is_cut", False):
            self.problems.append(
                Problem("", f"holds more than {FILES_MAX:,} files, or folders nested too deep; not all were looked at")
            )
        for info in self.files:
            if info.kind == "symlink":
                self.problems.append(Problem(info.path, "is a symbolic link, which is not followed"))
            elif info.kind == "other":
                self.problems.append(Problem(info.path, "is no regular file and was not opened"))
            elif info.kind == "absent":
                self.problems.append(Problem(info.path, "is not in the git store and was not read"))
            if printable(info.path) != info.path or ".." in info.path.split("/") or info.path.startswith("/"):
                self.problems.append(
                    Problem(info.path, "has a name with control characters or one that leads out of the folder")
                )

    def metadata(self) -> Metadata:
        """submission.json, or the first file called like it."""
        found = self.named(METADATA)
        found.sort(key=lambda info: (info.path.count("/"), posixpath.basename(info.path) != "submission.json"))
        for info in found:
            if "checkpoint" in info.path and len(found) > 1:
                continue
            text = self.text(info)
            if text is not None:
                out, problems = read_metadata(info.path, text)
                self.problems += problems
                return out
        return Metadata()

    def readme(self, metadata: Metadata) -> Readme:
        found = self.named(re.compile(r"readme(?:\.(?:md|markdown|txt|rst))?(?:\.txt)?$", re.IGNORECASE))
        found = (
            found or [info for info in self.named(re.compile(r".*\.md$", re.IGNORECASE)) if "/" not in info.path][:1]
        )
        for info in found:
            text = self.text(info)
            if text is not None:
                out, problems = read_readme(info.path, text, metadata.val_bpb)
                self.problems += problems
                return out
        return Readme()


def track_of(tree: Tree, metadata: Metadata) -> str | None:
    """ "10min" or "non_record": by where the folder stands, else by what its metadata say."""
    folder = tree.location.split("/")
    for text in (folder[-2] if len(folder) > 1 else "", metadata.track or ""):
        if NON_RECORD.search(text):
            return "non_record"
        if TEN_MINUTES.search(text):
            return "10min"
    return "non_record" if metadata.status == "non-record" else None


def read_submission(tree: Tree) -> Submission:
    """All that a record folder holds, as data. Raises only what the tree itself raises for the folder as a whole."""
    reader = Reader(tree)
    reader.refused()
    metadata = reader.metadata()
    readme = reader.readme(metadata)
    texts = {info.path: text for info in small_texts(reader) if (text := reader.text(info)) is not None}
    texts = {path: text for path, text in texts.items() if not path.endswith(".txt") or not looks_like_log(text)}
    for path, text in texts.items():
        if not REQUIREMENTS_FILE.search(posixpath.basename(path)):
            commands, environment = commands_in_file(path, text)
            readme.commands += commands
            readme.environment = environment | readme.environment
    scripts, script_problems = read_scripts(tree, reader.files)
    main = main_script(scripts, [*(place.quote for place in readme.commands), *run_commands(metadata)])
    scripts.sort(key=lambda script: script is not main)
    logs, log_problems = read_log_files(tree, [info for info in reader.files if info.path not in texts])
    return Submission(
        tree=tree,
        files=reader.files,
        track=track_of(tree, metadata),
        readme=readme,
        metadata=metadata,
        scripts=tuple(scripts),
        main=main,
        logs=tuple(logs),
        requirements=declared([*by_requirements_first(texts), (readme.file or "", readme.text), *shell_texts(scripts)]),
        tokenizers=tuple(info.path for info in reader.files if TOKENIZER.search(info.path)),
        helpers=helpers_of(main, scripts),
        problems=tuple(dict.fromkeys([*reader.problems, *script_problems, *log_problems])),
    )


def shell_texts(scripts: list[Script]) -> Iterator[tuple[str, str]]:
    return ((script.path, script.text) for script in scripts if script.language == "shell")


def small_texts(reader: Reader) -> list[FileInfo]:
    """Requirements and command files: small texts that are no logs."""
    found = reader.named(REQUIREMENTS_FILE)
    for info in reader.named(COMMAND_FILE):
        if info.bytes is not None and info.bytes <= 20_000:
            found.append(info)
    return found[:SMALL_TEXTS_MAX]


def by_requirements_first(texts: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(texts.items(), key=lambda item: not REQUIREMENTS_FILE.search(posixpath.basename(item[0])))


def run_commands(metadata: Metadata) -> list[str]:
    """Commands that the metadata quote."""
    if not isinstance(metadata.raw, dict):
        return []
    found = [
        value
        for key, value in metadata.raw.items()
        if "command" in key.lower() or key.lower() in {"script", "entry_point", "entrypoint", "main"}
    ]
    return [f"python {value}"[:2000] for value in found if isinstance(value, str)]
