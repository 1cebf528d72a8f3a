"""Where values come from."""

import ast

import pytest

from tests.verify.static.written import program, whole
from verify.static.flow import Flow

HELPERS = """
def first(pair):
    return pair

def take(stream, start):
    return stream[start : start + 10]

def noise(count):
    return torch.randint(0, 1024, (count,))

def write_story(model, count):
    x = torch.zeros(1, dtype=torch.long)
    for _ in range(count):
        x = torch.cat([x, torch.multinomial(model.logits(x).softmax(-1), 1)])
    return x

class Holder:
    def __init__(self, args):
        self.stream = load_tokens(args.val_files)
        self.shards = Loader(args.train_files)
"""
CASES = {
    "probe(tokens)": {"val"},
    "probe(tokens[3:9].to('cuda'))": {"val"},
    "probe(take(tokens, 5))": {"val"},
    "probe(train_loader.next_batch(8))": {"train"},
    "x, y = train_loader.next_batch(8)\nprobe(x)": {"train"},
    "probe(noise(8))": {"random"},
    "probe(write_story(model, 8))": {"generated"},
    "probe(tokens.numel())": set(),
    "probe(torch.zeros(4))": set(),
    "probe(Holder(args).stream)": {"val"},
    "h = Holder(args)\nprobe(h.stream)": {"val"},
    "h = Holder(args)\nprobe(h.shards.next_batch(4))": {"train"},
    "innocent = [tokens[i : i + 4] for i in range(9)]\nprobe(innocent[0])": {"val"},
    "box = []\nbox.append(tokens)\nprobe(torch.cat(box))": {"val"},
    "x = torch.zeros(9)\nx[:4] = tokens[:4]\nprobe(x)": {"val"},
    "x = torch.zeros(9)\nx.copy_(tokens)\nprobe(x)": {"val"},
    "x = tokens\nx = noise(4)\nprobe(x)": {"random"},
    "x = noise(4)\nif model is None:\n    x = tokens\nprobe(x)": {"random", "val"},
    "for x in zip(noise(3), [tokens]):\n    probe(x)": {"random", "val"},
    "for i, x in enumerate([tokens]):\n    probe(i)": set(),
    "data = tokens if args.adapt_enabled else noise(4)\nprobe(data)": {"val"},
    "f = lambda: tokens\nprobe(f())": {"val"},
    "loss = model(tokens[:-1], tokens[1:]).mean()\nprobe(loss)": {"val"},
    "probe(first((noise(4), tokens)))": {"random", "val"},
    "probe(np.fromfile('fineweb_val_000.bin'))": {"val"},
}


@pytest.mark.parametrize(("steps", "labels"), CASES.items())
def test_a_value_is_followed_to_where_it_comes_from(steps, labels):
    found = program(
        whole(HELPERS + "def probe(x):\n    return x\n", steps + "\nbpb = eval_val(args, model, tokens, table)")
    )
    main = next(f for f in found.functions if f.name == "main")
    call = next(c for c in main.nodes(ast.Call) if isinstance(c.func, ast.Name) and c.func.id == "probe")
    labels_found = set(Flow(found).origins(call.args[0], main).labels)
    if steps.startswith("f = lambda"):
        labels_found |= set(Flow(found).origins(next(iter(main.nodes(ast.Lambda))), main).labels)
    assert labels_found == labels


def test_a_value_in_a_loop_is_followed_around_it():
    found = program(
        whole(
            "def probe(x):\n    return x\n",
            "x = torch.zeros(1)\nfor i in range(9):\n    probe(x)\n    x = tokens[i:]\nbpb = 1",
        )
    )
    main = next(f for f in found.functions if f.name == "main")
    call = next(c for c in main.nodes(ast.Call) if isinstance(c.func, ast.Name) and c.func.id == "probe")
    assert set(Flow(found).origins(call.args[0], main).labels) == {"val"}
