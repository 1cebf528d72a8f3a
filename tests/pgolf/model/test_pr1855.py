"""PR 1855: the whole model against its formulas in float64, documents that do not see each other, and fused kernels' formulas."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from pgolf.data.documents import segments
from pgolf.model.attention.gqa_documents import attend_inside
from pgolf.model.attention.kernel import causal_attention
from pgolf.model.attention_outputs import sparse_gate
from pgolf.model.inputs import smear_documents
from pgolf.model.mlp import fused_squared_relu, squared_relu
from pgolf.model.output import fused_softcap, softcap
from tests.recipes import (
    ONCE,
    SMEAR_DOCUMENTS,
    SPARSE_GATE,
    build_model,
    loop,
    model_cfg,
    pr1855,
    quick,
    random_model,
    tree,
)

BOS, MOST, LAYERS, START = 1, 8, 6, 4
WIDTH, HEADS, GROUP, HEAD, ROTATED = 64, 4, 2, 16, 8
TWO_LANE = {"kind": "two_lane", "layer_scale": "inverse_sqrt", "lanes_start_layer": START}
CFG = model_cfg(**pr1855(layers=LAYERS, residual=TWO_LANE, depth=loop(1, 2, 3)))
ORDERS = [0, 1, 2, 3, 4, 5], [0, 1, 2, 1, 2, 1, 2, 3, 4, 5]


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def buffer(size=30, starts=(0, 5, 6, 19), seed=1):
    """Token ids (1, N) with documents at `starts`, and their borders."""
    ids = torch.randint(2, 48, (1, size), generator=torch.Generator().manual_seed(seed))
    ids[0, list(starts)] = BOS
    return ids, torch.from_numpy(segments(ids[0].numpy(), BOS, MOST))


def unit_rms(x):
    return x / (x.square().mean(-1, keepdim=True) + 1.1920929e-07).sqrt()


def rotated(x_THD):
    half = ROTATED // 2
    angle = torch.arange(len(x_THD)).double()[:, None, None] * 10000.0 ** -(torch.arange(half).double() / half)
    a, b = x_THD[..., :half], x_THD[..., half:ROTATED]
    turned = [a * angle.cos() + b * angle.sin(), b * angle.cos() - a * angle.sin()]
    return torch.cat([*turned, x_THD[..., ROTATED:]], -1)


class ByHand:
    """PR 1855's forward pass over one buffer, from the description of its order, in float64."""

    def __init__(self, model, looped):
        self.w = {name: p.detach().double() for name, p in model.named_parameters()}
        self.order = ORDERS[looped]

    def attention(self, layer, u, documents):
        w, size = self.w, len(u)
        q, k, v = ((u @ w[f"blocks.{layer}.attn.c_{x}.weight"].T).view(size, -1, HEAD) for x in "qkv")
        q, k = rotated(unit_rms(q)), rotated(unit_rms(k))
        heads = []
        for h in range(HEADS):
            g = h // GROUP
            logits = w[f"blocks.{layer}.attn.q_gain"][h] * q[:, h] @ k[:, g].T / HEAD**0.5
            unseen = torch.ones(size, size).triu(1).bool() | (documents[:, None] != documents)
            y = logits.masked_fill(unseen, -torch.inf).softmax(-1) @ v[:, g]
            direction = v[:, g] / v[:, g].norm(dim=-1, keepdim=True)
            y = y - (y * direction).sum(-1, keepdim=True) * direction
            gate = torch.sigmoid(0.5 * u[:, :12] @ w[f"blocks.{layer}.attn.outputs.1.gate"][h])
            heads.append(gate[:, None] * y)
        return torch.cat(heads, -1) @ w[f"blocks.{layer}.attn.proj.weight"].T

    def mlp(self, layer, u):
        z = u @ self.w[f"blocks.{layer}.mlp.fc.weight"].T
        return torch.where(z > 0, z, z / 2).square() @ self.w[f"blocks.{layer}.mlp.proj.weight"].T

    def skip(self, k, x, e):
        g = torch.sigmoid(self.w["skips.gates"][k])
        return g * x + (1 - g) * self.w["skips.weights"][k] * e

    def logits(self, ids, documents):
        w = self.w
        e = w["vocabulary.tok_emb"][ids]
        before = torch.cat([torch.zeros(1, WIDTH), e[:-1]])
        gate = torch.sigmoid(e[:, :12] @ w["vocabulary.inputs.0.gate"][0])
        e = e + w["vocabulary.inputs.0.strength"] * (gate * (ids != BOS))[:, None] * before
        x = x0 = unit_rms(e)
        stack, lanes, half = [], None, len(self.order) // 2
        for place, layer in enumerate(self.order):
            k, s = place - half, (layer + 1) ** -0.5
            block = {n.removeprefix(f"blocks.{layer}."): p for n, p in w.items() if n.startswith(f"blocks.{layer}.")}
            mix, a_scale, m_scale = (block[n] for n in ("resid_mix", "attn_scale", "mlp_scale"))
            if layer >= START:
                lanes = lanes or (x, x)
                zero = self.skip(k, lanes[0], stack.pop()) if stack else lanes[0]
                one = lanes[1]
                a = a_scale * self.attention(layer, s * unit_rms(mix[0] * zero + mix[1] * x0), documents)
                m = m_scale * self.mlp(layer, s * unit_rms(one))
                rho, pi = w[f"blocks.{START}.rho"][layer], w[f"blocks.{START}.pi"][layer]
                lanes = tuple(
                    rho[i] * lane + pi[0, i] * a + pi[1, i] * m for i, lane in enumerate((zero, one))
                )  # pi[source, lane]
                continue
            if k >= 0 and stack:
                x = self.skip(k, x, stack.pop())
            x = mix[0] * x + mix[1] * x0
            x = x + a_scale * self.attention(layer, s * unit_rms(x), documents)
            x = x + m_scale * self.mlp(layer, s * unit_rms(x))
            if k < 0:
                stack.append(x)
        return 30 * torch.tanh(unit_rms((lanes[0] + lanes[1]) / 2) @ w["vocabulary.tok_emb"].T / 30)


