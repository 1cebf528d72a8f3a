"""Self-extracting scripts: every shape is unpacked, nothing is run, nothing grows without end."""

import base64
import bz2
import gzip
import json
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
from tests.verify.submission.trees import MemoryTree
from verify.limits import SCRIPT_BYTES_MAX, UNPACK_LAYERS_MAX
from verify.submission.read import read_submission
from verify.submission.unpack import unpack

CODE = "import torch\nprint('trains')  # é\n" * 20
FILTERS = [{"id": lzma.FILTER_LZMA2}]
RAW = lzma.compress(CODE.encode(), lzma.FORMAT_RAW, filters=FILTERS)
XZ = lzma.compress(CODE.encode())
B85 = base64.b85encode(XZ).decode()


def nothing(name: str) -> bytes | None:
    return None


def wrapped(code: bytes) -> str:
    return f"import zlib,base64\nexec(zlib.decompress(base64.b64decode({base64.b64encode(zlib.compress(code))!r})))\n"


def lines_of(text: str, width: int = 60) -> str:
    return "\n".join(repr(text[at : at + width]) for at in range(0, len(text), width))


SHAPES: dict[str, tuple[str, str]] = {
    "raw lzma with filters, aliases": (
        f"import lzma as L,base64 as B\nexec(L.decompress(B.b85decode({base64.b85encode(RAW).decode()!r}),"
        'format=L.FORMAT_RAW,filters=[{"id":L.FILTER_LZMA2,"preset":9|L.PRESET_EXTREME}]))',
        "base85+lzma.raw",
    ),
    "xz, bytes literal, compile": (
        (f"import lzma,base64\nexec(compile(lzma.decompress(base64.b85decode(b{B85!r})),'t.py','exec'))"),
        "base85+lzma",
    ),
    "linecache and a variable": (
        f"import lzma as L,base64 as B,linecache as C\nS=L.decompress(B.b85decode({B85!r})).decode()\nF=__file__+'.d.py'\n"
        "C.cache[F]=(len(S),None,S.splitlines(True),F)\nexec(compile(S,F,'exec'))",
        "base85+lzma",
    ),
    "names imported bare": (
        (
            f"from base64 import b85decode\n"
            f"from zlib import decompress\n"
            f"exec(decompress(b85decode({base64.b85encode(zlib.compress(CODE.encode())).decode()!r}"
            f")).decode())"
        ),
        "base85+zlib",
    ),
    "literal split over lines": (
        (f"import lzma as L,base64 as B\nexec(L.decompress(B.b85decode(({lines_of(B85)}))))"),
        "base85+lzma",
    ),
    "literal added up": (
        (f"import lzma,base64\np={B85[:50]!r}\np+={B85[50:]!r}\nexec(lzma.decompress(base64.b85decode(p)))"),
        "base85+lzma",
    ),
    "joined from a list": (
        (f"import lzma,base64\nD=[{B85[:40]!r},{B85[40:]!r}]\nexec(lzma.decompress(base64.b85decode(''.join(D))))"),
        "base85+lzma",
    ),
    "joined from a tuple that is none": (
        (f"import lzma,base64\nD=({lines_of(B85)})\nexec(lzma.decompress(base64.b85decode(''.join(D))))"),
        "base85+lzma",
    ),
    "line breaks taken out": (
        (
            f"import lzma,base64\n_b=b'''{B85[:30]}\n"
            f"{B85[30:]}\n'''\nexec(lzma.decompress(base64.b85decode(_b.replace(b'\\n',b''))).decod"
            f"e('utf-8'))"
        ),
        "base85+lzma",
    ),
    "reversed": (f"import lzma,base64\nexec(lzma.decompress(base64.b85decode({B85[::-1]!r}[::-1])))", "base85+lzma"),
    "gzip": (
        (
            f"import gzip,base64\nexec(gzip.decompress(base64.b64decode({base64.b64encode(gzip.compress(CODE.encode()))!r}"
            f")))"
        ),
        "base64+gzip",
    ),
    "bz2, hex": (f"import bz2\nexec(bz2.decompress(bytes.fromhex({bz2.compress(CODE.encode()).hex()!r})))", "hex+bz2"),
    "brotli": (
        (
            f"import brotli as B,base64 as b\n"
            f"exec(B.decompress(b.b85decode({base64.b85encode(brotli.compress(CODE.encode())).decode()!r}"
            f")))"
        ),
        "base85+brotli",
    ),
    "zstd": (
        (
            f"import zstandard,base64\n"
            f"exec(zstandard.ZstdDecompressor().decompress(base64.a85decode({base64.a85encode(zstandard.compress(CODE.encode()))!r}"
            f")))"
        ),
        "ascii85+zstd",
    ),
    "only base64": (f"import base64\nexec(base64.b64decode({base64.b64encode(CODE.encode())!r}))", "base64"),
    "only bytes": (f"import zlib\nexec(zlib.decompress({zlib.compress(CODE.encode())!r}))", "zlib"),
    "raw deflate": (
        (
            f"import zlib,base64\nexec(zlib.decompress(base64.b32decode({base64.b32encode(zlib.compress(CODE.encode())[2:-4])!r}"
            f"),-15))"
        ),
        "base32+zlib",
    ),
    "aliased exec": (f"import lzma,base64\nrun=exec\nrun(lzma.decompress(base64.b85decode({B85!r})))", "base85+lzma"),
    "__import__": (f"exec(__import__('lzma').decompress(__import__('base64').b85decode({B85!r})))", "base85+lzma"),
    "codecs": (
        (
            f"import codecs\nexec(codecs.decode(codecs.decode({base64.b64encode(zlib.compress(CODE.encode()))!r}"
            f",'base64'),'zlib'))"
        ),
        "base64+zlib",
    ),
    "in a function": (
        (
            f"import lzma,base64\ndef main():\n"
            f"    s=lzma.decompress(base64.b85decode({B85!r}))\n"
            f"    exec(s,globals())\nmain()"
        ),
        "base85+lzma",
    ),
    "under main, in a try": (
        (
            f"import lzma,base64\nif __name__=='__main__':\n"
            f"    try:\n        exec(lzma.decompress(base64.b85decode({B85!r})))\n"
            f"    finally:\n        pass"
        ),
        "base85+lzma",
    ),
    "written to a folder and run": (
        f"import lzma as L,base64 as B,tempfile,os,runpy\n"
        f"_c=L.decompress(B.b85decode({B85!r}))\n"
        f"_d=tempfile.mkdtemp()\n_f=os.path.join(_d,'train_gpt.py')\n"
        "open(_f,'wb').write(_c)\nrunpy.run_path(_f,run_name='__main__')",
        "base85+lzma",
    ),
    "written beside itself and run": (
        f"import lzma as L,base64 as B,os,runpy\n"
        f"_c=L.decompress(B.b85decode({B85!r}))\n"
        f"_d=os.path.join(os.path.dirname(os.path.abspath(__file__)),'_t.py')\n"
        "with open(_d,'wb') as _f:_f.write(_c)\nrunpy.run_path(_d)",
        "base85+lzma",
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_packing_is_undone(shape):
    text, how = SHAPES[shape]
    found = unpack("train_gpt.py", text, nothing)
    assert found.source == CODE
    assert [layer.how for layer in found.layers] == [how]
    assert (found.layers[0].bytes_before, found.layers[0].bytes_after) == (len(text), len(CODE.encode()))
    assert found.problems == ()


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shapes_are_what_python_would_run(shape, capsys, monkeypatch, tmp_path):
    """The test's own scripts, executed here, print what their unpacked source prints: the shapes are real."""
    monkeypatch.chdir(tmp_path)
    source = SHAPES[shape][0]
    monkeypatch.setitem(sys.modules, "torch", sys)
    exec(compile(source, "train_gpt.py", "exec"), {"__name__": "__main__", "__file__": str(tmp_path / "train_gpt.py")})
    assert capsys.readouterr().out.splitlines() == ["trains"] * 20


@patient
@given(st.integers(1, UNPACK_LAYERS_MAX))
def test_layers_inside_layers_are_taken_off(count):
    text = CODE
    for _ in range(count):
        text = wrapped(text.encode())
    found = unpack("train_gpt.py", text, nothing)
    assert found.source == CODE
    assert len(found.layers) == count


def test_more_layers_than_anybody_needs_are_reported():
    text = CODE
    for _ in range(UNPACK_LAYERS_MAX + 3):
        text = wrapped(text.encode())
    found = unpack("train_gpt.py", text, nothing)
    assert len(found.layers) == UNPACK_LAYERS_MAX
    assert "more than" in found.problems[0]


def test_a_payload_in_a_neighbouring_file_is_read():
    files = {"train_gpt.py.xz": XZ}
    text = (
        "import lzma,pathlib\n_s=lzma.decompress(pathlib.Path(__file__).with_suffix('.py.xz')."
        "read_bytes())\nexec(compile(_s,__file__,'exec'))"
    )
    found = unpack("train_gpt.py", text, files.get)
    assert found.source == CODE
    assert found.layers[0].how == "file+lzma"


def test_a_payload_in_the_scripts_own_tail_is_read():
    head = "import lzma,base64\nd=open(__file__,'rb').read()\nexec(lzma.decompress(base64.b85decode(d[%4d:])))\n#"
    text = head % (len(head % 0)) + B85
    found = unpack("train_gpt.py", text, {"train_gpt.py": text.encode()}.get)
    assert found.source == CODE


def test_a_bundle_of_texts_in_json_is_read():
    files = {"code.xz": lzma.compress(json.dumps({"train.py": CODE, "other.py": "x"}).encode())}
    text = (
        "import lzma,json,os\nwith open(os.path.join(os.path.dirname(__file__),'code.xz'),'rb'"
        ") as f:\n    b=json.loads(lzma.decompress(f.read()))\n"
        "exec(compile(b['train.py'],'t','exec'))"
    )
    assert unpack("train_gpt.py", text, files.get).source == CODE


def test_several_files_written_from_one_payload_become_members():
    parts = "\n# === cut ===\n".join(["import train_gpt", CODE, "int main() {}"])
    text = (
        f"import lzma,base64,tempfile,os,sys\n"
        f"_b=lzma.decompress(base64.b85decode({base64.b85encode(lzma.compress(parts.encode())).decode()!r}"
        f"))\n"
        "_p=_b.decode().split('\\n# === cut ===\\n')\n_d=tempfile.mkdtemp()\n"
        "for _n,_c in zip(['_runner.py','train_gpt.py','src/k.cpp'],_p):\n"
        "    _q=os.path.join(_d,_n)\n"
        "    open(_q,'w').write(_c)\n"
        "os.execv(sys.executable,[sys.executable,os.path.join(_d,'_runner.py')])\nimport runpy"
    )
    found = unpack("train_gpt.py", text, nothing)
    assert found.source == CODE
    assert found.members == {"_runner.py": "import train_gpt", "k.cpp": "int main() {}"}


def test_modules_that_a_function_executes_from_texts_become_members():
    source = "class Gpt: pass\n" * 20
    text = (
        f"import types,sys\ndef install(name, source):\n"
        f"    m=types.ModuleType(name)\n"
        f"    exec(compile(source,name,'exec'),m.__dict__)\n"
        f"install('pkg.model',{source!r})\n"
    )
    found = unpack("train_gpt.py", text, nothing)
    assert found.members == {"pkg.model": source}
    assert found.source == text


def test_settings_made_before_the_payload_runs_are_kept():
    text = (
        f"import os\nos.environ.setdefault('TTT_LR','1e-3')\n"
        f"os.environ['SEED']='7'\nos.environ.update(A='1')\n"
        f"{wrapped(CODE.encode())}"
    )
    found = unpack("train_gpt.py", text, nothing)
    assert {name: (place.line, place.quote) for name, place in found.settings.items()} == {
        "TTT_LR": (2, "1e-3"),
        "SEED": (3, "7"),
        "A": (4, "1"),
    }


def test_a_file_that_is_executed_as_it_is_is_named():
    text = 'exec(open(__file__.replace("train_gpt.py","train_gpt_decode.py")).read())'
    found = unpack("train_gpt.py", text, {"train_gpt_decode.py": CODE.encode()}.get)
    assert found.runs == ("train_gpt_decode.py",)
    assert found.layers == ()


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
    payload = base64.b64encode(compress(b"#" * 20_000_000))
    start = time.process_time()
    found = unpack(
        "train_gpt.py", f"import base64\n{header}\nexec(M.decompress(base64.b64decode({payload!r})))", nothing
    )
    assert time.process_time() - start < 2
    assert found.layers == ()
    assert f"more than {SCRIPT_BYTES_MAX:,} bytes" in found.problems[0]


def test_a_bomb_in_a_bomb_is_stopped():
    text = wrapped(f"import zlib\nexec(zlib.decompress({zlib.compress(b'#' * 20_000_000, 9)!r}))".encode())
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
        "exec(x)\n" * 30_000,
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
