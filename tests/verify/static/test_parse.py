"""Reading scripts that only Python 3.12 parses, and text that no Python parses."""

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.static import fstrings
from verify.static.parse import parse

NEW = [
    'x = f"{d["a"]}"\n',
    "x = f'{\", \".join(sorted(d['k']))}'\n",
    'x = f"{"\\n".join(rows)}"\n',
    'x = f"{a:>{d["w"]}}" "tail"\n',
    'x = f"{f"{f"{1 + 1}"}"}"\n',
    'x = f"""{\n    d["a"]\n}"""\n',
    'x = f"{d["a"]!r}" f"{d["b"]=}"\n',
    'if f"{d["a"]}":pass\n',
]


@pytest.mark.parametrize("text", NEW)
def test_an_f_string_of_python_3_12_is_read(text):
    tree = parse("d = {}\n" + text + "after = 1\n")
    assert tree is not None
    assert tree.body[-1].lineno == text.count("\n") + 2


@pytest.mark.parametrize("text", NEW)
def test_what_an_f_string_holds_is_put_back(text):
    names = {node.id for node in ast.walk(parse(text)) if isinstance(node, ast.Name)}
    assert not any(name.startswith("__f") for name in names)


def test_the_expression_in_an_f_string_keeps_its_line():
    tree = parse('a = 1\nb = 2\nx = f"{d["key"]} and {call("one")}"\n')
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert [call.lineno for call in calls] == [3]


def test_a_quote_after_a_keyword_begins_a_string():
    assert parse('def f(a):return"x"if"y"in a else f"{a["z"]}"\n') is not None


@pytest.mark.parametrize(
    "text", ["x = (\n", "x = f'{a'\n", 'x = f"{d["a"\n', "def f(:\n", "'''\n", 'f"{"{"', "f'{" * 400]
)
def test_what_no_python_parses_gives_none(text):
    assert parse(text) is None


def test_deep_nesting_does_not_end_the_process():
    for text in (
        "(" * 50_000,
        "x = " + "-" * 20_000 + "1",
        "x = " + "+".join("a" * 20_000),
        "f'{" + "[" * 5_000 + "]" * 5_000 + "}'",
    ):
        parse(text)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="f\"'{}\\n :=!abr#(\n", max_size=60))
def test_any_text_is_parsed_or_refused(text):
    tree = parse(text)
    assert tree is None or isinstance(tree, ast.Module)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab \"'#\n\\(){}[]f", max_size=80))
def test_the_rewrite_changes_nothing_outside_f_strings(text):
    try:
        ast.parse(text)
        rewritten, found = fstrings.rewrite(text)
    except (SyntaxError, ValueError):
        return
    if not found:
        assert rewritten == text
