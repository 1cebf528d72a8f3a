"""Whether tricks that mix neighbouring tokens stop at the boundary of a document."""

import ast
from collections.abc import Iterator

from verify.finding import Finding, Precedent, warned
from verify.rule import Case
from verify.rules.scoring import CodeRule
from verify.static.patterns import Scope, dotted, last
from verify.static.patterns_code import Code

PACKED = (
    "cu_seqlens",
    "cu_doc_len",
    "document_ids",
    "doc_ids",
)  # a forward path that keeps documents apart in attention
BOUNDARY_WORDS = ("bos", "doc", "boundary", "segment", "reset", "same_")
PRECEDENTS = (
    Precedent(
        pr=1797, text="not merged as it was: the gate mixes the last token of a document into the next one's first"
    ),
    Precedent(pr=1851, text="accepted with a mask where the current token is BOS, in both forward paths"),
    Precedent(pr=1667, text="older, merged without a mask; disputed in issue #1988: ordinary causal context"),
)


class TokenShift(CodeRule):
    """Where documents are kept apart, a gate on the previous token is masked at the first token of a document."""

    code = "doc-boundary.shift"
    remedy = "Multiply the gate by (input_ids[:, 1:] != BOS) in every forward path."
    precedents = PRECEDENTS
    probe = "document-shuffle"
    nothing = "no reached code mixes the previous token in without a mask, or documents are not kept apart"

    def look(self, case: Case, code: Code) -> Iterator[Finding]:
        open_ones = []
        packed = False
        for function, scope in code.having(":-1]", ": -1]", also=("cat(",)):
            shifts = list(_shifts(scope))
            if any(_is_masked(scope, shift) for shift in _shifts(scope, live=False)):
                continue  # the mask is there, and a switch decides: the run's environment is not known
            still = [shift for shift in shifts if not code.is_off(scope, shift)]
            open_ones += [(function, shift) for shift in still]
            packed |= (
                bool(still) and any(word in code.text(function) for word in PACKED) and function.name != "<module>"
            )
        if packed:
            yield warned(
                "hidden states take in the previous token without a mask at the first token of a document, while "
                "documents are kept apart in attention",
                *(code.place(function, shift) for function, shift in open_ones[:3]),
                precedents=self.precedents,
            )


def _shifts(scope: Scope, live: bool = True) -> Iterator[ast.Call]:
    """`cat([x[:, :1], x[:, 1:] + g * x[:, :-1]], dim=1)`, or zeros before `x[:, :-1]`: of states, not of token ids."""
    for call in scope.function.kinds.get(ast.Call, []):
        if last(call) not in {"cat", "concat"} or (live and getattr(call, "is_dead", False)):
            continue
        if not call.args or not isinstance(call.args[0], ast.List | ast.Tuple) or len(call.args[0].elts) != 2:
            continue
        first, rest = call.args[0].elts
        shifted = [
            part
            for part in ast.walk(rest)
            if isinstance(part, ast.Subscript) and _is_slice(part, None, -1) and not _is_token(dotted(part.value))
        ]
        if shifted and (isinstance(first, ast.Subscript) or "zeros" in ast.dump(first)) and _in_first_axis(shifted[0]):
            yield call


def _is_token(name: str) -> bool:
    return any(word in name.lower() for word in ("ids", "tok", "idx", "input"))


def _is_slice(node: ast.Subscript, lower: int | None, upper: int | None) -> bool:
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    for part in parts:
        if isinstance(part, ast.Slice):
            low, high = (ast.unparse(edge) if edge is not None else None for edge in (part.lower, part.upper))
            if (low, high) == (None if lower is None else str(lower), None if upper is None else str(upper)):
                return True
    return False


def _in_first_axis(node: ast.Subscript) -> bool:
    """Whether the slice is of the second axis: positions of a batch of sequences."""
    return (
        isinstance(node.slice, ast.Tuple)
        and len(node.slice.elts) in (2, 3)
        and isinstance(node.slice.elts[1], ast.Slice)
    )


def _is_masked(scope: Scope, shift: ast.Call) -> bool:
    """Whether a comparison of token ids, or something named after documents, goes into the shift."""

    def marks(part: ast.AST) -> bool:
        if isinstance(part, ast.Compare):
            return isinstance(part.ops[0], ast.Eq | ast.NotEq)
        return isinstance(part, ast.Name | ast.Attribute) and any(
            word in dotted(part).rpartition(".")[2].lower() for word in BOUNDARY_WORDS
        )

    return scope.rests_on(shift, marks, 5) is not None
