"""Choices that need the target, their C kernels, the counters that logs print, and tables that are filled too far."""

import pytest

from tests.verify.rules.judged import FAIL, PASS, UNPROVEN
from tests.verify.rules.scripted import case_of, places, says, whole
from verify.logs.model import Event

BETTER_OF_TWO = """
def evaluate(h, model, tokens):
    total = 0.0
    for x, y in model.windows(tokens):
        scored_nll = F.cross_entropy(model(x), y, reduction="none")
        for at in range(len(y)):
            new_nll = -math.log(model.counts(x, y[at]))
            old_nll = scored_nll[at].item()
            if new_nll < old_nll:
                scored_nll[at] = new_nll
        total += scored_nll.sum().item()
    return total
"""
MINIMUM = """
def evaluate(h, model, tokens):
    total = 0.0
    for x, y in model.windows(tokens):
        nll = F.cross_entropy(model(x), y, reduction="none")
        gram_nll = model.gram(x, y)
        kept = torch.minimum(nll, gram_nll)
        total += kept.sum()
    return total
"""
WHERE = """
def evaluate(h, model, tokens):
    total = 0.0
    for model_p, gram_p in model.windows(tokens):
        use = gram_p > model_p
        final_p = np.where(use, 0.5 * gram_p + 0.5 * model_p, model_p)
        total += -np.log(final_p).sum()
    return total
"""
# floors, clips, gates by confidence that looks at no target, and the best of several thresholds in quantisation
LEGAL = """
def evaluate(h, model, tokens):
    total = 0.0
    best_loss = float("inf")
    errors = np.full(4, 9.9)
    for at, (model_p, gram_p, top, seen) in enumerate(model.windows(tokens)):
        p = np.maximum(model_p, 1e-12)
        sure = np.where(top > 0.9, 0.05, 0.5)
        use = seen >= 2
        p = np.where(use, (1 - sure) * p + sure * gram_p, p)
        total += -np.log(p).sum()
        loss = model.quantised_error(at)
        if loss < best_loss:
            best_loss = loss
            model.keep(at)
        if loss < errors[at % 4]:
            errors[at % 4] = loss
    return total
"""
UPDATE = """
def evaluate(h, model, tokens):
    total, size = 0.0, 32768
    for start in range(0, len(tokens), size):
        end = min(start + size, len(tokens))
        total += model.mixer.mix_and_score(tokens, start, end)
        model.mixer.update(tokens[start:{end}])
    return total
"""

KERNEL = """
#include <stdint.h>
void hints(const uint16_t *tokens, const long *where, long n, const uint8_t *space, uint16_t *hint, float *sure) {
    for (long i = 0; i < n; i++) {
        long at = where[i];
        uint16_t tok = tokens[at];
        uint8_t starts = space[FLAGGED];
        if (!starts && depth > 0) {
            hint[i] = best_of(depth);
            sure[i] = chance_of(depth);
        } else {
            sure[i] = 0.0f;
        }
        learn(tok, starts);
    }
}
"""
TARGET_GATED = KERNEL.replace("FLAGGED", "tok")
PREFIX_GATED = KERNEL.replace("uint8_t starts", "uint16_t before = tokens[at - 1];\n        uint8_t starts").replace(
    "FLAGGED", "before"
)
BY_CALLS = TARGET_GATED.replace(
    "if (!starts && depth > 0) {\n            hint[i] = best_of(depth);\n            sure[i] = chance_of(depth);\n"
    "        } else {\n            sure[i] = 0.0f;\n        }",
    "give_hint(starts, &hint[i], &sure[i]);",
)
# the token before leads to a list of earlier places, which are indices and no flags
MATCHER = """
#include <stdint.h>
void hints(const uint16_t *tokens, long n, const int *head, const int *next, uint16_t *hint) {
    for (long i = 1; i < n; i++) {
        uint16_t tok = tokens[i];
        int place = head[tok];
        if (place >= 0) {
            hint[i + 1] = tokens[place + 1];
            hint[i] = hint[i];
        }
        learn(tok, next[place]);
    }
}
"""
LOADER = """
import ctypes
LIB = ctypes.CDLL("hints.so")

def evaluate(h, model, tokens):
    return LIB.hints(tokens, h.word_boost)
"""
STRENGTH = 'word_boost = float(os.environ.get("WORD_BOOST", "0.75"))\n'


