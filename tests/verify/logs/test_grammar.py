"""Every pattern of the grammars takes its own examples, and reads the fields it promises."""

import math

import pytest

from verify.logs import grammar

EXAMPLES = [(pattern, line, expect) for pattern in grammar.patterns() for line, expect in pattern.examples]


def same(found, expected) -> bool:
    if isinstance(expected, float) and math.isnan(expected):
        return math.isnan(found)
    return found == expected


@pytest.mark.parametrize(("pattern", "line", "expect"), EXAMPLES, ids=[f"{row[0].name}: {row[1][:30]}" for row in EXAMPLES])
def test_a_pattern_reads_its_example(pattern, line, expect):
    taken = grammar.match(line.strip())
    assert taken is not None, "no pattern takes it"
    assert taken[0].name == pattern.name
    found = taken[1]
    assert set(found) == set(expect)
    assert all(same(found[key], value) for key, value in expect.items()), found
