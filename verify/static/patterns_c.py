"""C and C++ that a submission compiles at run time: helper files, and sources kept as strings in Python. Read, never compiled."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from verify.finding import QUOTE_CHARACTERS_MAX, Place
from verify.static.patterns_code import Code
from verify.submission.model import Script

NOTE = "natives"
NATIVE = {"c", "cpp", "cuda"}
# an unclosed comment or string ends with the text or the line, so that no text is scanned twice
COMMENTS = re.compile(r"""//[^\n]*|/\*.*?(?:\*/|\Z)|"(?:\\[^\n]|[^"\\\n])*(?:"|(?=\n)|\Z|\\)|'(?:\\[^\n]|[^'\\\n])*(?:'|(?=\n)|\Z|\\)""", re.S)  # fmt: skip # noqa: E501
FUNCTION = re.compile(
    r"\b([A-Za-z_]\w*)\s*\([^;{}()]*(?:\([^()]*\)[^;{}()]*)*\)\s*(?:const\s*|noexcept\s*|override\s*)*\{"
)
WORDS_BEFORE_BRACE = {"if", "for", "while", "switch", "else", "do", "catch", "sizeof", "return"}
MARKS = ("#include", "int64_t", "uint32_t", 'extern "C"')
NATIVE_CHARACTERS_MAX = 1_000_000
FUNCTIONS_MAX = 500


@dataclass(slots=True)
class NativeFunction:
    """One function of a C or C++ source. `body` has no comments and no strings; lines are kept."""

    name: str
    head: str  # from the name to the opening brace
    body: str
    line: int  # of the body's first line, in the file that holds it


@dataclass(slots=True)
class Native:
    """One C or C++ source: a file of the folder, or a string of a script."""

    file: str
    text: str
    first_line: int  # 1 for a file; the line of the string for one kept in a script
    unpacked: bool = False
    read: "list[NativeFunction] | None" = None  # its functions, once they were asked for

    def clean(self) -> str:
        """Comments and strings blanked, line breaks kept."""
        return COMMENTS.sub(lambda match: "\n" * match.group().count("\n") or " ", self.text[:NATIVE_CHARACTERS_MAX])

    def functions(self) -> list[NativeFunction]:
        if self.read is None:
            self.read = self._functions()
        return self.read

    def _functions(self) -> list[NativeFunction]:
        text = self.clean()
        closes = _closing(text)
        found: list[NativeFunction] = []
        end = 0
        for match in FUNCTION.finditer(text):
            if match.group(1) in WORDS_BEFORE_BRACE or match.start() < end:
                continue  # a statement, or inside the function before
            end = place = closes.get(match.end() - 1, match.end())
            line = self.first_line + text.count("\n", 0, match.end())
            found.append(NativeFunction(match.group(1), match.group(), text[match.end() : place], line))
            if len(found) == FUNCTIONS_MAX:
                break
        return found

    def place(self, function: NativeFunction, offset: int, note: str = "") -> Place:
        """Where an offset of a function's body stands."""
        line = function.line + function.body.count("\n", 0, offset)
        start = function.body.rfind("\n", 0, offset) + 1
        end = function.body.find("\n", offset)
        whole = function.body[start : end if end >= 0 else None]
        if len(whole) > QUOTE_CHARACTERS_MAX:
            whole = whole[max(0, offset - start - 40) :]
        return Place(
            file=self.file, line=line, quote=whole.strip()[:QUOTE_CHARACTERS_MAX], note=note, unpacked=self.unpacked
        )


def _closing(text: str) -> dict[int, int]:
    """Where each opening brace is closed; braces that are never closed are left out."""
    closes: dict[int, int] = {}
    opened: list[int] = []
    for brace in re.finditer(r"[{}]", text):
        if brace.group() == "{":
            opened.append(brace.start())
        elif opened:
            closes[opened.pop()] = brace.start()
    return closes


def natives(code: Code, helpers: Iterable[Script]) -> list[Native]:
    """Every C or C++ source of the program: helper files that are opened or compiled, then strings of reached functions."""
    if NOTE not in code.notes:
        code.notes[NOTE] = list(_natives(code, helpers))
    return code.notes[NOTE]


def _natives(code: Code, helpers: Iterable[Script]) -> Iterator[Native]:
    seen: set[object] = set()
    for script in [*helpers, *code.program.scripts]:
        if script.language in NATIVE and script.path not in seen:
            seen.add(script.path)
            yield Native(script.path, script.source, 1)
    for function in code.functions:
        if not any(mark in code.text(function) for mark in MARKS):
            continue
        for constant in code.strings(function):
            text, key = str(constant.value), (function.script.path, constant.lineno)
            if key not in seen and "{" in text and any(mark in text for mark in MARKS):
                seen.add(key)
                yield Native(function.script.path, text, constant.lineno, function.script.is_packed)
