"""Declared packages: requirements files, and the pip, conda and apt lines of READMEs and set-up scripts."""

import posixpath
import re
from collections.abc import Iterable

from verify.finding import QUOTE_CHARACTERS_MAX, Place
from verify.submission.text import split_lines

FILE = re.compile(r"(?:requirements|reqs)[\w.-]*\.(?:txt|in)$", re.IGNORECASE)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
INSTALL = re.compile(r"\b(?:uv\s+)?(?:pip3?|conda|mamba|apt|apt-get|brew)\s+(?:-\S+\s+)*install\b(.{0,2000})")
EGG = re.compile(r"#egg=([\w.-]{1,80})")
FROM_ADDRESS = re.compile(r"([A-Za-z0-9][\w.-]{0,80}?)(?:-\d[\w.+!-]*)?(?:\.git|\.whl|\.tar\.gz|\.zip)?(?:@[\w./-]+)?$")
TAKES_VALUE = frozenset(
    {
        "-r",
        "--requirement",
        "-i",
        "--index-url",
        "--extra-index-url",
        "-f",
        "--find-links",
        "-c",
        "--constraint",
        "-t",
        "--target",
        "-n",
    }
)
STOP = re.compile(r"&&|\|\||[;|>`)]")
LINES_MAX = 20_000
LINE_MAX = 4_000
WORD_MAX = 500
PACKAGES_MAX = 1_000


def canonical(name: str) -> str:
    """A package's name as PEP 503 writes it: lower case, "-" between words."""
    return re.sub(r"[-_.]+", "-", name).lower()


def package_of(word: str) -> str | None:
    """The package one requirement names: "Torch>=2.1", "x @ https://...", "git+https://host/y.git", "z[extra]"."""
    word = word[:WORD_MAX].strip().strip("'\",")
    if not word or word.startswith(("-", "#", ".", "/", "$", "{", "<", "\\")):
        return None
    if "://" in word and not NAME.match(
        word.partition("@")[0].strip() + "x" if word.startswith(("git+", "http")) else word.partition(" ")[0]
    ):
        return None
    if word.startswith(("git+", "http://", "https://")):
        egg = EGG.search(word)
        match = egg or FROM_ADDRESS.search(posixpath.basename(word.partition("#")[0].partition("?")[0]))
        return canonical(match[1]) if match else None
    match = NAME.match(word)
    return canonical(match[0]) if match else None


def in_requirements(path: str, text: str) -> Iterable[tuple[str, Place]]:
    """Packages of a requirements file."""
    for number, line in enumerate(split_lines(text)[:LINES_MAX], 1):
        requirement = line.partition(" #")[0].strip()
        if name := package_of(requirement):
            yield name, Place(file=path, line=number, quote=line.strip()[:QUOTE_CHARACTERS_MAX])


def in_commands(path: str, text: str) -> Iterable[tuple[str, Place]]:
    """Packages of the install lines of any text."""
    for number, line in enumerate(split_lines(text)[:LINES_MAX], 1):
        if "install" not in line:
            continue
        for match in INSTALL.finditer(line[:LINE_MAX]):
            is_value = False
            for word in STOP.split(match[1])[0].split():
                if is_value or word in TAKES_VALUE:
                    is_value = not is_value
                elif name := package_of(word):
                    yield name, Place(file=path, line=number, quote=line.strip()[:QUOTE_CHARACTERS_MAX])


def declared(texts: Iterable[tuple[str, str]]) -> dict[str, Place]:
    """Package -> where it is declared first, from texts by path."""
    found: dict[str, Place] = {}
    for path, text in texts:
        read = in_requirements if FILE.search(posixpath.basename(path)) else in_commands
        for name, place in read(path, text):
            if len(found) < PACKAGES_MAX:
                found.setdefault(name, place)
    return found