@pytest.mark.parametrize("looped", [0, 1])
@pytest.mark.parametrize("with_segments", [False, True])
def test_logits_losses_and_gradients_are_those_of_the_formulas(looped, with_segments):
    model = random_model(CFG)
    model.phase = looped
    assert model.orders[looped] == ORDERS[looped]
    ids, borders = buffer()
    places = torch.searchsorted(borders.long(), torch.arange(30), right=True)
    expected = ByHand(model, looped).logits(ids[0], places if with_segments else torch.zeros(30))
    context = borders if with_segments else None
    torch.testing.assert_close(model.logits(model.hidden(ids, context))[0].double(), expected, rtol=0, atol=2e-5)
    targets = ids.roll(-1)
    nats = F.cross_entropy(expected, targets[0], reduction="none")
    for mode in (model.train(), model.eval()):
        torch.testing.assert_close(mode(ids, targets, context)[0].double(), nats, rtol=0, atol=2e-5)
    learned = {}
    for training in (True, False):
        model.train(training).zero_grad()
        model(ids, targets, context).mean().backward()
        learned[training] = [p.grad.clone() for p in model.parameters()]
    for fused, plain in zip(learned[True], learned[False], strict=True):
        assert (fused - plain).norm() <= 1e-4 * plain.norm()


@pytest.mark.parametrize("looped", [0, 1])
def test_a_document_does_not_see_the_one_before_it(looped):
    model = random_model(CFG)
    model.phase = looped
    ids, borders = buffer()
    changed = ids.clone()
    changed[0, 15:19] = (changed[0, 15:19] + 7) % 40 + 2  # the end of the third document; the fourth begins at 19
    old, new = (model.logits(model.hidden(one, borders))[0] for one in (ids, changed))
    assert torch.equal(new[:15], old[:15])
    assert torch.equal(new[19:], old[19:])
    assert not torch.allclose(new[18], old[18])
    without = [model.logits(model.hidden(one))[0, 19:] for one in (ids, changed)]
    assert not torch.allclose(*without)


