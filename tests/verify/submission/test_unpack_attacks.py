"""Hostile scripts: bombs, bait that grows, scripts that would run, broken payloads. Nothing is run, nothing grows without end."""

import base64
import bz2
import gzip
import lzma
import os
import sys
import time
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tests.verify.submission.properties import patient
from tests.verify.submission.test_unpack import RAW, nothing, wrapped
from tests.verify.submission.trees import MemoryTree
from verify.limits import SCRIPT_BYTES_MAX
from verify.submission.read import read_submission
from verify.submission.unpack import unpack


def bombs() -> dict[str, tuple[str, Callable[[bytes], bytes]]]:
    return {
        "zlib": ("import zlib as M", lambda data: zlib.compress(data, 9)),
        "gzip": ("import gzip as M", gzip.compress),
        "bz2": ("import bz2 as M", bz2.compress),
        "lzma": ("import lzma as M", lzma.compress),
        "brotli": ("import brotli as M", lambda data: brotli.compress(data, quality=5)),
        "zstd": ("import zstandard as M", zstandard.compress),
    }


@pytest.mark.parametrize("name", bombs())
def test_a_bomb_is_stopped_at_the_limit(name):
    header, compress = bombs()[name]
    payload = base64.b64encode(compress(b"#" * 8_000_000))
    start = time.process_time()
    found = unpack(
        "train_gpt.py", f"import base64\n{header}\nexec(M.decompress(base64.b64decode({payload!r})))", nothing
    )
    assert time.process_time() - start < 2
    assert found.layers == ()
    assert f"more than {SCRIPT_BYTES_MAX:,} bytes" in found.problems[0]


def test_a_bomb_in_a_bomb_is_stopped():
    text = wrapped(f"import zlib\nexec(zlib.decompress({zlib.compress(b'#' * 8_000_000, 9)!r}))".encode())
    found = unpack("train_gpt.py", text, nothing)
    assert len(found.layers) == 1
    assert "more than" in found.problems[0]


def test_lzma_that_asks_for_a_huge_dictionary_is_refused():
    filters = "filters=[{'id':lzma.FILTER_LZMA2,'dict_size':1<<31}]"
    text = (
        f"import lzma,base64\nexec(lzma.decompress(base64.b64decode({base64.b64encode(RAW)!r}),"
        f"lzma.FORMAT_RAW,None,[{{'id':33,'dict_size':1<<31}}]))"
    )
    assert "too much" in unpack("x.py", text, nothing).problems[0]
    text = (
        f"import lzma,base64\nexec(lzma.decompress(base64.b64decode({base64.b64encode(RAW)!r}),"
        f"format=lzma.FORMAT_RAW,{filters}))"
    )
    assert "too much" in unpack("x.py", text, nothing).problems[0]


@pytest.mark.parametrize(
    "text",
    [
        "s='a'*10**9\nexec(s)",
        "s='aaaa'\n" + "s=s+s\n" * 60 + "exec(s)",
        "s='a'\n" + "s=s.replace('a','aaaaaaaaaa')\n" * 20 + "exec(s)",
        "s=['a']*10**9\nexec(''.join(s))",
        "s=','\n" + "s=s.join([s,s,s])\n" * 40 + "exec(s)",
        "for a in [1]*10:\n"
        + "".join(" " * depth + "for a in [[1,2,3,4,5,6,7,8]]:\n" for depth in range(1, 60))
        + " " * 61
        + "exec(a)",
        "exec(" + "(" * 150 + "1" + ")" * 150 + ")",
        "exec(" + "-" * 50_000 + "1)",
        "exec(" + "+".join(["'a'"] * 20_000) + ")",
        "exec('" + "a" * 3_000_000 + "')",
        "exec(" + "[" * 5000,
        "x=" + "a." * 30_000 + "b\nexec(x)",
        "exec(x)\n" * 10_000,
        "\x00exec(1)",
        "exec('\\ud800')",
    ],
    ids=lambda text: text[:24].replace("\n", " "),
)
def test_bait_that_grows_or_nests_is_left_alone(text):
    start = time.process_time()
    found = unpack("train_gpt.py", text, nothing)
    assert time.process_time() - start < 3
    assert len(found.source) <= max(len(text), SCRIPT_BYTES_MAX)


def test_nothing_of_a_script_is_run_imported_or_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    witness = tmp_path / "ran"
    evil = f"open({str(witness)!r},'w').write('x')\n"
    files = {
        "train_gpt.py": evil + "import evil\nfrom os import system\nsystem('touch ran')\n" + wrapped(evil.encode()),
        "evil.py": evil,
        "setup.py": evil,
        "conftest.py": evil,
        "requirements.txt": "-e .\n--extra-index-url=http://localhost/\n",
        "run.sh": "touch ran",
    }
    submission = read_submission(MemoryTree(files))
    assert submission.main is not None
    assert submission.main.source == evil
    assert "evil" not in sys.modules
    assert os.listdir(tmp_path) == []


@patient
@given(
    st.binary(max_size=60),
    st.sampled_from(["zlib", "lzma", "bz2", "gzip", "brotli", "zstandard"]),
    st.sampled_from(["b85decode", "b64decode", "b32decode", "a85decode"]),
)
def test_broken_payloads_are_reported_and_leave_the_script_as_it_is(data, module, coder):
    text = f"import base64,{module} as m\nexec(m.decompress(base64.{coder}({data!r})))"
    found = unpack("train_gpt.py", text, nothing)
    assert found.problems or found.layers


@patient
@given(st.text(max_size=300))
def test_any_text_is_survived(text):
    unpack("train_gpt.py", text + "\nexec(x)", nothing)
