"""Self-extracting scripts: every shape is unpacked, and is what Python would run."""

import base64
import bz2
import gzip
import json
import lzma
import sys
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tests.verify.submission.properties import patient
from verify.limits import UNPACK_LAYERS_MAX
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


def test_a_packed_script_that_does_not_parse_is_reported():
    found = unpack("train_gpt.py", wrapped(CODE.encode()) + "\nx = (", nothing)
    assert "cannot be parsed" in found.problems[0]
    assert unpack("train_gpt.py", "exec(x)\nx = (", nothing).problems == ()


def test_a_file_that_is_executed_as_it_is_is_named():
    text = 'exec(open(__file__.replace("train_gpt.py","train_gpt_decode.py")).read())'
    found = unpack("train_gpt.py", text, {"train_gpt_decode.py": CODE.encode()}.get)
    assert found.runs == ("train_gpt_decode.py",)
    assert found.layers == ()
