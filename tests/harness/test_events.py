import ast
import json
import string
from typing import Literal, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgolf.core.errors import StageError
from pgolf.core.events import LINES, event
from pgolf.harness import events
from tests.command import ROOT
from tests.recipes import quick

DECLARED = {get_args(kind.model_fields["event"].annotation)[0]: kind for kind in events.Event.__subclasses__()}
IN_EVERY_EVENT = {"event", "time", "rank"}
MADE_OF_SECONDS = {"ms", "minutes"}  # of a log line, not of an event
EXAMPLES = {
    int: 3,
    float: 1.5,
    str: "a\u2028b\n\x85\x0c{c} \U0001f3cc",
    list[int]: [0, 1],
    float | None: 0.25,
    int | None: 3,
}
assert len(DECLARED) == 21


def fields(name):
    return DECLARED[name].model_fields.keys() - IN_EVERY_EVENT


def required(name):
    return {field for field in fields(name) if DECLARED[name].model_fields[field].is_required()}


def example(name):
    """A value for every field of an event."""
    kinds = {field: DECLARED[name].model_fields[field].annotation for field in fields(name)}
    return {f: get_args(kind)[0] if get_origin(kind) is Literal else EXAMPLES[kind] for f, kind in kinds.items()}


def emitted():
    """(file:line, name, fields given by name, whether there are more) of every call of `event` in what ships."""
    for path in sorted((ROOT / "pgolf").rglob("*.py")):
        if "harness" in path.parts or "commands" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "event":
                given = {keyword.arg for keyword in node.keywords}
                yield f"{path.name}:{node.lineno}", node.args[0], given - {None}, None in given


def added():
    """{name: line} that techniques add to the log."""
    for path in sorted((ROOT / "pgolf").rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).startswith("LINES["):
                yield node.targets[0].slice.value, node.value.value


ADDED = dict(added())
assert len(ADDED) >= 1
EMITTED = list(emitted())
assert len(EMITTED) >= 18


def line(name, **changes):
    return json.dumps({"event": name, "time": 1.0, "rank": 0, **example(name), **changes})


def test_every_event_that_is_sent_has_a_name_written_out():
    assert [place for place, name, _, _ in EMITTED if not isinstance(name, ast.Constant)] == []


def test_every_event_that_is_sent_is_declared_and_every_declared_one_is_sent():
    assert {name.value for _, name, _, _ in EMITTED} == set(DECLARED)


@pytest.mark.parametrize(("name", "given", "more"), [e[1:] for e in EMITTED], ids=[e[0] for e in EMITTED])
def test_every_call_gives_the_fields_that_are_declared(name, given, more):
    assert given <= fields(name.value)
    assert more or required(name.value) <= given


@pytest.mark.parametrize("name", [*LINES, *ADDED])
def test_every_log_line_is_made_of_declared_fields(name):
    used = {field for _, field, _, _ in string.Formatter().parse((LINES | ADDED)[name]) if field}
    assert used <= fields(name) | MADE_OF_SECONDS


@pytest.mark.parametrize("name", DECLARED)
def test_what_is_sent_is_read(name, tmp_path, monkeypatch):
    monkeypatch.setenv("PGOLF_EVENTS", str(tmp_path / "events.jsonl"))
    event(name, **example(name))
    (read,) = events.read(tmp_path / "events.jsonl")
    assert type(read) is DECLARED[name]
    assert read.model_dump(exclude=IN_EVERY_EVENT) == example(name)


def test_the_log_line_has_the_numbers_of_the_event(capsys):
    event("score", **example("score") | {"label": "q", "seconds": 1.25, "val_bpb": 1.085})
    assert capsys.readouterr().out == "q val_loss:1.50000000 val_bpb:1.08500000 eval_time:1250ms\n"


BAD = {
    "unknown event": line("score").replace('"score"', '"scores"'),
    "no event": line("score").replace('"event"', '"events"'),
    "missing field": line("weights").replace("weights_bytes", "bytes_of_weights"),
    "extra field": line("weights", more=1),
    "text for a number": line("weights", weights_bytes="3"),
    "a fraction for a whole number": line("weights", weights_bytes=3.5),
    "an unknown phase": line("clock", phase="lunch"),
    "no rank": line("weights").replace('"rank"', '"ranks"'),
    "no object": "[1]",
    "no JSON": "step:1 loss:2",
    "an empty line": "",
}
assert len(BAD) == 11


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_an_event_that_is_not_declared_so_is_a_stage_error_that_shows_it(tmp_path, text):
    path = tmp_path / "events.jsonl"
    path.write_text(f"{line('ledger')}\n{text}\n")
    with pytest.raises(StageError) as caught:
        events.read(path)
    assert str(caught.value).endswith(f"): {text[:200]}")


def test_no_file_is_no_events(tmp_path):
    assert events.read(tmp_path / "events.jsonl") == []


STREAM = "".join(f"{line('progress', done=n)}\n" for n in range(5)).encode() + line("progress", done=99).encode()


@quick
@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=12).map(sorted))
def test_a_growing_file_cut_anywhere_gives_every_whole_line_once_and_no_half_one(tmp_path_factory, cuts):
    path = tmp_path_factory.mktemp("tail") / "events.jsonl"
    tail, seen = events.Tail(path), []
    for start, stop in zip([0, *cuts], [*cuts, len(STREAM)], strict=True):
        with open(path, "ab") as file:
            file.write(STREAM[start:stop])
        seen += [read.done for read in tail.new()]
        assert seen == list(range(STREAM[:stop].count(b"\n")))
    assert seen == [0, 1, 2, 3, 4]


def test_the_last_line_is_read_when_its_end_is_written(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(STREAM)
    tail = events.Tail(path)
    assert len(tail.new()) == 5
    with open(path, "ab") as file:
        file.write(b"\n")
    assert [read.done for read in tail.new()] == [99]
