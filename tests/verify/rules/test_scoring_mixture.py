"""Mixtures that do not sum to one, and the legal twins that look like them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verify.rules.judged import PASS, UNPROVEN, WARN
from tests.verify.rules.scripted import case_of, places, says, whole

ENTROPY_EXPERT = """
class Experts:
    def losses(self, logits, y, unigram):
        lp = F.log_softmax(logits, dim=-1)
        neural = -lp.gather(-1, y.unsqueeze(-1)).squeeze(-1)
        counts = -unigram.log()[y]
        spread = -(lp.exp() * lp).sum(-1)
        return torch.stack([neural, counts, spread], dim=-1)

def evaluate(h, model, tokens):
    experts, weights, total = Experts(), torch.zeros(3), 0.0
    for x, y in model.windows(tokens):
        nll = experts.losses(model(x), y, model.unigram)
        total -= (weights.log_softmax(0) - nll).logsumexp(-1).sum()
    return total
"""
# the entropy decides how much each expert weighs, before the target is looked at
ENTROPY_GATE = ENTROPY_EXPERT.replace("[neural, counts, spread], dim=-1)", "[neural, counts], dim=-1), spread").replace(
    "nll = experts", "nll, spread = experts"
)
ENTROPY_FEATURES = """
def evaluate(h, model, tokens):
    total = 0.0
    for x, y in model.windows(tokens):
        lp = F.log_softmax(model(x), dim=-1)
        spread = -(lp.exp() * lp).sum(-1)
        top = lp.max(-1).values
        weight = model.gate(torch.stack([spread, top], dim=-1)).sigmoid()
        total -= torch.logsumexp(torch.stack([lp, model.bigram(x)]), 0).gather(-1, y.unsqueeze(-1)).sum() * 1.0
    return total
"""

SCALED = """
def evaluate(h, model, tokens):
    loss_sum = byte_count = 0.0
    for x, y in model.windows(tokens):
        losses = F.cross_entropy(model(x), y, reduction="none")
        losses = losses * h.sharpen
        loss_sum += losses.sum().item()
        byte_count += model.bytes(y).sum().item()
    return loss_sum / byte_count
"""
SCALE_SETTING = 'sharpen = float(os.environ.get("SHARPEN", "0.98"))\n'
TEMPERATURE = SCALED.replace("model(x), y, reduction", "model(x) / h.sharpen, y, reduction").replace(
    "        losses = losses * h.sharpen\n", ""
)
TRAINED = """
def evaluate(h, model, tokens):
    loss_sum = byte_count = 0.0
    for x, y in model.windows(tokens):
        loss = F.cross_entropy(model(x), y)
        loss_sum += loss.item() * y.numel()
        byte_count += model.bytes(y).sum().item()
        aux_loss = F.cross_entropy(model(x), y)
        aux_loss = aux_loss * 0.5
        model.steps += aux_loss
        aux_loss.backward()
    return loss_sum / byte_count
"""

BYTE_SHARES = """
def evaluate(h, model, tokens):
    total, seen = 0.0, {}
    for logp, text in model.scored(tokens):
        share = logp / len(text)
        for byte in text:
            other = chance(seen, byte)
            lam = 0.9 if other < 0.5 else 0.1
            total -= math.log(lam * math.exp(share) + (1 - lam) * other)
            seen[byte] = seen.get(byte, 0) + 1
    return total

def chance(seen, byte):
    return (seen.get(byte, 0) + 1) / (sum(seen.values()) + 256)
"""
BYTE_SHARES_IN_LISTS = """
def evaluate(h, model, tokens):
    stream, shares, total = [], [], 0.0
    for nll, text in model.scored(tokens):
        n_bytes = len(text)
        each = -nll / n_bytes
        for byte in text:
            stream.append(byte)
            shares.append(each)
    for at in range(len(stream)):
        a = math.log(0.7) + shares[at]
        b = math.log(0.3) + model.byte_logp(stream, at)
        mixed = max(a, b) + math.log1p(math.exp(-abs(a - b)))
        total -= mixed
    return total
"""
BYTE_SHARES_NUMPY = """
def evaluate(h, model, tokens):
    logp, lens = model.scored(tokens)
    spread = np.repeat(logp, lens) / np.repeat(lens, lens)
    byte_model = model.byte_logp(tokens)
    return -np.logaddexp(np.log(0.6) + spread, np.log(0.4) + byte_model).sum()
"""
BYTE_MODEL_PER_TOKEN = """
def evaluate(h, model, tokens):
    uniform, total, seen = math.log(1 / 256), 0.0, {}
    for nn_logp, text in model.scored(tokens):
        byte_logp = sum(math.log(seen[b] / 9) if b in seen else uniform for b in text)
        lam = 0.5
        total -= math.log(lam * math.exp(nn_logp) + (1 - lam) * math.exp(byte_logp))
    return total
"""
# averages over all bytes, and a mixture of two distributions over tokens
TOKEN_MIXTURE = """
def evaluate(h, model, tokens):
    nll_sum = byte_count = 0.0
    for x, y in model.windows(tokens):
        p, q = model(x).softmax(-1), model.bigram(x).softmax(-1)
        lam = model.gate(x).sigmoid()
        mixed = lam * p + (1 - lam) * q
        nll_sum -= mixed.gather(-1, y).log().sum().item()
        byte_count += sum(len(text) for text in model.texts(y))
    val_loss = nll_sum / len(tokens)
    print(math.exp(nll_sum / byte_count))
    return nll_sum / byte_count / math.log(2.0)
