"""How the script counts the bytes of the validation text, which every score is divided by."""

import ast
import re
from collections.abc import Iterator

from verify.finding import Finding, Place, Precedent, lead, warned
from verify.rule import Case
from verify.rules.scoring import CodeRule
from verify.rules.scoring_gate import claimed_runs
from verify.static.patterns import Scope, dotted, last, number, root
from verify.static.patterns_code import Code
from verify.static.program import Function

MARKS = ("\u2581", "\\u2581", "u2581", "\\xe2\\x96\\x81", "0x2581", "9601", "U+2581", "LOWER ONE EIGHTH BLOCK")
DOUBLE = Precedent(pr=1734, text="space counted in the table and in the loop: 1.0108 became about 1.1873 (issue #1719)")
TABLE = Precedent(
    pr=1289, text="the author's byte table was 4.13 % too large: 1.0819 became about 1.1266 (#1143, #1184)"
)
PROBE = "byte-recount"
# the check for the word mark, as it stands in a script that a log holds
LOGGED_MARK = re.compile(
    r"""startswith\(\s*["']([^"'\n]{0,4})["']\s*\)\s*:\s*\n\s*\w*(?:leading_space|has_space)\w*\["""
)


class ByteTable(CodeRule):
    """The table of bytes per token counts every byte of a piece once, and the leading space in one place only."""

    code = "bpb-bytes.table"
    remedy = "Strip U+2581 before measuring a piece, count byte tokens as 1, and add the space once, in the loop."
    precedents = (DOUBLE, TABLE)
    probe = PROBE
    nothing = "the table of bytes per token strips the word mark and counts the space once, as far as reading shows"

    def look(self, case: Case, code: Code) -> Iterator[Finding]:
        spaced = None
        for function, scope in code.having(".encode(", also=("id_to_piece", "IdToPiece")):
            for node in _entries(scope):
                extra = _plus_one(node.value)
                if extra is not None:
                    spaced = spaced or _space_in_loop(code)
                    if spaced is not None:
                        yield self._lead(
                            "the leading space is counted in the table of bytes per token and again in the evaluation loop",
                            code.place(function, node, "+1 in the table"),
                            code.place(*spaced, "+1 in the loop"),
                            precedent=DOUBLE,
                        )
                        break
                elif not any(mark in code.text(function) for mark in MARKS):
                    yield self._lead(
                        "the word mark U+2581 is not stripped before a piece is measured: three bytes for each space",
                        code.place(function, node, "table"),
                        precedent=DOUBLE,
                    )
                    break
        yield from self._loaded(code)
        yield from self._constant(code)
        yield from self._logged(case)

    def _loaded(self, code: Code) -> Iterator[Finding]:
        for function, scope in code.having("base_bytes", also=("load(",)):
            for node in scope.of(ast.Subscript):
                if not (
                    isinstance(node.slice, ast.Constant)
                    and isinstance(node.slice.value, str)
                    and "bytes" in node.slice.value
                ):
                    continue
                if (
                    scope.rests_on(node.value, lambda part: isinstance(part, ast.Call) and last(part) == "load", 3)
                    is not None
                ):
                    yield self._lead(
                        "the bytes of each token come from a file of the author's; reading the script does not show that "
                        "they are right",
                        code.place(function, node, "table from a file"),
                        precedent=TABLE,
                    )
                    return

    def _constant(self, code: Code) -> Iterator[Finding]:
        for function, scope in code.having("bytes_per_token", "BYTES_PER_TOKEN", also=("bpb",)):
            for node in scope.of(ast.Assign):
                value = number(node.value)
                name = dotted(node.targets[0]).lower()
                if (
                    name.endswith("bytes_per_token")
                    and value is not None
                    and 1 < value < 8
                    and _divides(code, dotted(node.targets[0]))
                ):
                    yield self._lead(
                        f"the number of bytes per token is a constant ({value:g}) of the script, not counted",
                        code.place(function, node, "constant"),
                        precedent=None,
                    )

    def _logged(self, case: Case) -> Iterator[Finding]:
        claimed = {run.file for run in claimed_runs(case)}
        for log in case.logs:
            for source in log.sources:
                match = LOGGED_MARK.search(source.text)
                if not match or match.group(1) in MARKS or match.group(1) == " ":
                    continue
                line = source.first_line + source.text.count("\n", 0, match.start())
                quote = source.text[match.start() : match.end()].split("\n")[0].strip()
                sentence = "the script that made this log looks for another mark than U+2581 where it strips the space of a piece"
                place = Place(file=log.file, line=line, quote=quote, note="script in the log")
                if log.file in claimed:
                    yield self._lead(sentence, place, precedent=DOUBLE)
                else:
                    yield warned(f"{sentence}; the claim does not rest on this log", place, precedents=(DOUBLE,))

    def _lead(self, sentence: str, *places: Place, precedent: Precedent | None) -> Finding:
        return lead(sentence, *places, probe=self.probe, precedents=(precedent,) if precedent else ())


def _entries(scope: Scope) -> Iterator[ast.Assign]:
    """`table[token] = ... len(piece.encode(...)) ...`."""
    for node in scope.of(ast.Assign):
        if isinstance(node.targets[0], ast.Subscript) and any(
            isinstance(part, ast.Call)
            and last(part) == "len"
            and any(isinstance(inner, ast.Call) and last(inner) == "encode" for inner in ast.walk(part))
            for part in ast.walk(node.value)
        ):
            yield node


def _plus_one(value: ast.AST) -> ast.AST | None:
    if (
        isinstance(value, ast.BinOp)
        and isinstance(value.op, ast.Add)
        and 1.0 in (number(value.left), number(value.right))
    ):
        return value
    return None


def _space_in_loop(code: Code) -> tuple[Function, ast.AST] | None:
    """Where the evaluation adds a byte for each leading space: `bytes += space[target] & ~boundary[previous]`."""
    for function, scope in code.having("+=", also=("space",)):
        for node in scope.of(ast.AugAssign):
            if not isinstance(node.op, ast.Add) or not any(
                isinstance(part, ast.BinOp) and isinstance(part.op, ast.BitAnd) for part in ast.walk(node.value)
            ):
                continue
            if any("space" in root(part) for part in ast.walk(node.value) if isinstance(part, ast.Subscript)):
                return function, node
    return None


def _divides(code: Code, name: str) -> bool:
    short = name.rpartition(".")[2]
    return any(
        isinstance(node.op, ast.Div | ast.Mult)
        and any(dotted(side).rpartition(".")[2] == short for side in (node.left, node.right))
        for function, scope in code.having(short)
        for node in scope.of(ast.BinOp)
    )