@quick
@given(st.lists(st.integers(1, 9), min_size=1, max_size=7), st.integers(0, 5), st.integers(9, 40), st.integers(0, 99))
def test_each_segment_attends_as_it_would_alone(lengths, repeated, most, seed):
    size = sum(lengths)
    q, k, v = (
        random(size, heads, HEAD, seed=seed + i) for i, heads in enumerate((HEADS, HEADS // GROUP, HEADS // GROUP))
    )
    borders = torch.tensor([0, *lengths]).cumsum(0).int()
    filled = torch.cat([borders, borders[-1].repeat(repeated)])
    alone = [
        causal_attention(*(x[None, a:b] for x in (q, k, v)))[0]
        for a, b in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True)
    ]
    torch.testing.assert_close(attend_inside(q, k, v, filled, most), torch.cat(alone), rtol=0, atol=1e-5)


def test_one_segment_is_dense_attention():
    q, k, v = (random(20, 2, HEAD, seed=i) for i in range(3))
    dense = causal_attention(q[None], k[None], v[None])[0]
    torch.testing.assert_close(attend_inside(q, k, v, torch.tensor([0, 20, 20]).int(), 20), dense, rtol=0, atol=1e-5)


def test_an_embedding_is_smeared_but_at_the_first_position_and_at_a_bos():
    smear = smear_documents.build(None, tree(**SMEAR_DOCUMENTS))
    ids, _ = buffer()
    x = random(1, 30, WIDTH)
    assert torch.equal(smear(x, ids), x)
    with torch.no_grad():
        smear.strength.fill_(0.7)
        smear.gate.normal_()
    out = smear(x, ids)
    kept = torch.zeros(30, dtype=torch.bool)
    kept[[0, 5, 6, 19]] = True
    assert torch.equal(out[0, kept], x[0, kept])
    for t in (1, 4, 7, 29):
        gate = torch.sigmoid(smear.gate[0] @ x[0, t, :12])
        torch.testing.assert_close(out[0, t], x[0, t] + 0.7 * gate * x[0, t - 1])
    assert torch.equal(smear(x[:, :1], ids[:, :1]), x[:, :1])


def test_gates_begin_at_one_half():
    gate = sparse_gate.build(CFG, tree(**SPARSE_GATE))
    y = random(1, 5, HEADS, HEAD)
    torch.testing.assert_close(gate(y, None, random(1, 5, WIDTH)), y / 2)


def test_a_model_holds_one_rho_and_one_pi_for_all_its_layers():
    names = dict(build_model(CFG).named_parameters())
    shapes = {name: tuple(p.shape) for name, p in names.items() if name.endswith(("rho", "pi"))}
    assert shapes == {f"blocks.{START}.rho": (LAYERS, 2), f"blocks.{START}.pi": (LAYERS, 2, 2)}


@pytest.mark.parametrize("slope", [0.0, 0.5])
def test_the_fused_mlp_computes_and_learns_as_the_plain_one(slope):
    cfg = model_cfg(width=12, mlp={"kind": "fused_squared_relu", "hidden": 20, "negative_slope": slope})
    fused, plain = fused_squared_relu.build(cfg), squared_relu.build(cfg)
    plain.load_state_dict({name: p + random(*p.shape) for name, p in fused.state_dict().items()})
    fused.load_state_dict(plain.state_dict())
    inputs = [random(2, 7, 12).requires_grad_() for _ in range(2)]
    outputs = [mlp(x) for mlp, x in zip((fused, plain), inputs, strict=True)]
    torch.testing.assert_close(*outputs)
    for out in outputs:
        out.backward(random(2, 7, 12, seed=3))
    found, expected = (
        [x.grad, *(p.grad for p in mlp.parameters())] for mlp, x in zip((fused, plain), inputs, strict=True)
    )
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    assert torch.equal(fused.eval()(inputs[0]), outputs[1])


def test_no_gradient_flows_where_the_square_has_its_minimum():
    steep = fused_squared_relu.fall(random(1, 3), random(3, 3, seed=1), torch.tensor([[0.0, 2.0, -2.0]]), 0.5)
    flat = (random(1, 3) @ random(3, 3, seed=1).T)[0]
    torch.testing.assert_close(steep[0], flat * torch.tensor([0.0, 4.0, -1.0]))


def test_the_fused_loss_and_its_gradient_are_the_plain_ones():
    fused, plain = (module.build(tree(cap=30.0)) for module in (fused_softcap, softcap))
    targets = torch.randint(50, (2, 9), generator=torch.Generator().manual_seed(0))
    inputs = [(40 * random(2, 9, 50)).requires_grad_() for _ in range(2)]
    weights = random(2, 9, seed=1)
    losses = [output(z, targets) for output, z in zip((fused, plain), inputs, strict=True)]
    torch.testing.assert_close(*losses)
    for nats in losses:
        (nats * weights).sum().backward()
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad, rtol=1e-4, atol=1e-6)
    assert torch.equal(fused.eval()(inputs[0], targets), losses[1])
    assert not torch.allclose(fused.train()(inputs[0] + 5, targets), losses[0])  # the cap knows where zero is


def test_the_fused_loss_keeps_float32_when_logits_are_bf16():
    z, targets = (20 * random(1, 4, 50)).bfloat16().requires_grad_(), torch.arange(4)[None]
    nats = fused_softcap.build(tree(cap=30.0))(z, targets)
    exact = F.cross_entropy(30 * torch.tanh(z[0].double() / 30), targets[0], reduction="none")
    torch.testing.assert_close(nats[0].double(), exact, rtol=0, atol=1e-5)
    nats.sum().backward()
    assert z.grad.dtype == torch.bfloat16


def test_the_compiler_sees_what_the_fused_operations_do():
    """Shapes, types and that nothing is changed in place."""
    x, w, pre = random(5, 8), random(6, 8), random(5, 6)
    targets = torch.arange(5)
    nats, lse = fused_softcap.measure(x, targets, 30.0)
    calls = [
        (fused_squared_relu.rise, (x, w, 0.5)),
        (fused_squared_relu.fall, (x, w, pre, 0.5)),
        (fused_softcap.measure, (x, targets, 30.0)),
        (fused_softcap.slope, (x, targets, lse, nats, 30.0)),
    ]
    for operation, arguments in calls:
        torch.library.opcheck(operation, arguments, test_utils=("test_schema", "test_faketensor"))


def test_forward_and_backward_over_documents_are_one_graph():
    residual = {**TWO_LANE, "lanes_start_layer": 1}
    model = random_model(model_cfg(**pr1855(layers=2, depth=ONCE, residual=residual)))
    compiled = torch.compile(model, dynamic=False, fullgraph=True, backend="aot_eager")
    ids, borders = buffer()
    gradients = []
    for forward in (model, compiled):
        model.zero_grad()
        forward(ids, ids.roll(-1), borders).mean().backward()
        gradients.append([p.grad.clone() for p in model.parameters()])
    for eager, graph in zip(*gradients, strict=True):
        torch.testing.assert_close(graph, eager)
