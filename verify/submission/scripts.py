"""The source files of a submission: which one is run, and which of the others it uses."""

import hashlib
import posixpath
import re
from collections.abc import Callable, Iterable

from verify.limits import SCRIPT_BYTES_MAX
from verify.submission.model import Problem, Script
from verify.submission.text import decode
from verify.submission.unpack import unpack
from verify.tree import FileInfo, Tree

LANGUAGES = {
    ".py": "python", ".c": "c", ".h": "c", ".cc": "cpp", ".cpp": "cpp", ".cxx": "cpp", ".hpp": "cpp", ".cu": "cuda", ".cuh": "cuda",
    ".rs": "rust", ".sh": "shell", ".bash": "shell", ".slurm": "shell", ".sbatch": "shell",
}  # fmt: skip
MAIN = "train_gpt.py"
LAUNCHER_CHARACTERS_MAX = 4_000  # of a script that only starts another one
SCRIPTS_MAX = 400
HELPERS_MAX = 200
PACKAGE_CHARACTERS_MAX = 200
NOT_MAIN = re.compile(
    r"human|readable|decode|original|unpacked|minif|mlx|test|prepare|download|plot|analy|patch|preflight|launch|baseline|backup",
    re.IGNORECASE,
)
IMPORT = re.compile(
    r"(?:^|[;:\n])[ \t]*(?:import[ \t]+([\w., \t]+)|from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]*(?:\(([\w, \t\n]*)|([\w, \t]+)))"
)
NAMED_FILE = re.compile(r"""['"]([\w./ -]{1,200}\.(?:py|c|h|cc|cpp|cxx|hpp|cu|cuh|rs|sh|so))['"]""")
INCLUDE = re.compile(r'#\s*include\s*"([^"\n]{1,200})"')
COMMAND_SCRIPT = re.compile(r"[\w./-]+\.py\b")
DUNDER_MAIN = re.compile(r"__main__|torch\.distributed|torch\.optim|Hyperparameters")


def language_of(path: str) -> str | None:
    return LANGUAGES.get(posixpath.splitext(path)[1].lower())


class Sources:
    """The readable files of a tree by path, for scripts that read or import their neighbours."""

    def __init__(self, tree: Tree, files: Iterable[FileInfo]):
        self.tree = tree
        self.files = {info.path: info for info in files if info.kind == "file"}

    def find(self, name: str, script: str) -> str | None:
        """The file that a script at `script` means by `name`: as it stands, next to it, or by the last part of an absolute path."""
        here = posixpath.dirname(script)
        names = [posixpath.normpath(name), posixpath.normpath(posixpath.join(here, name))]
        if name.startswith("/"):
            names.append(posixpath.join(here, posixpath.basename(name)))
        return next((path for path in names if path in self.files), None)

    def reader(self, script: str) -> Callable[[str], bytes | None]:
        def read(name: str) -> bytes | None:
            path = self.find(name, script)
            try:
                return None if path is None else self.tree.read(path, SCRIPT_BYTES_MAX + 1)
            except OSError:
                return None

        return read


def read_script(sources: Sources, info: FileInfo) -> list[Script]:
    """One source file, unpacked where it is packed; then the sources it carries, if any."""
    language = language_of(info.path) or "python"
    problems: list[Problem] = []
    try:
        data = sources.tree.read(info.path, SCRIPT_BYTES_MAX + 1)
    except OSError:
        data = b""
        problems.append(Problem(info.path, "could not be read"))
    if len(data) > SCRIPT_BYTES_MAX:
        problems.append(Problem(info.path, f"is longer than {SCRIPT_BYTES_MAX:,} bytes; the rest was not read"))
    decoded = decode(data[:SCRIPT_BYTES_MAX], is_cut=len(data) > SCRIPT_BYTES_MAX)
    problems += [Problem(info.path, sentence) for sentence in decoded.problems]
    size = info.bytes if info.bytes is not None else len(data)
    script = Script(
        info.path, size, hashlib.sha256(data).hexdigest(), decoded.text, source=decoded.text, language=language
    )
    members: list[Script] = []
    if language == "python":
        found = unpack(info.path, decoded.text, sources.reader(info.path))
        script.source, script.layers, script.settings = found.source, found.layers, found.settings
        script.runs = tuple(
            path for name in found.runs if (path := sources.find(name, info.path)) and path != info.path
        )
        problems += [Problem(info.path, sentence) for sentence in found.problems]
        members = [carried(info.path, name, text) for name, text in found.members.items()]
    script.problems = tuple(problems)
    return [script, *members]


