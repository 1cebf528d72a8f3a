"""Counts indexed by a hash of context and target, and the legal look-alikes: hashed embeddings, hints looked up by context."""

import pytest

from tests.verify.rules.judged import PASS, UNPROVEN
from tests.verify.rules.scripted import case_of, places, says, whole

CODE = "ngram-hash.target-key"

NUMPY_MIXER = """
class Mixer:
    def __init__(self):
        self.seen = np.zeros(1 << 20, np.int64)
        self.both = np.zeros(1 << 20, np.int64)

    def keys(self, history, wanted):
        rolling = np.zeros(len(wanted), np.uint64)
        for back in range(3):
            rolling ^= history[back] * np.uint64(2654435761 + back)
        alone = (rolling & np.uint64(0xFFFFF)).astype(np.int64)
        together = ((rolling ^ (wanted * np.uint64(40503))) & np.uint64(0xFFFFF)).astype(np.int64)
        return alone, together

    def chance(self, history, wanted):
        alone, together = self.keys(history, wanted)
        return np.minimum(self.both[together], self.seen[alone]) / np.maximum(self.seen[alone], 1)

    def count(self, history, wanted):
        alone, together = self.keys(history, wanted)
        np.add.at(self.seen, alone, 1)
        np.add.at(self.both, together, 1)

def evaluate(h, model, tokens):
    mixer, total = Mixer(), 0.0
    for history, wanted, p in model.windows(tokens):
        total -= np.log(0.6 * p + 0.4 * mixer.chance(history, wanted)).sum()
        mixer.count(history, wanted)
    return total
"""

TORCH_MIXER = """
def evaluate(h, model, tokens):
    ctx = torch.zeros(4096, dtype=torch.long)
    joint = torch.zeros(4096, dtype=torch.long)
    total = 0.0
    for a, b, y, p in model.windows(tokens):
        hashed = torch.bitwise_xor(a * 36313, b * 27191)
        one = hashed & 4095
        two = torch.bitwise_xor(hashed, y * 51647) & 4095
        share = joint.gather(0, two).float() / ctx.gather(0, one).clamp(min=1)
        total -= (0.5 * p + 0.5 * share).log().sum()
        ctx.scatter_add_(0, one, torch.ones_like(one))
        joint.scatter_add_(0, two, torch.ones_like(two))
    return total
"""

HELPER_FUNCTION = """
def context_key(history, width, size):
    key = 0
    for back in range(width):
        key ^= int(history[-1 - back]) * PRIMES[back]
    return key & size

def full_key(history, width, goal, size):
    key = 0
    for back in range(width):
        key ^= int(history[-1 - back]) * PRIMES[back]
    key ^= goal * PRIMES[width]
    return key & size

PRIMES = [36313, 27191, 51647, 81929]

def evaluate(h, model, tokens):
    seen, both, total = np.zeros(65536), np.zeros(65536), 0.0
    for history, goal, p in model.steps(tokens):
        k = context_key(history, 3, 65535)
        f = full_key(history, 3, goal, 65535)
        q = both[f] / max(seen[k], 1.0)
        total -= math.log(0.7 * p + 0.3 * q)
        seen[k] += 1
        both[f] += 1
    return total
"""

HASHED_EMBEDDING = """
class Bigram(nn.Module):
    def __init__(self, rows, dim):
        super().__init__()
        self.table = nn.Embedding(rows, dim)
        self.rows = rows

    def forward(self, ids):
        key = torch.zeros_like(ids)
        key[..., 1:] = torch.bitwise_xor(36313 * ids[..., 1:], 27191 * ids[..., :-1]) % self.rows
        return self.table(key) / math.sqrt(2)

def evaluate(h, model, tokens):
    bigram = Bigram(4096, 64)
    return sum(F.cross_entropy(model(x, bigram(x)), y).item() for x, y in model.windows(tokens))
"""

HINT_BY_CONTEXT = """
class Hints:
    def __init__(self):
        self.best, self.hits, self.seen = np.zeros(65536, int), np.zeros(65536), np.zeros(65536)

    def slot(self, history):
        key = 0
        for back in range(4):
            key = (key ^ int(history[-1 - back])) * 1099511628211
        return key & 65535

def evaluate(h, model, tokens):
    hints, total = Hints(), 0.0
    for history, goal, logp in model.steps(tokens):
        slot = hints.slot(history)
        hint, sure = hints.best[slot], hints.hits[slot] / max(hints.seen[slot], 1.0)
        boost = 1.5 if sure > 0.8 else 0.0
        z = 1.0 + math.exp(logp[hint]) * (math.exp(boost) - 1.0)
        total -= logp[goal] + boost * (hint == goal) - math.log(z)
        hints.seen[slot] += 1
        if hints.best[slot] == goal:
            hints.hits[slot] += 1
    return total
"""

