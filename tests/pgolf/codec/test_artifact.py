"""The model file: what is packed comes back, and nothing else does."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pgolf.codec
from pgolf.codec import artifact
from pgolf.core.errors import ArtifactError
from tests.recipes import quick, tree

CODECS = {
    "brotli": {"kind": "brotli", "quality": 5, "window_bits": 16},
    "zlib": {"kind": "zlib", "level": 9},
}
FINGERPRINT = 0xFEDCBA98
codecs = pytest.mark.parametrize("kind", CODECS)
shuffles = pytest.mark.parametrize("shuffle", [1, 2])


def codec(kind, shuffle=2):
    return tree(**CODECS[kind], shuffle=shuffle)


def payload(size=600):
    """Integers of a quantised model: few values, so that they compress."""
    return np.random.default_rng(0).normal(0, 3, size).astype(np.int8).tobytes()


def test_every_codec_on_disk_is_tested():
    modules = [path for path in Path(pgolf.codec.__file__).parent.glob("*.py") if "\ndef compress(" in path.read_text()]
    assert {path.stem for path in modules} == set(CODECS)


@codecs
@quick
@given(data=st.binary(max_size=400), shuffle=st.integers(1, 255), fingerprint=st.integers(0, 2**32 - 1))
def test_any_payload_comes_back(kind, data, shuffle, fingerprint):
    blob = artifact.pack(codec(kind, shuffle), data, fingerprint)
    assert artifact.unpack(codec(kind, shuffle), blob, fingerprint) == data


@codecs
@shuffles
def test_the_same_payload_gives_the_same_file(kind, shuffle):
    first, again = (artifact.pack(codec(kind, shuffle), payload(), FINGERPRINT) for _ in range(2))
    assert first == again
    assert len(first) < 600


@codecs
@shuffles
def test_a_file_with_any_bit_changed_is_refused(kind, shuffle):
    cfg = codec(kind, shuffle)
    blob = artifact.pack(cfg, payload(), FINGERPRINT)
    accepted = []
    for at in range(len(blob)):
        for bit in range(8):
            damaged = bytearray(blob)
            damaged[at] ^= 1 << bit
            try:
                artifact.unpack(cfg, bytes(damaged), FINGERPRINT)
                accepted.append((at, bit))
            except ArtifactError:
                pass
    assert accepted == []


@codecs
@shuffles
def test_a_file_with_any_byte_replaced_is_refused(kind, shuffle):
    cfg = codec(kind, shuffle)
    blob = artifact.pack(cfg, payload(60), FINGERPRINT)
    accepted = []
    for at in range(len(blob)):
        for value in set(range(256)) - {blob[at]}:
            try:
                artifact.unpack(cfg, blob[:at] + bytes([value]) + blob[at + 1 :], FINGERPRINT)
                accepted.append((at, value))
            except ArtifactError:
                pass
    assert accepted == []


@codecs
@shuffles
def test_a_file_cut_off_anywhere_is_refused(kind, shuffle):
    cfg = codec(kind, shuffle)
    blob = artifact.pack(cfg, payload(), FINGERPRINT)
    for size in range(len(blob)):
        with pytest.raises(ArtifactError):
            artifact.unpack(cfg, blob[:size], FINGERPRINT)


@codecs
@pytest.mark.parametrize("more", [b"\0", b"x", bytes(100)], ids=["zero", "letter", "zeros"])
def test_a_file_with_anything_after_it_is_refused(kind, more):
    blob = artifact.pack(codec(kind), payload(), FINGERPRINT)
    with pytest.raises(ArtifactError):
        artifact.unpack(codec(kind), blob + more, FINGERPRINT)


@codecs
def test_a_file_of_another_layout_is_refused(kind):
    blob = artifact.pack(codec(kind), payload(), FINGERPRINT)
    with pytest.raises(ArtifactError):
        artifact.unpack(codec(kind), blob, FINGERPRINT + 1)


@pytest.mark.parametrize(("written", "read"), [("brotli", "zlib"), ("zlib", "brotli")])
def test_a_file_of_another_codec_is_refused(written, read):
    blob = artifact.pack(codec(written), payload(), FINGERPRINT)
    with pytest.raises(ArtifactError):
        artifact.unpack(codec(read), blob, FINGERPRINT)


@codecs
def test_a_payload_put_in_the_place_of_another_is_refused(kind):
    """Header of one file, content of another of the same length."""
    cfg = codec(kind)
    mine = artifact.pack(cfg, payload(), FINGERPRINT)
    other = artifact.pack(cfg, bytes(reversed(payload())), FINGERPRINT)
    header = artifact.HEADER.size
    with pytest.raises(ArtifactError):
        artifact.unpack(cfg, mine[:header] + other[header:], FINGERPRINT)


def test_a_shuffle_of_two_byte_numbers_makes_the_file_smaller():
    numbers = np.random.default_rng(0).normal(1, 0.01, 4000).astype(np.float16).tobytes()
    plain, shuffled = (len(artifact.pack(codec("brotli", shuffle), numbers, 0)) for shuffle in (1, 2))
    assert shuffled < plain
