"""Learning before scoring: one script for each loophole, and a legal one that looks like it."""

import pytest

from tests.verify.rules.learning_scripts import (
    FIT,
    ILLEGAL,
    LEARN,
    LEGAL,
    SCORE,
    THEN,
    TUNE,
    chunks,
    slot,
)
from tests.verify.rules.scripted import says
from tests.verify.static.written import case, program, whole
from verify.finding import Status
from verify.static.calibration import calibration_sources

CODES = (
    "no-val-train.order",
    "c3-score-first.order",
    "c4-single-pass.order",
    "no-slot.window",
    "warmup-no-val.order",
    "no-val-calib.source",
    "no-train-at-eval.source",
)


@pytest.mark.parametrize("name", ILLEGAL)
def test_a_loophole_gives_a_lead_of_its_rule(name):
    code, source = ILLEGAL[name]
    result = says(code, case(source))
    assert [finding.lead for finding in result.findings][:1] == [True]


@pytest.mark.parametrize("name", ILLEGAL)
def test_a_lead_quotes_lines_and_names_a_probe(name):
    code, source = ILLEGAL[name]
    finding = says(code, case(source)).findings[0]
    lines = source.splitlines()
    assert finding.probe
    assert len(finding.places) >= 2
    assert [place.quote for place in finding.places] == [lines[place.line - 1].strip() for place in finding.places]


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("Hessians of training tokens", {"train"}),
        ("Hessians of a story of its own", {"generated"}),
        ("Hessians of random tokens", {"random"}),
        ("nothing but scoring", None),
    ],
)
def test_what_calibrates_is_named(name, labels):
    found = calibration_sources(program(LEGAL[name]))
    assert [set(source) for source, _ in found] == ([] if labels is None else [labels])


@pytest.mark.parametrize("name", LEGAL)
def test_a_legal_twin_is_left_alone(name):
    made = case(LEGAL[name])
    assert {code: says(code, made).status for code in CODES} == dict.fromkeys(CODES, Status.PASS)


def test_a_delta_fitted_to_the_context_is_a_warning():
    loop = "ctx_len = 64\n        ctx_y = y[:ctx_len]\n        " + FIT.format(what="(hidden + delta)[:ctx_len], ctx_y")
    assert says("no-slot.window", case(slot(loop))).status is Status.WARN


def test_a_warm_up_on_validation_tokens_is_a_warning():
    warm = """
def warm_up(model, stream):
    for size in (8, 16):
        scratch = Adapter(model)
        optimizer = torch.optim.SGD(scratch.parameters(), lr=1e-3)
        model(stream[:size], stream[1 : size + 1], scratch).mean().backward()
        optimizer.step()
"""
    made = case(whole(warm, f"warm_up(model, tokens)\n{THEN}"))
    assert [says(code, made).status for code in ("warmup-no-val.order", "no-val-train.order")] == [
        Status.WARN,
        Status.PASS,
    ]


def test_the_run_command_switches_an_adaptation_on():
    source = whole(TUNE, f"if args.epochs > 9:\n    tune(args, model, tokens)\n{THEN}")
    code = "no-val-train.order"
    assert (says(code, case(source)).status, says(code, case(source, EPOCHS="20")).findings[0].lead) == (
        Status.PASS,
        True,
    )


def test_a_setting_in_the_log_switches_an_adaptation_off():
    source = whole(TUNE, f"if args.adapt_enabled:\n    tune(args, model, tokens)\n{THEN}")
    code = "no-val-train.order"
    assert (
        says(code, case(source)).findings[0].lead,
        says(code, case(source, settings={"adapt_enabled": "False"})).status,
    ) == (True, Status.PASS)


def test_code_and_log_that_agree_are_a_failure():
    loud = TUNE + "        print(f'ttt_epoch:{epoch + 1}/{args.epochs} loss:{loss.item():.4f}')\n"
    log = "pre_quant val_bpb:1.1200\nttt_epoch:1/3 loss:2.0\nttt_epoch:3/3 loss:1.9\nfinal val_bpb:1.0600\n"
    result = says("no-val-train.order", case(whole(loud, f"tune(args, model, tokens)\n{THEN}"), log=log))
    assert (result.status, result.findings[0].places[0].line) == (Status.FAIL, 3)


def test_epochs_in_the_log_of_a_score_first_script_are_no_failure():
    log = "pre_quant val_bpb:1.0700\nttt_epoch:3/3 loss:1.9\nfinal val_bpb:1.0600\n"
    made = case(chunks(SCORE, LEARN), log=log)
    assert [says(code, made).status for code in ("no-val-train.order", "no-val-train.logs")] == [
        Status.PASS,
        Status.PASS,
    ]


@pytest.mark.parametrize(
    "deep", [" + ".join(["args.epochs"] * 900), "-" * 90 + "1", "model" + "(0)" * 90, "[" * 90 + "]" * 90]
)
@pytest.mark.parametrize("code", CODES)
def test_a_deep_expression_ends_no_rule(code, deep):
    assert says(code, case(whole("", f"bpb = {deep}\n{THEN}"))).status in (Status.PASS, Status.UNPROVEN)


def test_a_deep_expression_hides_nothing_behind_it():
    source = whole(TUNE, f"x = {' + '.join(['args.epochs'] * 2500)}\ntune(args, model, tokens)\n{THEN}")
    assert says("no-val-train.order", case(source)).findings[0].lead


@pytest.mark.parametrize("code", CODES)
def test_a_script_that_cannot_be_parsed_is_unproven(code):
    assert says(code, case("def main(:\n")).status is Status.UNPROVEN