def carried(inside: str, name: str, text: str) -> Script:
    """A source that stands inside another script."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return Script(
        f"{inside}!{name}", 0, digest, text, source=text, language=language_of(name) or "python", inside=inside
    )


def read_scripts(tree: Tree, files: Iterable[FileInfo]) -> tuple[list[Script], list[Problem]]:
    """All source files, by path."""
    sources = Sources(tree, files)
    wanted = [info for info in sources.files.values() if language_of(info.path)]
    wanted.sort(
        key=lambda info: (info.path.count("/"), not posixpath.basename(info.path).startswith("train"), info.path)
    )
    problems = (
        [Problem(wanted[SCRIPTS_MAX].path, f"is one of {len(wanted):,} scripts; {SCRIPTS_MAX} were read")]
        if len(wanted) > SCRIPTS_MAX
        else []
    )
    scripts = [script for info in wanted[:SCRIPTS_MAX] for script in read_script(sources, info)]
    scripts.sort(key=lambda script: script.path)
    return scripts, problems + [problem for script in scripts for problem in script.problems]


def main_script(scripts: list[Script], commands: Iterable[str]) -> Script | None:
    """The script that is run: train_gpt.py, else the one a command names, else what is called like it; or None.

    A short launcher that only executes another file of the folder gives way to that file.
    """
    python = {script.path: script for script in scripts if script.language == "python" and script.inside is None}
    main = python.get(MAIN)
    if main is None:
        named = [
            posixpath.normpath(name)
            for command in commands
            if "torchrun" in command or "python" in command
            for name in COMMAND_SCRIPT.findall(command)
        ]
        found = [python[name] for name in named if name in python and DUNDER_MAIN.search(python[name].source)]
        main = next((script for script in found if "train" in script.path.lower()), found[0] if found else None)
    if main is None:
        found = [
            script
            for path, script in python.items()
            if posixpath.basename(path).startswith("train") and DUNDER_MAIN.search(script.source)
        ]
        found = found or [
            script for script in python.values() if DUNDER_MAIN.search(script.source) and "torch" in script.source
        ]
        main = min(found, key=likeness, default=None)
    for _ in range(4):
        if main is None or len(main.source) > LAUNCHER_CHARACTERS_MAX or not main.runs:
            break
        following = python.get(main.runs[0])
        if following is None or following is main:
            break
        main = following
    return main


def likeness(script: Script) -> tuple:
    """Smaller for scripts that look more like the submission's own: named like it, not a helper's name, high up, early."""
    name = posixpath.basename(script.path)
    return (
        script.path.count("/"),
        name != MAIN,
        not name.startswith("train_gpt"),
        bool(NOT_MAIN.search(name)),
        script.path,
    )


def modules_of(source: str) -> Iterable[tuple[str, bool]]:
    """Modules a Python source imports: dotted name, and whether it is relative. By lines: newer syntax is no obstacle."""
    for match in IMPORT.finditer(source):
        if match[1]:
            for item in match[1].split(","):
                yield item.split(" as ")[0].strip(), False
        elif match[2]:
            base = match[2].lstrip(".")
            yield base, match[2].startswith(".")
            for item in (match[3] or match[4] or "").split(","):
                name = item.split(" as ")[0].strip()
                if name.isidentifier():
                    yield f"{base}.{name}" if base else name, match[2].startswith(".")


def used_by(script: Script, by_path: dict[str, Script]) -> Iterable[Script]:
    """Sources of the folder that one source imports, includes, or names as a file."""
    here = posixpath.dirname(script.inside or script.path)
    names: list[str] = [*script.runs]
    if script.language == "python":
        for module, _ in modules_of(script.source):
            part = module.replace(".", "/")
            names += [f"{part}.py", f"{part}/__init__.py"]
            names += [
                f"{part[:at]}/__init__.py"
                for at, character in enumerate(part[:PACKAGE_CHARACTERS_MAX])
                if character == "/"
            ]
        names += NAMED_FILE.findall(script.source)
    elif script.language in {"c", "cpp", "cuda"}:
        names += INCLUDE.findall(script.source)
    else:
        names += COMMAND_SCRIPT.findall(script.source)
    for name in dict.fromkeys(names):
        for path in (posixpath.normpath(posixpath.join(here, name)), posixpath.normpath(name)):
            if path in by_path:
                yield by_path[path]
                break
    for other in by_path.values():
        if other.inside == script.path:
            yield other


def helpers_of(main: Script | None, scripts: list[Script]) -> tuple[Script, ...]:
    """First-party sources that the main script uses, and those use in turn; a launcher that starts it is one too."""
    if main is None:
        return ()
    by_path = {script.path: script for script in scripts}
    launchers = [script for script in scripts if main.path in script.runs and posixpath.basename(script.path) == MAIN]
    queue = [main, *launchers]
    seen = {script.path for script in queue}
    for script in queue:
        for other in used_by(script, by_path):
            if other.path not in seen and len(seen) <= HELPERS_MAX:
                seen.add(other.path)
                queue.append(other)
    return tuple(script for script in queue if script is not main)
