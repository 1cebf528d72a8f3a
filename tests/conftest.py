"""One demo data set for all tests."""

from pathlib import Path

import pytest

from pgolf.harness.dataset.demo import ensure_demo


@pytest.fixture(scope="session")
def demo_dir(tmp_path_factory) -> Path:
    data_dir = tmp_path_factory.mktemp("demo")
    ensure_demo(data_dir, 1024)
    return data_dir