"""

TEMPERED_TOKEN_MIXTURE = """
def evaluate(h, model, tokens):
    total = 0.0
    for logp, other, text in model.scored(tokens):
        softer = logp / h.tau
        total -= math.log(0.5 * math.exp(softer) + (1 - 0.5) * other) * len(text)
        lam = 0.5
        total -= math.log(lam * math.exp(softer) + (1 - lam) * other)
    return total
"""

C_SHARES = """
#include <math.h>
#include <stdint.h>
static void add(double nn, double other, double *sum) {
    double lam = other > 0.5 ? 0.1 : 0.9, a = log(lam) + nn, b = log(1.0 - lam) + log(other), m = a > b ? a : b;
    *sum -= m + log(exp(a - m) + exp(b - m));
}
double run(const double *nll, const int32_t *lens, const uint8_t *text, long n) {
    double sum = 0.0; long at = 0;
    for (long i = 0; i < n; i++) {
        int len = lens[i];
        double each = -nll[i] / (double)len;
        for (int j = 0; j < len; j++) add(each, guess(text, at++), &sum);
    }
    return sum / (double)at;
}
"""
C_AVERAGE = C_SHARES.replace("-nll[i] / (double)len", "-nll[i]")
C_RUNNING_AVERAGE = C_AVERAGE.replace("long at = 0;", "long at = 0, n_bytes = 0;").replace(
    "add(each, guess(text, at++), &sum);", "{ n_bytes += 1; double mean_nll = nll[0] / (double)n_bytes; }"
)


def test_an_entropy_among_the_losses_is_a_lead():
    result = says("c2-normalised.expert", case_of(whole(ENTROPY_EXPERT)))
    assert result.status is UNPROVEN
    assert "spread = -(lp.exp() * lp).sum(-1)" in places(result)


@pytest.mark.parametrize("body", [ENTROPY_GATE, ENTROPY_FEATURES], ids=["weight", "features"])
def test_an_entropy_may_weigh_experts(body):
    assert says("c2-normalised.expert", case_of(whole(body))).status is PASS


def test_a_scored_loss_that_is_scaled_down_is_a_lead():
    result = says("c2-normalised.scaled", case_of(whole(SCALED, SCALE_SETTING)))
    assert result.status is UNPROVEN
    assert result.findings[0].measured["factor"] == 0.98


def test_the_factor_of_the_claimed_run_counts():
    assert says("c2-normalised.scaled", case_of(whole(SCALED, SCALE_SETTING), logged={"sharpen": "1.0"})).status is PASS
    other = says("c2-normalised.scaled", case_of(whole(SCALED, SCALE_SETTING), logged={"sharpen": "0.9"}))
    assert other.findings[0].measured["factor"] == 0.9


def test_a_branch_that_the_claimed_run_cannot_take_does_not_count():
    body = SCALED.replace(
        "        losses = losses * h.sharpen", "        if h.late:\n            losses = losses * h.sharpen"
    )
    settings = SCALE_SETTING + 'late = bool(int(os.environ.get("LATE", "0")))\n'
    assert says("c2-normalised.scaled", case_of(whole(body, settings))).status is PASS
    assert says("c2-normalised.scaled", case_of(whole(body, settings), logged={"late": "True"})).status is UNPROVEN


@pytest.mark.parametrize("body", [TEMPERATURE, TRAINED], ids=["temperature", "auxiliary loss"])
def test_temperature_inside_the_softmax_and_scaled_training_losses_are_legal(body):
    assert says("c2-normalised.scaled", case_of(whole(body, SCALE_SETTING))).status is PASS


@pytest.mark.parametrize(
    "body",
    [BYTE_SHARES, BYTE_SHARES_IN_LISTS, BYTE_SHARES_NUMPY, BYTE_MODEL_PER_TOKEN],
    ids=["exp", "lists", "numpy", "per token"],
)
def test_byte_mixtures_are_leads_in_every_form(body):
    result = says("c2-normalised.bytes", case_of(whole(body)))
    assert result.status is UNPROVEN
    assert len(result.findings[0].places) == 2
    assert says("c2-normalised.bytes", case_of(whole(body), logged={"mix_enabled": "0"})).status is PASS


@pytest.mark.parametrize("body", [TOKEN_MIXTURE, TEMPERED_TOKEN_MIXTURE], ids=["average", "temperature"])
def test_a_mixture_over_tokens_and_an_average_over_bytes_are_legal(body):
    assert (
        says("c2-normalised.bytes", case_of(whole(body, 'tau = float(os.environ.get("TAU", "1.1"))\n'))).status is PASS
    )


@pytest.mark.parametrize(("source", "status"), [(C_SHARES, UNPROVEN), (C_AVERAGE, PASS), (C_RUNNING_AVERAGE, PASS)])
def test_byte_mixtures_in_c_are_found(source, status):
    body = f'def evaluate(h, model, tokens):\n    return build(r"""{source}""").run(tokens)\n'
    assert says("c2-normalised.bytes", case_of(whole(body))).status is status


@given(st.floats(0.0001, 0.9999))
def test_a_claim_below_one_is_an_alarm_and_no_proof(bpb):
    assert says("c2-normalised.alarm", case_of(whole(""), bpb=bpb)).status is WARN


@pytest.mark.parametrize("bpb", [None, 0.0, 1.0, 1.0565])
def test_other_claims_raise_no_alarm(bpb):
    assert says("c2-normalised.alarm", case_of(whole(""), bpb=bpb)).status is PASS
