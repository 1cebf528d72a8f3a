"""One demo data set for all tests, and its CaseOps twin for those that ask for it."""

import signal
from pathlib import Path

import pytest

from pgolf.harness.dataset.demo import ensure_demo

# A shell that starts the tests in the background has them ignore Ctrl-C, and every process they start with them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def demo_dir(tmp_path_factory) -> Path:
    data_dir = tmp_path_factory.mktemp("demo")
    ensure_demo(data_dir, 1024)
    return data_dir


@pytest.fixture(scope="session")
def caseops_dir(tmp_path_factory) -> Path:
    data_dir = tmp_path_factory.mktemp("caseops")
    ensure_demo(data_dir, 1024, is_caseops=True)
    return data_dir
