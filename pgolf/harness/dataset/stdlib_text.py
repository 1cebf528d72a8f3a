"""English text that every CPython brings along: its help topics, docstrings and comments, about 2 MB of prose.

Nothing is imported or run: files are parsed. Long texts are cut at blank lines; a text of which a quarter already
stands in a longer one is dropped, so that no sentence of length crosses from training into validation.
The result depends on the Python version alone: modules that distributions change, move or leave out are skipped (only
a distribution that backports a later fix, comment and all, to a module we read can differ).
"""

import ast
import functools
import hashlib
import re
import sys
import sysconfig
import textwrap
from collections.abc import Iterator
from pathlib import Path

from pgolf.core.errors import DataError

SKIPPED = frozenset({
    "ctypes", "curses", "dbm", "distutils", "encodings", "ensurepip", "idlelib", "lib2to3", "msilib", "tkinter",
    "turtle", "turtledemo", "venv",  # packaged apart, or not at all
    "gettext", "locale", "platform", "pydoc", "site", "sysconfig", "tempfile", "webbrowser",  # patched by Debian
    "antigravity", "pydoc_data", "this",  # not prose
})  # fmt: skip
SKIPPED_FOLDERS = frozenset({"test", "tests", "__pycache__"})
CHARACTERS_MIN = 120
CHARACTERS_MAX = 4000
WORDS_MIN = 20
LETTERS_FRACTION_MIN = 0.6  # below that it is a table or a drawing
SHINGLE_WORDS = 8
SHARED_FRACTION_MAX = 0.25

COMMENT_BLOCK = re.compile(r"(?:^[ \t]*#.*\n)+", re.MULTILINE)
COMMENT_MARK = re.compile(r"^[ \t]*#+:? ?", re.MULTILINE)


@functools.cache  # parsing the library takes seconds
def documents() -> tuple[str, ...]:
    """All texts, cleaned, no two alike, in an order that looks random and depends on the texts alone (by their hash).

    Raises DataError when this Python has no sources or no help topics.
    """
    library = Path(sysconfig.get_path("stdlib"))
    texts = [*_topics(library)]
    for path in _sources(library):
        texts += _source_texts(path)
    pieces = (piece for text in texts for piece in _pieces(_clean(text)))
    distinct = _without_duplicates({piece for piece in pieces if _is_prose(piece)})
    return tuple(sorted(distinct, key=lambda text: hashlib.sha256(text.encode()).digest()))


def _sources(library: Path) -> Iterator[Path]:
    """Source files of the modules that belong to the language, whatever else lies in the same folder."""
    for name in sorted(sys.stdlib_module_names - SKIPPED):
        if (library / f"{name}.py").is_file():
            yield library / f"{name}.py"
        for path in sorted((library / name).rglob("*.py")):
            if not SKIPPED_FOLDERS.intersection(path.relative_to(library).parts):
                yield path


def _topics(library: Path) -> Iterator[str]:
    """The texts of `help("TOPIC")`: the values of the one dictionary in pydoc_data/topics.py."""
    path = library / "pydoc_data" / "topics.py"
    for node in _parse(path)[0].body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            yield from (text for _, text in sorted(ast.literal_eval(node.value).items()))
            return
    raise DataError(f"{path}: no dictionary of help topics in it. Use another Python.")


def _source_texts(path: Path) -> Iterator[str]:
    """Docstrings, then comment blocks."""
    tree, source = _parse(path)
    yield ast.get_docstring(tree) or ""
    yield from _docstrings(tree.body)
    for block in COMMENT_BLOCK.finditer(source):
        yield COMMENT_MARK.sub("", block.group())


def _docstrings(body: list[ast.stmt]) -> Iterator[str]:
    """Those of classes and functions, however deep; expressions are not looked at, they hold none."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""
        for block in ("body", "orelse", "finalbody"):
            yield from _docstrings(getattr(node, block, []))
        for handler in getattr(node, "handlers", []):
            yield from _docstrings(handler.body)


def _parse(path: Path) -> tuple[ast.Module, str]:
    try:
        source = path.read_text("utf-8")
        return ast.parse(source), source
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"{path}: cannot be read as Python source ({error}). Use a Python with its sources.") from None


def _clean(text: str) -> str:
    lines = (line.rstrip() for line in textwrap.dedent(text.expandtabs()).replace("\x00", " ").splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _pieces(text: str) -> Iterator[str]:
    """`text` cut at blank lines into pieces of at most CHARACTERS_MAX; a longer paragraph stays whole."""
    piece = ""
    for paragraph in text.split("\n\n"):
        if piece and len(piece) + 2 + len(paragraph) > CHARACTERS_MAX:
            yield piece.strip()
            piece = ""
        piece = f"{piece}\n\n{paragraph}" if piece else paragraph
    yield piece.strip()


def _is_prose(text: str) -> bool:
    letters = sum(map(str.isalpha, text))
    visible = len("".join(text.split()))
    return len(text) >= CHARACTERS_MIN and len(text.split()) >= WORDS_MIN and letters >= LETTERS_FRACTION_MIN * visible


def _without_duplicates(texts: set[str]) -> list[str]:
    """The longest first; each is kept when less than SHARED_FRACTION_MAX of its word runs stand in one kept before."""
    seen: set[tuple[str, ...]] = set()
    kept = []
    for text in sorted(texts, key=lambda text: (-len(text), text)):
        words = re.findall(r"\w+", text.lower())
        runs = {tuple(words[i : i + SHINGLE_WORDS]) for i in range(max(1, len(words) - SHINGLE_WORDS + 1))}
        if len(runs & seen) < SHARED_FRACTION_MAX * len(runs):
            seen |= runs
            kept.append(text)
    return kept
