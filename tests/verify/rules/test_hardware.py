"""GPUs: how many, which, how fast."""

import pytest

from tests.verify.folders import record_folder
from tests.verify.rules.judged import FAIL, PASS, UNPROVEN, WARN, check, worst_of
from verify.rules.hardware import GPU


@pytest.mark.parametrize("gpus", [1, 2, 4, 16])
def test_another_number_of_gpus_fails(tmp_path, gpus):
    result = check("hardware.world-size", record_folder(tmp_path, per_seed={999: {"world_size": gpus}}))
    assert result.status is FAIL
    assert "seed 999" in worst_of(result).sentence


def test_a_log_that_does_not_say_is_unproven(tmp_path):
    files = {f"train_seed{seed}.log": lambda text: text.replace("  world_size: 8\n", "") for seed in (42, 314, 999)}
    assert check("hardware.world-size", record_folder(tmp_path, edit=files)).status is UNPROVEN


@pytest.mark.parametrize(
    ("hardware", "status"),
    [
        ("8xH100 80GB SXM", PASS),
        ("8x NVIDIA H100 80GB HBM3", PASS),
        ("8×H100", PASS),
        ("8xH100 PCIe", WARN),
        ("8xH200", WARN),
        ("8xA800-SXM4-80GB", FAIL),
        ("1xB200", FAIL),
        ("RTX 5090", FAIL),
        ("MI250X", FAIL),
        ("a fast machine", UNPROVEN),
    ],
)
def test_the_gpu_that_is_named_is_the_one_asked_for(tmp_path, hardware, status):
    folder = record_folder(tmp_path, submission={"hardware": hardware})
    assert check("hardware.gpu", folder).status is status


def test_h200_is_a_failure_to_the_letter(tmp_path):
    assert (
        check("hardware.gpu", record_folder(tmp_path, submission={"hardware": "8xH200"}), "readme-2026-03").status
        is FAIL
    )


@pytest.mark.parametrize("text", ["BigramHash 3072", "int6 + int8", "SP8192, 11L", "LoRA r96", "an L2 loss", "T=0.98"])
def test_words_of_the_trade_are_no_gpu(text):
    assert GPU.findall(text) == []


def test_steps_of_seconds_are_not_those_of_eight_h100(tmp_path):
    result = check("hardware.pace", record_folder(tmp_path, steps=108))
    assert result.status is WARN
    assert check("hardware.pace", record_folder(tmp_path / "b")).status is PASS
