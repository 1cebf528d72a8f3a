"""Whether the whole validation split is scored, in its own order, as far as files say."""

import ast
import re
from collections.abc import Iterator

from verify.finding import Finding, Place, Precedent, failed, lead, passed
from verify.rule import Case, Rule
from verify.rules.scoring import CodeRule
from verify.static.patterns import dotted, keyword, last
from verify.static.patterns_code import Code

TOKENS_MIN = 30_000_000  # every tokenizer seen so far gives more for 50,000 documents
KEYS = {
    "eval_tokens",
    "val_tokens",
    "validation_tokens",
    "tokens_scored",
    "scored_tokens",
    "eval_token_count_per_seed",
    "subset_tokens",
    "ppm_subset_tokens",
    "val_tokens_processed",
}
OTHER_SCORE_MIN = 0.02  # further from the claim than its seeds are from each other
PROBE = "byte-recount"
PRECEDENT = Precedent(
    pr=1785, text="mixture scored on a subset of validation; redone on the full set (also #1835, #1854)"
)


class ClaimedTokens(Rule):
    """The claim names no fewer scored tokens than the validation split holds."""

    code = "val-identity.claimed"
    remedy = "Score all 50,000 validation documents and claim that value."
    precedents = (PRECEDENT,)
    probe = PROBE
    tracks = frozenset({"10min"})

    def check(self, case: Case) -> Iterator[Finding]:
        metadata = case.submission.metadata
        for key, value in _leaves(metadata.raw, case.claim.value):
            if (
                key.lower() in KEYS
                and isinstance(value, int | float)
                and not isinstance(value, bool)
                and 1000 <= value < TOKENS_MIN
            ):
                yield failed(
                    f"{metadata.file} says {key} = {value:,.0f}; the validation split has more than {TOKENS_MIN:,} tokens with any "
                    "tokenizer",
                    Place(file=metadata.file or "", quote=f"{key}: {value}"),
                    precedents=self.precedents,
                    tokens=value,
                )
                return
        yield passed("submission.json names no number of scored tokens below the whole split")


def _leaves(value: object, claim: float | None, depth: int = 0) -> Iterator[tuple[str, object]]:
    """Names and values of all levels, but for the parts that describe another score than the claim."""
    if isinstance(value, dict) and depth < 6 and not (depth and _is_of_another_score(value, claim)):
        for key, item in value.items():
            if isinstance(item, dict | list):
                yield from _leaves(item, claim, depth + 1)
            else:
                yield str(key), item
    elif isinstance(value, list) and depth < 6:
        for item in value[:100]:
            yield from _leaves(item, claim, depth + 1)


def _is_of_another_score(part: dict, claim: float | None) -> bool:
    numbers = {str(key).lower(): value for key, value in part.items() if isinstance(value, int | float)}
    scores = [value for key, value in numbers.items() if "bpb" in key and "std" not in key]
    return claim is not None and bool(scores) and all(abs(score - claim) > OTHER_SCORE_MIN for score in scores)


class Limit(CodeRule):
    """No default of the script cuts the validation split."""

    code = "val-identity.limit"
    remedy = "Leave the limit at 0 and score all of it."
    precedents = (PRECEDENT,)
    probe = PROBE
    nothing = "no default of the script limits how much of validation is scored"

    def look(self, case: Case, code: Code) -> Iterator[Finding]:
        for setting in code.program.settings.values():
            if setting.source != "default":
                continue  # what logs and commands say is val-identity.subset
            named = "subset" in setting.name and any(word in setting.name for word in ("token", "doc", "val", "eval"))
            if named and _positive(setting.value) and _is_read(code, setting.name):
                yield lead(
                    f"a default limits what is scored: {setting.name} = {setting.value}",
                    setting.place,
                    probe=self.probe,
                    precedents=self.precedents,
                )


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _is_read(code: Code, name: str) -> bool:
    """Whether reached code outside the settings uses a setting, in a branch that the claimed runs may take."""
    for _function, scope in code.having(name):
        for node in scope.of(ast.Attribute, ast.Name):
            if (
                dotted(node).rpartition(".")[2].lower() == name
                and isinstance(node.ctx, ast.Load)
                and not code.is_off(scope, node)
            ):
                return True
    return False


class ContentOrder(CodeRule):
    """Documents are not put in an order that depends on how well they are predicted."""

    code = "val-identity.order"
    remedy = "Score in file order, or sort by length."
    precedents = (Precedent(pr=1530, text="accepted: documents sorted by length"),)
    probe = "document-shuffle"
    nothing = "no reached code orders validation documents by their content"

    def look(self, case: Case, code: Code) -> Iterator[Finding]:
        for function, scope in code.having("sorted(", ".sort(", "argsort(", also=("doc",)):
            for call in scope.calls("sorted", "sort", "argsort"):
                key = keyword(call, "key")
                subject = key if key is not None else (call.args[0] if call.args else getattr(call.func, "value", None))
                if subject is None:
                    continue
                words = {
                    dotted(part).rpartition(".")[2].lower()
                    for part in ast.walk(subject)
                    if isinstance(part, ast.Name | ast.Attribute)
                }
                if any(
                    re.search(r"doc\w*_(?:nll|loss|bpb|ppl|entropy)|(?:nll|loss|bpb|ppl)\w*_(?:by_)?doc", word)
                    for word in words
                ):
                    yield lead(
                        "documents are ordered by how well they are predicted",
                        code.place(function, call, last(call)),
                        probe=self.probe,
                        precedents=self.precedents,
                    )