GROWING_CONTEXT = """
PRIMES = [36313, 27191, 51647, 81929]

def evaluate(h, model, tokens):
    best, hits, seen, total = np.zeros(65536, int), np.zeros(65536), np.zeros(65536), 0.0
    for history, goal, logp in model.steps(tokens):
        key = 0
        for back in range(4):
            key = key ^ int(history[-1 - back]) * PRIMES[back]
        slot = key & 65535
        sure = hits[slot] / max(seen[slot], 1.0)
        total -= model.tilted(logp, best[slot], sure)[goal]
        seen[slot] += 1
    return total
"""

WEIGHT_ROWS = """
class Trigram(nn.Module):
    def forward(self, ids):
        pair = torch.bitwise_xor(36313 * ids[..., 2:], 27191 * ids[..., 1:-1])
        rows = self.weight[torch.bitwise_xor(pair, 51647 * ids[..., :-2]) % 4096]
        return rows / math.sqrt(rows.size(-1))

def evaluate(h, model, tokens):
    trigram = Trigram()
    return sum(F.cross_entropy(model(x, trigram(x)), y).item() for x, y in model.windows(tokens))
"""

DENSE_COUNTS = """
def evaluate(h, model, tokens):
    table, rows, total = np.ones((4096, 1024)), np.full(4096, 1024.0), 0.0
    for a, b, y, p in model.windows(tokens):
        row = ((a * 36313) ^ (b * 27191)) % 4096
        share = table[row, y] / rows[row]
        total -= np.log(0.5 * p + 0.5 * share).sum()
        np.add.at(table, (row, y), 1)
        np.add.at(rows, row, 1)
    return total
"""

C_MIXER = """
#include <stdint.h>
#include <math.h>
double mix(const uint16_t *t, long n, uint32_t *seen, uint32_t *both, uint64_t mask) {
    double total = 0;
    for (long i = 3; i < n; i++) {
        uint64_t h = t[i - 1] * 36313ULL;  /* the context */
        h ^= t[i - 2] * 27191ULL;
        uint64_t one = h & mask;
        uint64_t two = (h ^ (t[i] * 51647ULL)) & mask;
        double top = both[two];
        total -= log(top / (seen[one] + 1.0));
        seen[one]++; both[two]++;
    }
    return total;
}
"""

C_HINT = C_MIXER.replace("(h ^ (t[i] * 51647ULL)) & mask", "(h >> 7) & mask")


@pytest.mark.parametrize("body", [NUMPY_MIXER, TORCH_MIXER, HELPER_FUNCTION], ids=["numpy", "torch", "helper"])
def test_a_ratio_of_counts_by_context_and_target_is_a_lead(body):
    result = says(CODE, case_of(whole(body)))
    assert result.status is UNPROVEN
    assert result.findings[0].lead
    assert result.findings[0].probe == "candidate-sweep"
    assert len(result.findings[0].places) >= 2
    assert all(place.line and place.quote for place in result.findings[0].places)


@pytest.mark.parametrize("body", [HASHED_EMBEDDING, WEIGHT_ROWS, HINT_BY_CONTEXT, GROWING_CONTEXT, DENSE_COUNTS])
def test_hashes_of_the_context_alone_are_legal(body):
    assert says(CODE, case_of(whole(body))).status is PASS


@pytest.mark.parametrize("body", [NUMPY_MIXER, TORCH_MIXER, HELPER_FUNCTION], ids=["numpy", "torch", "helper"])
def test_code_that_no_run_reaches_is_no_lead(body):
    assert says(CODE, case_of(whole(body), logged={"mix_enabled": "False"})).status is PASS
    assert says(CODE, case_of(whole(body).replace("evaluate(h, make_model(h), tokens))", "0)"))).status is PASS


def test_the_lead_points_at_the_joint_hash():
    found = places(says(CODE, case_of(whole(NUMPY_MIXER))))
    assert any("wanted * np.uint64(40503)" in quote or "self.keys(history, wanted)" in quote for quote in found)


@pytest.mark.parametrize(("source", "status"), [(C_MIXER, UNPROVEN), (C_HINT, PASS)], ids=["joint", "context"])
def test_c_beside_the_script_and_inside_it_is_read_too(source, status):
    loader = (
        'import ctypes\nLIB = ctypes.CDLL("mix.so")\n\ndef evaluate(h, model, tokens):\n    return LIB.mix(tokens)\n'
    )
    assert says(CODE, case_of(whole(loader), helpers={"mix.c": source})).status is status
    inside = f'def evaluate(h, model, tokens):\n    code = r"""{source}"""\n    return build(code).mix(tokens)\n'
    result = says(CODE, case_of(whole(inside)))
    assert result.status is status
    if status is UNPROVEN:
        place = result.findings[0].places[0]
        lines = whole(inside).split("\n")
        assert "51647" in place.quote
        assert place.line
        assert place.quote in lines[place.line - 1]
