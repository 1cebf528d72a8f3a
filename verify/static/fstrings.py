"""Python 3.12 f-strings made readable for older parsers: each expression becomes a name, lines stay where they are.

    f"{x["a"]} {y!r:>{w}}"   ->   f"{__f0} {__f1!r:>{__f2}}",  with __f0 = x["a"], __f1 = y, __f2 = w

PEP 701 (Python 3.12) allows the quote of the string, backslashes, comments and new lines inside `{}`. The names are put
back as expressions after parsing (see parse.py), so the tree is the one Python 3.12 would make, without columns.
"""

import re

PLACEHOLDER = "__f{}__"
START = re.compile(r"""(?P<prefix>(?:(?<!\w)[rRbBuUfF]{1,2})?)(?P<quote>\"\"\"|'''|"|')|\#[^\n]*""")
DEPTH_MAX = 20
OPEN, CLOSE = "([{", ")]}"


class Unreadable(ValueError):
    """The text is no Python of any version."""


def rewrite(source: str) -> tuple[str, dict[str, tuple[str, int]]]:
    """The source with plain f-strings, and for each name (expression text, line from 1).

    Raises Unreadable where a string has no end.
    """
    parts: list[str] = []
    found: dict[str, tuple[str, int]] = {}
    place = 0
    for start, stop in _strings(source, 0, len(source)):
        prefix, quote = _opening(source, start)
        if "f" not in prefix.lower():
            continue
        parts.append(source[place:start])
        body = _fields(source, start + len(prefix) + len(quote), stop - len(quote), found, 0)
        lost = source.count("\n", start, stop) - body.count("\n")
        parts.append(f"{prefix}{quote}{body}{quote}" + "\\\n" * lost)
        place = stop
    parts.append(source[place:])
    return "".join(parts), found


def _opening(source: str, start: int) -> tuple[str, str]:
    match = START.match(source, start)
    if match is None or match["quote"] is None:
        raise Unreadable("no string here")
    return match["prefix"], match["quote"]


def _strings(source: str, place: int, stop: int):
    """Start and end of every string literal between two places, comments left out."""
    while (match := START.search(source, place, stop)) is not None:
        if match["quote"] is None:
            place = match.end()
            continue
        end = _end_of_string(source, match.start(), 0)
        yield match.start(), end
        place = end


def _end_of_string(source: str, start: int, depth: int) -> int:
    """Where the string literal that begins at `start` ends."""
    if depth > DEPTH_MAX:
        raise Unreadable("strings nested too deep")
    prefix, quote = _opening(source, start)
    is_formatted = "f" in prefix.lower()
    place = start + len(prefix) + len(quote)
    while place < len(source):
        character = source[place]
        if character == "\\":
            place += 2
        elif source.startswith(quote, place):
            return place + len(quote)
        elif is_formatted and character == "{":
            place = place + 2 if source.startswith("{{", place) else _end_of_field(source, place, depth + 1)
        elif character == "\n" and len(quote) == 1:
            raise Unreadable("a string without an end")
        else:
            place += 1
    raise Unreadable("a string without an end")


def _end_of_field(source: str, start: int, depth: int) -> int:
    """Where the replacement field that begins with "{" at `start` ends, its "}" included."""
    stop = _end_of_expression(source, start + 1, depth)
    if source[stop] == "}":
        return stop + 1
    place = stop + 1  # a format specification: text with nested fields
    while place < len(source):
        if source[place] == "{":
            place = _end_of_field(source, place, depth + 1)
        elif source[place] == "}":
            return place + 1
        else:
            place += 1
    raise Unreadable("a field without an end")


def _end_of_expression(source: str, place: int, depth: int) -> int:
    """The "}" or ":" that ends an expression in a field."""
    if depth > DEPTH_MAX:
        raise Unreadable("fields nested too deep")
    nesting = 0
    while place < len(source):
        character = source[place]
        match = START.match(source, place) if character in "rRbBuUfF\"'#" else None
        if match is not None and match["quote"] is None:
            place = match.end()
        elif match is not None:
            place = _end_of_string(source, place, depth + 1)
        elif character in OPEN:
            nesting, place = nesting + 1, place + 1
        elif nesting and character in CLOSE:
            nesting, place = nesting - 1, place + 1
        elif not nesting and character in "}:":
            return place
        else:
            place += 1
    raise Unreadable("a field without an end")


def _fields(source: str, start: int, stop: int, found: dict[str, tuple[str, int]], depth: int) -> str:
    """The text of an f-string, or of a format specification, with names in the place of expressions."""
    if depth > DEPTH_MAX:
        raise Unreadable("fields nested too deep")
    parts: list[str] = []
    place = start
    while place < stop:
        character = source[place]
        if character == "\\" and depth == 0:
            parts.append(source[place : place + 2])
            place += 2
        elif source.startswith("{{", place) and depth == 0:
            parts.append("{{")
            place += 2
        elif character == "{":
            end = _end_of_expression(source, place + 1, 0)
            expression = source[place + 1 : end]
            tail = re.search(r"\s*(![rsa])?\s*$", expression)
            conversion = (tail and tail[1]) or ""
            expression = re.sub(r"\s*(![rsa])?\s*$", "", expression)
            expression = re.sub(r"(?<![=!<>])=\s*$", "", expression)
            name = PLACEHOLDER.format(len(found))
            found[name] = (expression, source.count("\n", 0, place) + 1)
            if source[end] == ":":
                field_end = _end_of_field(source, place, 0)
                specification = _fields(source, end + 1, field_end - 1, found, depth + 1)
                specification = specification.replace("\n", " ")
                parts.append(f"{{{name}{conversion}:{specification}}}")
                place = field_end
            else:
                parts.append(f"{{{name}{conversion}}}")
                place = end + 1
        else:
            parts.append(character)
            place += 1
    return "".join(parts)
