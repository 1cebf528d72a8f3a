"""Mixtures that are no distribution over tokens: entropies as experts, losses scaled down, token scores spread over bytes."""

import ast
import re
from collections.abc import Iterator

from verify.finding import Finding, Precedent, lead, passed, warned
from verify.rule import Case, Rule
from verify.rules.scoring import CodeRule
from verify.static.patterns import Scope, root
from verify.static.patterns_c import natives
from verify.static.patterns_code import Code
from verify.static.patterns_mixture import byte_fallback, byte_shares, entropy_experts, is_likelihood, mixtures
from verify.static.patterns_native import byte_mixture
from verify.static.program import Function

SWEEP = "candidate-sweep"
WORDS = re.compile(r"loss|nll|lp|ce")


class EntropyExpert(CodeRule):
    """An expert of a mixture gives the probability of the target, not a number that is the same for every target."""

    code = "c2-normalised.expert"
    remedy = "Take the entropy out of the stack of losses; use it as a weight or a feature only."
    precedents = (
        Precedent(pr=688, text="hedge mixer with an entropy among its experts; its family was never accepted"),
    )
    probe = SWEEP
    nothing = "no reached code puts an entropy among the losses that are mixed"

    def look(self, case: Case, code: Code) -> Iterator[Finding]:
        if not code.any("logsumexp", "logaddexp", "log_weights", "softmax"):
            return
        for function, scope in code.having("stack(", "cat(", also=(".sum(",)):
            for entropy, stack in entropy_experts(scope):
                yield lead(
                    "the entropy of the model's distribution is stacked with losses of the target, as if it were one: the same "
                    "number for every target, so the mixture need not sum to one",
                    code.place(function, entropy, "entropy"),
                    code.place(function, stack, "stack of losses"),
                    probe=self.probe,
                    precedents=self.precedents,
                )


def is_scaling(line: str) -> bool:
    """Whether a line may scale a loss: `loss = loss * c`, `loss *= c`."""
    left, equals, right = line.partition("=")
    return (
        bool(equals) and ("*" in line or "/" in line) and WORDS.search(left) is not None and not right.startswith("=")
    )


class ScaledLoss(CodeRule):
    """The loss that is scored is not multiplied by a constant."""

    code = "c2-normalised.scaled"
    remedy = "Apply a temperature to the logits before the softmax, and score its cross-entropy unchanged."
    probe = SWEEP
    nothing = "no reached code multiplies a scored loss by a constant"

    def look(self, case: Case, code: Code) -> Iterator[Finding]:
        for function, scope in code.with_line(is_scaling):
            if "byte" not in code.text(function):
                continue
            for node, factor in _scalings(code, scope):
                names = {root(node.targets[0]) if isinstance(node, ast.Assign) else root(node.target)}
                if _trained_on(scope, names):
                    continue
                scored = _accumulated(scope, names)
                if scored is not None:
                    yield lead(
                        f"a cross-entropy is multiplied by {factor:g} before it is added to the score; p^{factor:g} over the "
                        "vocabulary sums to more than one",
                        code.place(function, node, "scaled"),
                        code.place(function, scored, "scored"),
                        probe=self.probe,
                        factor=factor,
                    )


def _scalings(code: Code, scope: Scope) -> Iterator[tuple[ast.Assign | ast.AugAssign, float]]:
    """Statements `loss = loss * c`, `loss *= c`, `loss = loss / c` with 0 < factor < 1, c a number or a setting."""
    for node in scope.of(ast.Assign, ast.AugAssign):
        target: ast.AST
        scaled: ast.AST
        scale: ast.AST
        if isinstance(node, ast.AugAssign):
            target, operation, scale, scaled = node.target, node.op, node.value, node.target
        elif len(node.targets) == 1 and isinstance(node.value, ast.BinOp):
            target, operation = node.targets[0], node.value.op
            scaled, scale = node.value.left, node.value.right
            if isinstance(operation, ast.Mult) and root(scaled) != root(target):
                scaled, scale = scale, scaled
        else:
            continue
        if (
            not isinstance(operation, ast.Mult | ast.Div)
            or root(scaled) != root(target)
            or not is_likelihood(_named(target))
        ):
            continue
        value = code.value(scale)
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            continue
        factor = float(value) if isinstance(operation, ast.Mult) else 1 / value
        if 0.5 <= factor < 1:
            yield node, factor


