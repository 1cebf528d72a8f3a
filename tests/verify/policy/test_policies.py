"""Policies are data: complete, valid, laid over one another, and compared."""

import json

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.commands.policy import policy as command
from verify.errors import BadInput
from verify.finding import Status
from verify.policy import schema
from verify.policy.diff import diff
from verify.policy.model import DEFAULT, load, names
from verify.rule import all_rules

OWN = "name: mine\nversion: 1\ntitle: t\ndescription: d\n"


def written(tmp_path, text):
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    return str(path)


def test_three_policies_say_a_word_of_every_rule():
    assert names() == ["board-2026-05", "readme-2026-03", "strict"]
    rules = {rule.rule for rule in all_rules()}
    assert len(rules) >= 25
    for name in names():
        found = load(name)
        assert found.name == name
        assert len(found.rules) == 33
        assert rules <= found.rules.keys()
        assert all(rule.source for rule in found.rules.values())


def test_every_setting_that_a_rule_may_ask_for_is_in_every_policy():
    known = {rule: of.settings.keys() for rule, of in load(DEFAULT).rules.items()}
    for name in names():
        assert {rule: of.settings.keys() for rule, of in load(name).rules.items()} == known


def test_the_committed_schema_is_the_generated_one():
    from importlib.resources import files

    assert (files("verify.policy") / "policy.schema.json").read_text() == schema.text()


def test_shipped_policies_hold_to_the_schema():
    made = schema.schema()
    rules = made["properties"]["rules"]["properties"]
    for name in names():
        for rule, of in load(name).rules.items():
            allowed = rules[rule]["properties"]
            assert of.cap in allowed["cap"]["enum"]
            assert of.settings.keys() == allowed.get("settings", {"properties": {}})["properties"].keys()
            for key, value in of.settings.items():
                said = allowed["settings"]["properties"][key]
                assert "enum" not in said or value in said["enum"]


@pytest.mark.parametrize(
    ("cap", "found", "weighed"),
    [
        ("fail", Status.FAIL, Status.FAIL),
        ("warn", Status.FAIL, Status.WARN),
        ("warn", Status.UNPROVEN, Status.UNPROVEN),
        ("warn", Status.PASS, Status.PASS),
        ("off", Status.FAIL, Status.EXEMPT),
        ("off", Status.PASS, Status.EXEMPT),
    ],
)
def test_a_cap_weighs_a_failure_and_never_makes_a_pass(tmp_path, cap, found, weighed):
    own = load(written(tmp_path, OWN + f"base: {DEFAULT}\nrules:\n  hardware: {{cap: {cap}}}\n"))
    assert own.capped("hardware", found) is weighed


def test_a_policy_of_one_s_own_says_only_what_differs(tmp_path):
    own = load(written(tmp_path, OWN + f"base: {DEFAULT}\nrules:\n  train-time: {{settings: {{seconds_max: 900}}}}\n"))
    rows = diff(load(DEFAULT), own)
    assert [(row.rule, row.what, row.left, row.right) for row in rows] == [("train-time", "seconds_max", "600", "900")]
    assert own.name == "mine"


def test_a_policy_may_be_laid_over_a_file(tmp_path):
    below = tmp_path / "below.yaml"
    below.write_text(OWN.replace("mine", "below") + "base: strict\nrules: {seeds: {settings: {count_min: 5}}}\n")
    own = load(written(tmp_path, OWN + f"base: {below}\nrules: {{hardware: {{cap: off}}}}\n"))
    assert own.setting("seeds", "count_min") == 5
    assert own.rule("hardware").cap == "off"
    assert own.setting("artifact-bytes", "decides") == "all"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "not a policy"),
        ("[]", "not a policy"),
        ("a: [", "not YAML"),
        ("{" * 800, "not YAML"),
        (OWN + "rules: {}", "rules without a word"),
        (OWN + "rules: 3", "not a policy"),
        (OWN + f"base: {DEFAULT}\nrules: {{no-such: {{cap: fail, source: s}}}}", "no such rule"),
        (OWN + f"base: {DEFAULT}\nrules: {{hardware: {{cap: maybe}}}}", "cap"),
        (OWN + f"base: {DEFAULT}\nrules: {{hardware: 3}}", "hardware"),
        (OWN + f"base: {DEFAULT}\nrules: {{train-time: {{settings: {{seconds: 3}}}}}}", "too many"),
        (OWN + f"base: {DEFAULT}\nrules: {{train-time: {{settings: {{seconds_max: fast}}}}}}", "seconds_max"),
        (OWN + f"base: {DEFAULT}\nrules: {{code-bytes: {{settings: {{helpers: maybe}}}}}}", "helpers"),
        (OWN + f"base: {DEFAULT}\nrules: {{eval-time: {{settings: {{clock: wall}}}}}}", "clock"),
        (OWN + f"base: {DEFAULT}\nrules: {{artifact-bytes: {{settings: {{measures: [weighed]}}}}}}", "measures"),
        (OWN + "base: no-such\nrules: {}", "no-such"),
        (OWN + f"base: {DEFAULT}\nversion: 0\nrules: {{}}", "version"),
    ],
)
def test_what_is_no_policy_is_bad_input_that_says_why(tmp_path, text, word):
    with pytest.raises(BadInput, match=word):
        load(written(tmp_path, text))


@pytest.mark.parametrize(
    "rules", ["{seeds: {settings: 3}}", "{seeds: {settings: [1]}}", "{artifact-bytes: {settings: {bytes_max: .nan}}}"]
)
def test_settings_that_are_none_are_bad_input(rules, tmp_path):
    with pytest.raises(BadInput, match=r"policy\.yaml") as caught:
        load(written(tmp_path, f"base: strict\nrules: {rules}\n"))
    assert "\n" not in str(caught.value)


def test_a_deep_file_of_the_user_s_own_is_bad_input_and_no_crash(tmp_path):
    with pytest.raises(BadInput, match="not YAML"):
        load(written(tmp_path, "[" * 3000 + "]" * 3000))


def test_a_policy_over_itself_ends(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(OWN + f"base: {path}\nrules: {{}}\n")
    with pytest.raises(BadInput, match="in a row"):
        load(str(path))


def test_a_name_that_does_not_exist_names_those_that_do():
    with pytest.raises(BadInput, match="board-2026-05, readme-2026-03, strict"):
        load("board")


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
        max_leaves=12,
    )
)
def test_any_yaml_is_a_policy_or_bad_input(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("p") / "p.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(BadInput):
        load(str(path))


def test_two_policies_that_are_the_same_do_not_differ():
    assert diff(load("strict"), load("strict")) == []
    assert {row.rule for row in diff(load(DEFAULT), load("readme-2026-03"))} >= {
        "significance",
        "train-time",
        "eval-time",
    }


def run(*arguments):
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def test_the_commands_list_show_compare_and_describe():
    assert "board-2026-05 (default)" in run("list").output
    shown = run("show", "strict")
    assert "artifact-bytes" in shown.output
    assert "bytes_max 16,000,000" in shown.output
    compared = run("diff", DEFAULT, "readme-2026-03").output
    assert "p_max" in compared
    assert "differences in" in compared
    assert json.loads(run("schema").output) == schema.schema()


def test_the_shown_file_is_a_policy_again(tmp_path):
    path = written(tmp_path, run("show", "strict", "--yaml").output)
    assert diff(load("strict"), load(path)) == []
