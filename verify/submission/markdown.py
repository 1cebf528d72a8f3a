"""Markdown into blocks: headings, paragraphs, tables, code, each with its lines. Inline markup is taken off, HTML is plain text."""

import gc
import re
from dataclasses import dataclass, field
from functools import cache

from markdown_it import MarkdownIt

from verify.submission.model import Table

CHARACTERS_MAX = 200_000  # of a README that are parsed: the parser is slow on hostile nesting
CELLS_MAX = 20_000
CELL_CHARACTERS_MAX = 1_000
LONG_LINE = re.compile(r"(.{4000}).+")  # a table of ten thousand columns is no table
LINK = re.compile(r"!?\[([^\[\]\n]{0,300})\]\([^()\n]{0,500}\)")
MARKS = re.compile(r"\*\*|__|~~|`+|</?(?:b|i|u|em|strong|sub|sup|code|span|font|br)\b[^<>\n]{0,100}>", re.IGNORECASE)
PRIVATE = 0xF000  # of the private use area: where escaped marks wait
ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
HIDDEN = re.compile("[\uf021-\uf07e]")
STARS = re.compile(r"(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)")


@dataclass(slots=True)
class Blocks:
    """A README's blocks. Lines count from 1."""

    title: str = ""
    title_line: int | None = None
    prose: list[tuple[int, str]] = field(default_factory=list)  # paragraphs, list items and headings, without markup
    tables: list[Table] = field(default_factory=list)
    code: list[tuple[int, str]] = field(default_factory=list)  # code blocks, by their first line
    is_cut: bool = False


@cache
def parser() -> MarkdownIt:
    """Block structure only. Rules that cost time and give little here are off: quoted text is read as prose."""
    out = (
        MarkdownIt("commonmark", {"maxNesting": 12})
        .enable("table")
        .disable(["html_block", "reference", "lheading", "blockquote"])
    )
    out.core.ruler.enableOnly(["normalize", "block"])
    return out


def plain(text: str) -> str:
    """Inline markdown without its marks, in linear time."""
    text = text[: 20 * CELL_CHARACTERS_MAX]
    if "\\" in text:  # escaped marks are text: out of the way while the others go
        text = ESCAPED.sub(lambda match: chr(PRIVATE + ord(match[1])), text)
    if "](" in text:
        text = LINK.sub(r"\1", text)
    text = MARKS.sub("", text)
    if "*" in text or "_" in text:
        text = STARS.sub("", text)
    return HIDDEN.sub(lambda match: chr(ord(match[0]) - PRIVATE), text).strip()


def read_blocks(text: str) -> Blocks:
    """The blocks of a markdown text. Never raises."""
    out = Blocks(is_cut=len(text) > CHARACTERS_MAX)
    collects = gc.isenabled()
    gc.disable()  # hundreds of thousands of tokens, none of them garbage: collecting takes most of the time
    try:
        tokens = parser().parse(LONG_LINE.sub(r"\1", text[:CHARACTERS_MAX]))
    except (RecursionError, IndexError, ValueError):  # IndexError: markdown-it-py on some broken input
        out.is_cut = True
        return out
    finally:
        if collects:
            gc.enable()
    rows: list[tuple[str, ...]] = []
    lines: list[int] = []
    row: list[str] = []
    cells = 0
    in_cell = in_heading = False
    for token in tokens:
        line = (token.map[0] + 1) if token.map else (lines[-1] if lines else 1)
        if token.type == "table_open":
            rows, lines, cells = [], [], 0
        elif token.type == "tr_open":
            row = []
            lines.append(line)
        elif token.type == "tr_close":
            rows.append(tuple(row))
        elif token.type in {"th_open", "td_open"}:
            in_cell = True
        elif token.type in {"th_close", "td_close"}:
            in_cell = False
        elif token.type == "table_close":
            if rows and cells <= CELLS_MAX:
                out.tables.append(Table(rows[0], tuple(rows[1:]), tuple(lines[1:])))
        elif token.type == "heading_open":
            in_heading = True
        elif token.type == "heading_close":
            in_heading = False
        elif token.type in {"fence", "code_block"}:
            out.code.append((line + (token.type == "fence"), token.content))
        elif token.type == "inline" and in_cell:
            cells += 1
            if cells <= CELLS_MAX:
                row.append(plain(token.content[:CELL_CHARACTERS_MAX]))
        elif token.type == "inline":
            if in_heading and not out.title:
                out.title, out.title_line = plain(token.content)[:CELL_CHARACTERS_MAX], line
            for offset, part in enumerate(token.content.split("\n")):
                out.prose.append((line + offset, plain(part.lstrip("> "))))
    return out
