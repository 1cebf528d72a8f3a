"""What fuzzing starts from: our own synthetic record folder, packed scripts of every shape, and lines that once broke a reader."""

import base64
import bz2
import json
import lzma
import random
import tempfile
import zlib
from pathlib import Path

from tests.fuzz.targets import BREAK, NAMES
from tests.verify.folders import record_folder

CODE = b"import torch\nimport helper\nprint('train')\n" * 6
WORDS = [
    b'{"val_bpb": ',
    b"NaN",
    b"1e999",
    b"| Seed | val_bpb |\n|---|---|\n| 42 | 1.0810 |\n",
    b"exec(",
    b"b85decode(",
    b"lzma.decompress(",
    b"step:1 train_loss:2.0\n",
    b"\xff\xfe",
    b"\x1b[31m",
    b"```bash\nSEED=42 torchrun train_gpt.py\n```\n",
    b'"seed_results": {"42": {"val_bpb": 1.08}}',
    b"\xe2\x80\xae",
    b"\x00",
    b"f'{x!r:{y}}'",
    b"([{",
    b"}])",
    b"- - - - ",
    b"> > > ",
    b"&&",
    b"#egg=",
    b"\\\n",
    b"\r",
    b"\xe2\x80\xa8",
    b"for a, b in zip([1], [2]):\n    exec(b)\n",
    b"final_int8_zlib_roundtrip_exact val_loss:2.0 val_bpb:1.2\n",
    b"9" * 40,
    b"-" * 40,
    b" " * 40,
    b"seed_1337",
    b"15.9 MB",
    b"~600s",
    b"def f(x):\n  exec(x)\nf('" + b"a" * 220 + b"')\n",
    BREAK,
]


def packed_scripts() -> list[bytes]:
    """One self-extracting script for each way of packing."""
    raw = lzma.compress(CODE, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2}])
    out = [
        b"import lzma as L,base64 as B\nexec(L.decompress(B.b85decode(%r),format=L.FORMAT_RAW,filters=[{'id':L.FILTER_LZMA2}]))"
        % base64.b85encode(raw),
        b"import zlib,base64;exec(compile(zlib.decompress(base64.b64decode(%r)),'x','exec'))"
        % base64.b64encode(zlib.compress(CODE)),
        b"from bz2 import decompress as d\nexec(d(bytes.fromhex(%r)).decode())" % bz2.compress(CODE).hex(),
        b"exec(open(__file__.replace('.py','.py.lzma'),'rb').read())",
        b"def install(name, source):\n    exec(compile(source, name, 'exec'))\ninstall('a.b', %r)\n" % CODE.decode(),
    ]
    out.append(b"import zlib\nexec(zlib.decompress(%r))" % zlib.compress(out[0]))
    return out


def seeds() -> list[bytes]:
    """Starting inputs, one list for all targets."""
    with tempfile.TemporaryDirectory() as folder:
        record = record_folder(Path(folder))
        files = {path.name: path.read_bytes() for path in sorted(record.iterdir()) if path.is_file()}
    trees = [BREAK.join(files.get(name, b"")[:20_000] for name in NAMES)]
    metadata = [
        json.dumps(
            {"seeds": [1, 2], "val_bpb_seeds": [1.0, 1.1], "val_bpb": {"mean": 1.0}, "eval_time_ms": "12 min"}
        ).encode()
    ]
    return [*(data[:20_000] for data in files.values()), *trees, *packed_scripts(), *metadata]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A few random edits: words in, pieces out, pieces doubled, bytes flipped."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(out))
        end = min(len(out), at + chance.choice((1, 3, 20, 400)))
        match chance.randint(0, 4):
            case 0:
                out[at:at] = chance.choice(WORDS) * chance.choice((1, 1, 2, 50))
            case 1:
                del out[at:end]
            case 2:
                out[at:at] = out[at:end] * chance.choice((1, 2, 30))
            case 3 if at < len(out):
                out[at] = chance.randrange(256)
            case _:
                out[at:end] = chance.choice(WORDS)
    return bytes(out[:200_000])
