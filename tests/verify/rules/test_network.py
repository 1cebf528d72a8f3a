"""Paths by which a position sees later ones, and the masked, shifted and padded twins."""

import pytest

from tests.verify.rules.judged import PASS, UNPROVEN, WARN
from tests.verify.rules.scripted import case_of, says, whole
from verify.logs.model import Point

CODE = "c1-causal.network"
EVALUATE = """
def evaluate(h, model, tokens):
    net = Net(h)
    return sum(F.cross_entropy(net(x), y).item() for x, y in model.windows(tokens))
"""
ATTENTION = """
class Net(nn.Module):
    def forward(self, x):
        q, k, v = self.q(x), self.k(x), self.v(x)
        return self.out(F.scaled_dot_product_attention(q, k, v, {how}))
"""
MEMORY = """
class Net(nn.Module):
    def forward(self, x):
        q = self.q(x)
        return self.out(F.scaled_dot_product_attention(q, self.keys, self.values, is_causal=False))
"""
CACHE = """
class Net(nn.Module):
    def forward(self, x, kv_cache=None):
        k, v = torch.cat((kv_cache[0], self.k(x)), 1), torch.cat((kv_cache[1], self.v(x)), 1)
        return self.out(F.scaled_dot_product_attention(self.q(x), k, v, is_causal=False))
"""
POOLED = """
class Net(nn.Module):
    def forward(self, x):
        B, T, D = x.shape
        pairs = x.reshape(B, T // 2, 2, D)
        coarse = self.mixer(pairs.mean(dim=2))
        return self.up(coarse, T)

    def up(self, x, length):
        return x.repeat_interleave(2, dim=1)[:, :length]
"""
POOLED_SHIFTED = POOLED.replace(
    "pairs = x", "x = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)\n        pairs = x"
)
HEADS = """
class Net(nn.Module):
    def forward(self, x):
        B, T, D = x.shape
        heads = x.reshape(B, T, 8, D // 8)
        return self.out(heads.mean(dim=2)).reshape(B, T * 1, D)
"""
ROWS = """
class Net(nn.Module):
    def forward(self, x, mask):
        weight = x @ x.transpose(1, 2)
        weight = weight.masked_fill(mask, {value})
        weight.diagonal(dim1=1, dim2=2).fill_({value})
        return torch.softmax(weight, dim=-1) @ x
"""
WINDOW_MEAN = """
class Net(nn.Module):
    def forward(self, x):
        B, T, D = x.shape
        gate = torch.sigmoid(self.gate(x.mean(dim={axis}, keepdim=True)))
        return x * gate
"""
CONVOLUTION = """
class Net(nn.Module):
    def __init__(self, h):
        super().__init__()
        self.mix = nn.Conv1d(64, 64, kernel_size=3, padding={padding}, groups=64)

    def forward(self, x):
        return self.mix(x.transpose(1, 2)){cut}.transpose(1, 2)
"""
BOTH_WAYS = """
class Net(nn.Module):
    def __init__(self, h):
        super().__init__()
        self.rnn = nn.GRU(64, 64, batch_first=True, bidirectional={both})

    def forward(self, x):
        return self.rnn(x)[0]
"""


@pytest.mark.parametrize(
    "body",
    [
        ATTENTION.format(how="is_causal=False"),
        ATTENTION.format(how="attn_mask=None, is_causal=False"),
        POOLED,
        ROWS.format(value="-1e4"),
        ROWS.format(value="-1e9"),
        WINDOW_MEAN.format(axis=1),
        CONVOLUTION.format(padding=1, cut=""),
        BOTH_WAYS.format(both=True),
    ],
    ids=["attention", "no mask", "pooling", "empty row", "emptier row", "mean", "convolution", "both ways"],
)
def test_a_path_from_later_positions_is_a_lead_for_the_suffix_probe(body):
    result = says(CODE, case_of(whole(body + EVALUATE)))
    assert result.status is UNPROVEN
    assert result.findings[0].lead
    assert result.findings[0].probe == "suffix-invariance"


@pytest.mark.parametrize(
    "body",
    [
        ATTENTION.format(how="is_causal=True"),
        ATTENTION.format(how="attn_mask=self.mask, is_causal=False"),
        MEMORY,
        CACHE,
        POOLED_SHIFTED,
        HEADS,
        ROWS.format(value='float("-inf")'),
        WINDOW_MEAN.format(axis=2),
        CONVOLUTION.format(padding=2, cut="[..., :-2]"),
        BOTH_WAYS.format(both=False),
    ],
    ids=["causal", "mask", "memory", "cache", "shifted", "heads", "infinite", "width", "left", "one way"],
)
def test_its_legal_twin_is_not(body):
    assert says(CODE, case_of(whole(body + EVALUATE))).status is PASS


def test_a_network_that_no_run_makes_is_no_lead():
    assert says(CODE, case_of(whole(POOLED + EVALUATE), logged={"mix_enabled": "0"})).status is PASS


@pytest.mark.parametrize(("bpb", "status"), [(0.1862, UNPROVEN), (0.8999, UNPROVEN), (0.95, PASS), (1.12, PASS)])
def test_a_validation_score_in_training_that_no_model_reaches_is_an_alarm(bpb, status):
    curve = [Point(0, 10, val_bpb=4.1), Point(6069, 50, val_bpb=bpb)]
    result = says("c1-causal.training-score", case_of(whole(EVALUATE), curve=curve))
    assert result.status is status
    if status is UNPROVEN:
        assert result.findings[0].places[0].line == 50


def test_a_run_without_validation_in_training_raises_no_alarm():
    assert says("c1-causal.training-score", case_of(whole(EVALUATE))).status is PASS


SMEAR = """
class Net(nn.Module):
    def forward(self, input_ids, cu_seqlens=None):
        x = self.embed(input_ids)
        if self.smear_enabled:
            g = torch.sigmoid(self.gate(x[:, 1:]))
            MASK
            x = torch.cat([x[:, :1], x[:, 1:] + g * x[:, :-1]], dim=1)
        return self.blocks(x, cu_seqlens)
"""
SMEAR_SETTING = 'smear_enabled = bool(int(os.environ.get("SMEAR_ENABLED", "1")))\n'
UNMASKED = SMEAR.replace("            MASK\n", "")
MASKED = SMEAR.replace("MASK", "g = g * (input_ids[:, 1:] != 1).unsqueeze(-1)")


def test_a_gate_on_the_token_before_without_a_mask_is_a_warning_where_documents_are_kept_apart():
    result = says("doc-boundary.shift", case_of(whole(UNMASKED + EVALUATE, SMEAR_SETTING)))
    assert result.status is WARN
    assert 1797 in {precedent.pr for precedent in result.findings[0].precedents}


@pytest.mark.parametrize("body", [MASKED, UNMASKED.replace("cu_seqlens", "state")], ids=["masked", "one stream"])
def test_a_mask_or_one_stream_of_text_is_legal(body):
    assert says("doc-boundary.shift", case_of(whole(body + EVALUATE, SMEAR_SETTING))).status is PASS


def test_a_gate_that_the_run_switches_off_is_legal():
    case = case_of(whole(UNMASKED + EVALUATE, SMEAR_SETTING), logged={"smear_enabled": "False"})
    assert says("doc-boundary.shift", case).status is PASS
