"""Code compared without its names, comments and layout."""

import keyword
import random
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from verify.queue.features import BINS, normalised, similarity, sketch

CODE = '''
"""A training script."""
import torch
from torch import nn


class Block(nn.Module):
    """One block."""

    def __init__(self, width, heads):
        super().__init__()
        self.width = width  # of the stream
        self.mix = nn.Linear(width, 4 * width)

    def forward(self, x):
        y = self.mix(x) * 0.5
        return {
            "loss": y.sum(),
            'scale': 3,
        }["loss"]


def main(steps=4550, rate=0.022):
    model = Block(512, 8)
    for step in range(steps):
        loss = model(torch.randn(2, 512))
        loss.backward()
        print(f"step:{step} loss:{loss.item():.4f}")
'''


def test_comments_docstrings_and_layout_do_not_count():
    bare = re.sub(r"#[^\n]*", "", CODE).replace('"""A training script."""', "").replace('    """One block."""\n', "")
    spread = bare.replace("\n\n\n", "\n\n\n\n\n").replace(", ", " ,   ")
    assert normalised(bare) == normalised(CODE)
    assert normalised(spread) == normalised(CODE)


def test_names_do_not_count_and_numbers_and_strings_do():
    renamed = CODE.replace("Block", "Layer").replace("width", "dim").replace("rate", "lr").replace("model", "net")
    assert normalised(renamed) == normalised(CODE)
    assert normalised(CODE.replace("0.022", "0.023")) != normalised(CODE)
    assert normalised(CODE.replace('"loss"', '"los"')) != normalised(CODE)


def test_words_of_the_language_count():
    assert normalised("a and b") != normalised("a or b")
    assert normalised("print(a)") != normalised("min(a)")


def test_which_name_is_used_where_counts():
    assert normalised("first = 1\nsecond = 2\nprint(first)") != normalised("first = 1\nsecond = 2\nprint(second)")


def test_strings_at_the_start_of_a_line_inside_brackets_are_no_docstrings():
    assert normalised('table = {\n    "a": 1,\n}') != normalised('table = {\n    "b": 1,\n}')


names = st.sampled_from(sorted({"alpha", "beta", "gamma", "delta", "x1", "y2", "loss", "value"} - set(keyword.kwlist)))


@given(st.lists(names, min_size=1, max_size=30), st.randoms())
def test_any_renaming_gives_the_same_tokens(used, random_):
    others = [f"other{number}" for number in range(8)]
    random_.shuffle(others)
    mapping = dict(zip(sorted(set(used)), others, strict=False))
    assert normalised(" + ".join(used)) == normalised(" + ".join(mapping[name] for name in used))


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_read(text):
    tokens = normalised(text)
    assert len(sketch(tokens)) == BINS


def test_the_sketch_estimates_how_much_is_shared():
    random_ = random.Random(5)
    lines = [f"v{number % 37} = f{number % 11}(v{number % 29}, {random_.random():.6f})" for number in range(1500)]
    whole = sketch(normalised("\n".join(lines)))
    changed = lines[:]
    for index in random_.sample(range(1500), 75):
        changed[index] = f"w = g({random_.random():.6f}, {random_.random():.6f})"
    near = sketch(normalised("\n".join(changed)))
    far = sketch(normalised("\n".join(f"v = h({random_.random():.6f}) - {number}" for number in range(1500))))
    assert similarity(whole, whole) == 1.0
    assert similarity(whole, sketch(normalised("import os\n" + "\n".join(lines)))) > 0.9
    # 5 % of lines, each in shingles of two lines more: about 0.8 of all shingles are shared
    assert 0.6 < similarity(whole, near) < 0.95
    assert similarity(whole, far) < 0.1
