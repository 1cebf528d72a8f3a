"""lrzip is a program that may be missing, and may fail."""

import numpy as np
import pytest

from pgolf.codec import artifact, lrzip
from pgolf.core.errors import ArtifactError, InputError
from pgolf.core.load import load
from tests.pgolf.codec.codecs import LAYOUT, LRZIP, codec, flat, payload


def test_a_machine_without_lrzip_is_told_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"lrzip is not installed\. Install it"):
        artifact.pack(codec("lrzip"), LAYOUT, payload())


@LRZIP
def test_a_file_that_can_only_be_read_with_lrzip_needs_it(monkeypatch, tmp_path):
    blob = artifact.pack(codec("grouped, lrzip"), LAYOUT, payload())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"lrzip is not installed\. Install it"):
        artifact.unpack(codec("grouped, lrzip"), LAYOUT, blob)


@LRZIP
def test_what_lrzip_refuses_is_a_damaged_artifact():
    with pytest.raises(ArtifactError, match="lrzip failed with exit code"):
        lrzip.run(b"no lrzip file", "-d")


@LRZIP
def test_the_same_bytes_give_the_same_stream():
    data = np.random.default_rng(0).normal(0, 2, 300_000).astype(np.int8).tobytes()
    first, again = (artifact.pack(codec("lrzip"), flat(len(data)), data) for _ in range(2))
    assert first == again


@LRZIP
def test_a_file_that_says_it_is_longer_is_refused_before_lrzip_writes_it(monkeypatch):
    (section,) = load("codec", codec("lrzip")).compress(codec("lrzip"), bytes(1 << 20), [])
    assert int.from_bytes(section[6:14], "little") == 1 << 20
    monkeypatch.setattr(lrzip, "run", lambda *_: pytest.fail("lrzip was started"))
    assert lrzip.decompress(codec("lrzip"), [section], [], 1000) == b""