def gates(within: int, word: int) -> Event:
    fields: dict[str, int | float | str] = {"token_gate": 628130, "within_gate": within, "word_gate": word}
    return Event("ngram_gates", fields, 40, f"ngram_tilt:hints token_gate=628130 within_gate={within} word_gate={word}")


@pytest.mark.parametrize("body", [BETTER_OF_TWO, MINIMUM, WHERE], ids=["if", "minimum", "where"])
def test_the_better_of_two_scores_is_a_lead(body):
    assert says("no-target-gate.choice", case_of(whole(body))).status is UNPROVEN
    assert says("no-target-gate.choice", case_of(whole(body), logged={"mix_enabled": "False"})).status is PASS


def test_floors_confidence_gates_and_searches_are_legal():
    assert says("no-target-gate.choice", case_of(whole(LEGAL))).status is PASS


@pytest.mark.parametrize("source", [TARGET_GATED, BY_CALLS], ids=["if", "call"])
def test_a_kernel_that_gates_on_the_scored_token_is_a_lead(source):
    result = says("no-target-gate.kernel", case_of(whole(LOADER, STRENGTH), helpers={"hints.c": source}))
    assert result.status is UNPROVEN
    assert "uint8_t starts = space[tok];" in places(result)


def test_a_kernel_that_gates_on_the_token_before_is_legal():
    assert (
        says("no-target-gate.kernel", case_of(whole(LOADER, STRENGTH), helpers={"hints.c": PREFIX_GATED})).status
        is PASS
    )


def test_a_place_found_by_a_token_is_no_flag():
    assert says("no-target-gate.kernel", case_of(whole(LOADER, STRENGTH), helpers={"hints.c": MATCHER})).status is PASS


def test_a_comment_is_no_code():
    source = (
        PREFIX_GATED + "/* was: uint16_t tok = tokens[i]; uint8_t starts = space[tok]; if (starts) { hint[i] = 1; } */"
    )
    assert says("no-target-gate.kernel", case_of(whole(LOADER, STRENGTH), helpers={"hints.c": source})).status is PASS


def test_experts_of_strength_zero_or_without_hints_are_legal():
    helpers = {"hints.c": TARGET_GATED}
    off = case_of(whole(LOADER, STRENGTH), helpers=helpers, logged={"word_boost": "0.0"})
    assert says("no-target-gate.kernel", off).status is PASS
    silent = case_of(whole(LOADER, STRENGTH), helpers=helpers, events=[gates(0, 0)])
    assert says("no-target-gate.kernel", silent).status is PASS
    assert says("no-target-gate.log", silent).status is PASS


@pytest.mark.parametrize(("within", "word"), [(9_866_847, 2_891_588), (1, 0), (0, 1)])
def test_counted_hints_of_gated_experts_fail(within, word):
    case = case_of(whole(LOADER, STRENGTH), helpers={"hints.c": TARGET_GATED}, events=[gates(within, word)])
    result = says("no-target-gate.log", case)
    assert result.status is FAIL
    assert result.findings[0].places[0].line == 40


def test_counted_hints_of_a_kernel_that_reads_the_prefix_are_only_a_lead():
    case = case_of(whole(LOADER, STRENGTH), helpers={"hints.c": PREFIX_GATED}, events=[gates(100, 0)])
    assert says("no-target-gate.log", case).status is UNPROVEN


def test_superseded_logs_do_not_count():
    case = case_of(whole(LOADER, STRENGTH), helpers={"hints.c": TARGET_GATED}, events=[gates(5, 5)])
    case.claim.results[0].role = "unclaimed"
    case.logs.clear()
    assert says("no-target-gate.log", case).status is PASS


@pytest.mark.parametrize(("end", "status"), [("end + 1", UNPROVEN), ("end", PASS)])
def test_tables_are_filled_with_scored_tokens_only(end, status):
    assert says("c1-causal.update-range", case_of(whole(UPDATE.format(end=end)))).status is status