def _named(node: ast.AST) -> ast.AST:
    while isinstance(node, ast.Subscript):
        node = node.value
    return node


def _trained_on(scope: Scope, names: set[str]) -> bool:
    derived = scope.derived(set(), names)
    return any(scope.uses(call.func, derived) for call in scope.calls("backward"))


def _accumulated(scope: Scope, names: set[str]) -> ast.AST | None:
    for node in scope.of(ast.AugAssign):
        if isinstance(node.op, ast.Add) and scope.uses(node.value, names):
            return node
    return None


class ByteMixture(CodeRule):
    """A token's probability is not shared out over its bytes and mixed byte by byte."""

    code = "c2-normalised.bytes"
    remedy = "Mix distributions over tokens; a byte model must be marginalised over every token of the vocabulary."
    precedents = (
        Precedent(pr=1902, text="byte-spread PPM-D mixtures excluded under C2 (cluster #1833 ... #2098, issue #1872)"),
    )
    probe = SWEEP
    nothing = "no reached code mixes a token model with a model of bytes"

    def look(self, case: Case, code: Code) -> Iterator[Finding]:
        for function, scope in code.having("exp(", "logaddexp", also=("byte", "256", "len(")):
            finding = self._of(code, function, scope)
            if finding is not None:
                yield finding
        for native in natives(code, case.submission.helpers):
            for sharing, share_at, mixing, mix_at in byte_mixture(native):
                yield self._lead(
                    native.place(sharing, share_at, "log-likelihood of the token divided by its bytes"),
                    native.place(mixing, mix_at, "mixed per byte"),
                )

    def _of(self, code: Code, function: Function, scope: Scope) -> Finding | None:
        mixed = mixtures(scope)
        if not mixed:
            return None
        for share in byte_shares(scope):
            held = scope.derived({share})
            into = [node for node in mixed if scope.uses(node, held, {share})]
            if into:
                return self._lead(
                    code.place(function, share, "log-likelihood of the token divided by its bytes"),
                    code.place(function, into[0], "mixed per byte"),
                )
        fallback = byte_fallback(scope)
        if fallback is not None and any(is_likelihood(node) for node in scope.of(ast.Name, ast.Attribute)):
            return lead(
                "a model of bytes (it falls back to 1/256) is mixed with the token model; the product of byte probabilities is no "
                "distribution over the vocabulary",
                code.place(function, fallback, "byte model"),
                code.place(function, mixed[0], "mixed"),
                probe=self.probe,
                precedents=self.precedents,
            )
        return None

    def _lead(self, *places) -> Finding:
        return lead(
            "a token's log-likelihood is divided by its number of bytes, and each share is mixed with a model of bytes; such "
            "shares are no distribution over bytes or tokens, so the mixture need not sum to one",
            *places,
            probe=self.probe,
            precedents=self.precedents,
        )


class ScoreAlarm(Rule):
    """A score far below every accepted record asks for an explanation."""

    code = "c2-normalised.alarm"
    remedy = "Say in the README what the gain comes from, and run the candidate sweep on the scoring call."
    precedents = (Precedent(pr=978, text="full renormalisation turned 0.3922 (#972) into 1.513"),)
    probe = SWEEP
    tracks = frozenset({"10min"})

    def check(self, case: Case) -> Iterator[Finding]:
        score = case.claim.value
        bound = 1.0
        if score is None:
            yield passed("no score is claimed, so there is nothing to be alarmed by")
        elif 0 < score < bound:
            places = (case.claim.place,) if case.claim.place else ()
            yield warned(
                f"the claimed {score:.4f} bits per byte are below {bound:g}; no accepted record is below 1.05, and every score of "
                "this size so far came from a mixture that does not sum to one, from training on the validation set, or from a "
                "wrong byte count",
                *places,
                precedents=self.precedents,
                score=score,
            )
        else:
            yield passed("the claimed score is in the range of accepted records", score=score)
