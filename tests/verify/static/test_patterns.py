"""Names, what they are bound to and derived from; and scripts that are made to cost time."""

import ast
import time

import pytest

from tests.verify.rules.judged import rules
from tests.verify.rules.scripted import case_of, whole
from verify.static.patterns import dotted, last, number, root
from verify.static.patterns_code import code_of

OURS: tuple[str, ...] = (
    "ngram-hash.target",
    "c2-",
    "no-target",
    "c1-",
    "doc-b",
    "self-c",
    "no-val-a",
    "tokenizer",
    "train-d",
)
OURS += ("bpb-bytes.table", "no-train", "external")


def scope_of(body: str):
    code = code_of(case_of(whole("def evaluate(h, model, tokens):\n    " + body.replace("\n", "\n    ") + "\n")))
    assert code is not None
    (function,) = [function for function in code.functions if function.name == "evaluate"]
    return code.scope(function)


def expression(text: str) -> ast.AST:
    return ast.parse(text, mode="eval").body


@pytest.mark.parametrize(
    ("text", "name"),
    [("a", "a"), ("a[1].to(x)", "a"), ("self.t[k]", "self.t"), ("-a.b", "a.b"), ("f(x)", ""), ("a.cpu().numpy()", "a")],
)
def test_the_name_an_expression_hangs_on(text, name):
    assert root(expression(text)) == name


def test_numbers_and_called_names():
    assert number(expression("-3")) == -3.0
    assert number(expression("True")) is None
    assert last(expression("torch.where(a, b, c)")) == "where"
    assert dotted(expression("np.add.at")) == "np.add.at"


def test_what_follows_from_a_name():
    scope = scope_of("a = tokens[0]\nb, c = a * 2, 3\nd = []\nd.append(b)\ne[c] = d\nf = c")
    assert scope.derived(set(), {"a"}) == {"a", "b", "d", "e"}
    assert scope.derived(set(), {"a"}, steps=1) == {"a", "b"}


def test_what_stands_behind_an_expression():
    scope = scope_of("a = model.loss(tokens)\nb = a / 2\nc = b + 1\nuse(c)")
    (call,) = scope.calls("use")
    assert (
        scope.rests_on(call.args[0], lambda node: isinstance(node, ast.Attribute) and node.attr == "loss") is not None
    )
    assert scope.rests_on(call.args[0], lambda node: isinstance(node, ast.Name) and node.id == "other") is None


def test_names_that_depend_on_each_other_end():
    scope = scope_of("a = 1\nfor i in range(9):\n    a = b\n    b = a\nuse(a)")
    (call,) = scope.calls("use")
    assert scope.rests_on(call.args[0], lambda node: False) is None
    assert scope.derived(set(), {"a"}) == {"a", "b"}


LINES = {
    "hashes": "k{i} = ((h{i} ^ (y{i} * 7)) & 15)\n    t[k{i}] / s[h{i} & 15]",
    "entropies": "e{i} = -(p{i}.exp() * p{i}).sum(-1)\n    torch.stack([e{i}, nll{i}]).logsumexp(0)",
    "scaled": "loss{i} = loss{i} * 0.98\n    byte_total += loss{i}",
    "choices": "scores[{i}] = torch.minimum(nll_a{i}, nll_b{i})\n    total += scores",
    "shares": "m{i} = lam * math.exp(logp{i} / len(b{i})) + (1 - lam) * q{i}",
    "chain": "nll{n} = nll{i} + math.exp(nll{i}) * len(prefix == nll{i})",
    "attention": "y{i} = F.scaled_dot_product_attention(q{i}, k{i}, v{i}, is_causal=False)",
    "words": 'x{i} = "if loss nll where( minimum( == prefix ' + "loss " * 40 + '"',
}


@pytest.mark.parametrize("name", LINES)
def test_long_scripts_of_one_kind_cost_little(name):
    body = "def evaluate(h, model, tokens):\n    total = byte_total = 0.0\n"
    body += "".join("    " + LINES[name].replace("{n}", str(i + 1)).replace("{i}", str(i)) + "\n" for i in range(1500))
    case = case_of(whole(body + "    return total\n"))
    assert case.program is not None
    for code, rule in rules().items():
        if code.startswith(OURS):
            start = time.process_time()
            list(rule.check(case))
            assert time.process_time() - start < 2.0, code


def test_a_line_of_a_million_characters_costs_little():
    words = "if loss nll where( minimum( == prefix * / "
    case = case_of(whole(f'TEXT = "{words * 25_000}"\n\ndef evaluate(h, model, tokens):\n    return 0.0\n'))
    assert case.program is not None
    start = time.process_time()
    for code, rule in rules().items():
        if code.startswith(OURS):
            list(rule.check(case))
    assert time.process_time() - start < 2.0
