"""What logs and READMEs say of learning from validation data."""

import pytest

from tests.verify.rules.scripted import says
from tests.verify.static.written import case, whole
from verify.finding import Status

SOURCE = whole()


def of(code: str, log: str = "", readme: str = ""):
    return says(code, case(SOURCE, log=log, readme=readme))


def is_lead(result) -> bool:
    return any(finding.lead for finding in result.findings)


@pytest.mark.parametrize(
    "line", ["gptq:using validation data for calibration (8 seqs)", "calibrating on val tokens: 64 batches"]
)
def test_a_log_that_says_validation_calibration_fails(line):
    result = of("no-val-calib.logs", f"step 1\n{line}\nfinal val_bpb:1.06\n")
    assert (result.status, result.findings[0].places[0].line) == (Status.FAIL, 2)


@pytest.mark.parametrize(
    "line",
    [
        "warm-up (random tokens, no validation data for calibration)",
        "gptq:collecting from calibration data",
        "not calibrating on val tokens",
    ],
)
def test_a_log_that_denies_it_passes(line):
    assert of("no-val-calib.logs", f"step 1\n{line}\nfinal val_bpb:1.06\n").status is Status.PASS


def test_the_line_of_a_script_in_the_log_is_no_statement():
    line = 'log(f"gptq:using validation data for calibration ({n} seqs)")'
    assert of("no-val-calib.logs", f"{line}\nfinal val_bpb:1.06\n").status is Status.PASS


def test_the_best_of_a_sweep_is_a_lead():
    log = "mix_sweep a:1 val_bpb:1.0700\nmix_sweep a:2 val_bpb:1.0600\nmix_best a:2 val_bpb:1.0600\n"
    assert is_lead(of("no-val-calib.logs", log))


def test_a_second_pass_that_is_claimed_fails():
    log = "ngram pass 1 bpb:0.9\nngram_pass2_total bpb:0.5000\nfinal val_bpb:0.5000\n"
    assert of("c4-single-pass.logs", log).status is Status.FAIL


def test_a_second_pass_under_a_claim_that_the_logs_do_not_give_is_a_lead():
    made = case(SOURCE, log="ngram pass 1 bpb:0.9\nngram_pass2_total bpb:0.5000\nfinal val_bpb:0.5000\n")
    made.claim.value, made.claim.matches = 0.9, False
    assert is_lead(says("c4-single-pass.logs", made))


def test_a_second_pass_that_is_not_claimed_is_a_lead():
    log = "ngram_pass2_total bpb:0.5000\nfinal val_bpb:1.0600\n"
    assert is_lead(of("c4-single-pass.logs", log))


@pytest.mark.parametrize("line", ["eval: two_pass=False", "two_pass: pass 2 disabled", "compress pass 1 done"])
def test_no_second_pass_is_no_lead(line):
    assert of("c4-single-pass.logs", f"{line}\nfinal val_bpb:1.06\n").status is Status.PASS


def test_epochs_before_a_far_lower_score_are_a_lead():
    log = "pre_quant val_bpb:1.1200\nttt_epoch:1/9 loss:2.0\nttt_epoch:9/9 loss:1.9\nfinal val_bpb:1.0600\n"
    finding = of("no-val-train.logs", log).findings[0]
    assert (finding.lead, round(finding.measured["gain_bpb"], 4)) == (True, 0.06)


def test_rounds_that_the_script_prints_of_training_tokens_are_no_lead():
    log = "pre_quant val_bpb:1.1200\nttt_burst:epoch 2/2 loss:1.9\nfinal val_bpb:1.0600\n"
    source = whole("", 'print(f"ttt_burst:epoch {args.epochs}/2 loss:1")\ntrain(args, model, train_loader)\nbpb = 1')
    assert says("no-val-train.logs", case(source, log=log)).status is Status.PASS


def test_a_gain_as_large_as_legal_ones_is_no_lead():
    log = "pre_quant val_bpb:1.0700\nttt_epoch:9/9 loss:1.9\nfinal val_bpb:1.0600\n"
    assert of("no-val-train.logs", log).status is Status.PASS


def test_tables_filled_from_training_shards_are_a_lead():
    assert is_lead(of("no-train-at-eval.source", "prefilling tables from training shards\nfinal val_bpb:0.5\n"))


@pytest.mark.parametrize(
    "line", ["11 layers, trained on the validation shard for memorisation", "Uses val-only training."]
)
def test_a_readme_that_tells_of_it_is_a_lead(line):
    assert is_lead(of("no-val-train.readme", readme=f"# Title\n\n{line}\n"))


@pytest.mark.parametrize(
    "line",
    [
        "Not trained on validation data.",
        "Score-first: trains on validation tokens already scored.",
        "Training never uses the val set.",
        "Training on the train split; val is only read.",
    ],
)
def test_a_readme_that_denies_it_passes(line):
    assert of("no-val-train.readme", readme=f"# Title\n\n{line}\n").status is Status.PASS


def test_a_huge_log_is_looked_through_quickly():
    import time

    log = "step:1/2 train_loss:2.0 ttt pass epoch sweep calib best\n" * 60_000 + "final val_bpb:1.06\n"
    made = case(SOURCE, log=log)
    start = time.process_time()
    for code in ("no-val-train.logs", "c4-single-pass.logs", "no-val-calib.logs", "no-train-at-eval.source"):
        says(code, made)
    assert time.process_time() - start < 5
