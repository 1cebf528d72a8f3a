"""What a run fetches, which text it trains on, and how much of validation it scores, as far as files say."""

import pytest

from tests.verify.rules.judged import FAIL, PASS, UNPROVEN
from tests.verify.rules.scripted import case_of, says, whole
from verify.logs.model import Event

SILENT = "def evaluate(h, model, tokens):\n    return 0.0\n"


def running(line: str, before: str = "") -> str:
    """A script that runs one line in its evaluation."""
    return whole(f"{before}\n\ndef evaluate(h, model, tokens):\n    {line}\n    return 0.0\n")


@pytest.mark.parametrize(
    ("before", "line"),
    [
        ("import urllib.request", 'urllib.request.urlopen("https://example.org/a.bin").read()'),
        ("import requests", 'requests.get("https://example.org/a.bin")'),
        ("from huggingface_hub import snapshot_download", 'snapshot_download(repo_id="someone/data")'),
        ("from datasets import load_dataset", 'load_dataset("someone/text", streaming=True)'),
        ("import subprocess", 'subprocess.check_call(["curl", "-O", "https://example.org/a.bin"])'),
        ("import os", 'os.system("wget -q example.org/a.bin")'),
        ("import subprocess", 'command = "git clone git@example.org:a/b"\n    subprocess.run(command, shell=True)'),
    ],
    ids=["urllib", "requests", "hub", "datasets", "curl", "wget", "clone"],
)
def test_fetching_is_a_lead(before, line):
    result = says("self-contained.network", case_of(running(line, before)))
    assert result.status is UNPROVEN
    assert says("self-contained.network", case_of(running(line, before), logged={"mix_enabled": "0"})).status is PASS


@pytest.mark.parametrize(
    ("before", "line"),
    [
        ("import subprocess", 'subprocess.run(["nvidia-smi"], check=False)'),
        ("import subprocess", 'subprocess.run(["lrzip", "-z", "model.bin"], check=True)'),
        ("import subprocess", 'subprocess.run(["g++", "-O3", "-shared", "kernel.cpp"], check=True)'),
        ("", 'print("see https://example.org")'),
        ("", 'h.get("https://example.org")'),
        ("def load_dataset(path):\n    return open(path)", 'load_dataset("text.bin")'),
    ],
    ids=["nvidia-smi", "lrzip", "compiler", "text", "dictionary", "own function"],
)
def test_local_programs_and_words_are_legal(before, line):
    assert says("self-contained.network", case_of(running(line, before))).status is PASS


def test_another_corpus_is_a_lead():
    case = case_of(running('load_dataset("someone/text")', "from datasets import load_dataset"))
    assert says("train-data.source", case).status is UNPROVEN


@pytest.mark.parametrize(
    ("pattern", "status"), [("./data/fineweb_val_*.bin", UNPROVEN), ("./data/fineweb_train_*.bin", PASS)]
)
def test_training_files_are_not_validation_files(pattern, status):
    assert says("train-data.source", case_of(whole(SILENT), logged={"train_files": pattern})).status is status


PREFILL = """
class Oracle:
    def prefill_from(self, files):
        for file in files:
            self.count(load(file))

def evaluate(h, model, tokens):
    oracle = Oracle()
    oracle.prefill_from({files})
    return oracle.score(tokens)
"""


@pytest.mark.parametrize(("files", "status"), [("h.train_files", UNPROVEN), ("[]", PASS)])
def test_tables_filled_from_training_shards_are_a_lead(files, status):
    assert says("no-train-at-eval.prefill", case_of(whole(PREFILL.format(files=files)))).status is status


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("prefilled 8,000,000 tokens in 31000ms (counted in wallclock)", UNPROVEN),
        ("ngram_artifact: loaded pre-warmed", PASS),
    ],
)
def test_a_log_that_speaks_of_filled_tables_is_a_lead_unless_they_come_from_the_artifact(text, status):
    assert (
        says("no-train-at-eval.log", case_of(whole(SILENT), events=[Event("prefill", {}, 44, text)])).status is status
    )


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ({"eval_tokens": 1_048_576}, FAIL),
        ({"seeds": [{"val_tokens": 9_662_464}]}, FAIL),
        ({"val_tokens": 40_540_160}, PASS),
        ({"val_tokens": 36_286_464}, PASS),
        ({"train_batch_tokens": 524_288, "eval_tokens": True}, PASS),
        ({"eval_tokens": "1048576"}, PASS),
        ({"eval_tokens": 64}, PASS),
        ({"val_bpb": 1.06, "trial": {"mix_bpb": 0.97, "subset_tokens": 8_000_000}}, PASS),  # beside the claim
        ({"val_bpb": 1.06, "trial": {"mix_bpb": 1.0604, "subset_tokens": 8_000_000}}, FAIL),
        ({"val_bpb": 1.06, "trial": {"bpb_std": 0.0004, "subset_tokens": 8_000_000}}, FAIL),
        (None, PASS),
        ([1, 2], PASS),
    ],
)
def test_a_claim_over_part_of_validation_fails(raw, status):
    assert says("val-identity.claimed", case_of(whole(SILENT), raw=raw)).status is status


LIMITED = "def evaluate(h, model, tokens):\n    return model.score(tokens[: h.val_subset_tokens])\n"


@pytest.mark.parametrize(("number", "status"), [(1_048_576, UNPROVEN), (0, PASS)])
def test_a_default_that_cuts_validation_is_a_lead(number, status):
    setting = f'val_subset_tokens = int(os.environ.get("VAL_SUBSET_TOKENS", "{number}"))\n'
    assert says("val-identity.limit", case_of(whole(LIMITED, setting))).status is status
    assert says("val-identity.limit", case_of(whole(SILENT, setting))).status is PASS


@pytest.mark.parametrize(
    ("key", "status"), [("lambda d: doc_loss[d]", UNPROVEN), ("lambda d: -len(docs[d])", PASS)], ids=["loss", "length"]
)
def test_documents_may_be_sorted_by_length_and_not_by_loss(key, status):
    body = f"def evaluate(h, model, tokens):\n    docs, doc_loss = model.docs(tokens)\n    return sorted(range(9), key={key})\n"
    assert says("val-identity.order", case_of(whole(body))).status is status


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (f'BLOB = "{"Zx9+" * 6000}"', UNPROVEN),
        (f"TABLE = [{', '.join(['7'] * 2500)}]", UNPROVEN),
        ('KERNEL = """' + "int f(int a) { return a; }\n" * 2000 + '"""', PASS),
        (f"PRIMES = [{', '.join(['7'] * 20)}]", PASS),
    ],
    ids=["blob", "list", "source", "short"],
)
def test_long_literals_that_could_be_data_are_leads(line, status):
    assert says("external-compute.literals", case_of(whole(f"{line}\n\n{SILENT}"))).status is status
