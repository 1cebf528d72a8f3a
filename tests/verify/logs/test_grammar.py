"""Every pattern of the grammars takes its own examples, and reads the fields it promises."""

import math
import time

import pytest

from verify.logs import grammar

EXAMPLES = [(pattern, line, expect) for pattern in grammar.patterns() for line, expect in pattern.examples]


def same(found, expected) -> bool:
    if isinstance(expected, float) and math.isnan(expected):
        return math.isnan(found)
    return found == expected


@pytest.mark.parametrize(
    ("pattern", "line", "expect"), EXAMPLES, ids=[f"{row[0].name}: {row[1][:30]}" for row in EXAMPLES]
)
def test_a_pattern_reads_its_example(pattern, line, expect):
    taken = grammar.match(line.strip())
    assert taken is not None, "no pattern takes it"
    assert taken[0].name == pattern.name
    found = taken[1]
    assert set(found) == set(expect)
    assert all(same(found[key], value) for key, value in expect.items()), found


FILLERS = ("a:b=c, ", "a=1,b=2,", "val_loss:1 ", "((((", " 1", "[a] ", "a:", "==", "_a")


@pytest.mark.parametrize("filler", FILLERS)
def test_no_line_takes_a_pattern_long(filler):
    for pattern in grammar.patterns():
        line = (pattern.examples[0][0].strip() + " " + filler * 3000)[: grammar.MATCH_CHARACTERS_MAX]
        start = time.process_time()
        grammar.match(line + "\x00")
        grammar.match(pattern.has[0] + line + "\x00")
        assert time.process_time() - start < 0.2, pattern.name


def test_the_kinds_of_events_are_documented_where_they_are_defined():
    assert {"ngram_gates", "prefill", "second_pass", "paid_prefix", "prequant_ttt_epoch", "eval_only"} <= set(
        grammar.kinds()
    )
