"""Entropy coding: codes cost what a stated distribution says, log2(1/p) bits each; the coder adds a few bytes in all.

A general compressor has to find out that neighbouring codes have nothing to do with each other, and pays for trying. Here the
distribution of a matrix is stored (`symbols`) and an ANS coder uses it. All else goes to the codec `rest`.
From    Bamler, "Understanding entropy coding with asymmetric numeral systems", 2022, and his library constriction
"""

# O rows, I columns
import constriction
import numpy as np

from pgolf.codec.pieces import cut
from pgolf.core.load import load

SEAL = np.array([1], np.uint32)  # lies below all codes: what is left when exactly they are taken out


def is_coded(row) -> bool:
    """int8 matrices; row: name, type, shape, bytes."""
    return row[1] == "torch.int8" and len(row[2]) == 2


def compress(cfg, data: bytes, layout) -> list[bytes]:
    symbols, rest = load("codec.symbols", cfg.symbols), load("codec", cfg.rest)
    pieces = cut(data, [row[3] for row in layout])
    coder = constriction.stream.stack.AnsCoder(SEAL)
    numbers = []
    for row, piece in reversed([*zip(layout, pieces, strict=True)]):  # a stack: what goes in last comes out first
        if is_coded(row):
            q_OI = np.frombuffer(piece, np.int8).reshape(row[2]).astype(np.int32)
            numbers.append(symbols.measure(q_OI))
            coder.encode_reverse(q_OI.ravel() + 128, *symbols.model(numbers[-1], row[2]))
    others = [piece for row, piece in zip(layout, pieces, strict=True) if not is_coded(row)]
    stream = b"".join([one.tobytes() for one in reversed(numbers)] + others)
    return [*rest.compress(cfg.rest, stream, layout), coder.get_compressed().astype("<u4").tobytes()]


def decompress(cfg, sections, layout, size: int) -> bytes | bytearray:
    symbols, rest = load("codec.symbols", cfg.symbols), load("codec", cfg.rest)
    coded = [row for row in layout if is_coded(row)]
    others = [row for row in layout if not is_coded(row)]
    sizes = [2 * symbols.size(row[2]) for row in coded] + [row[3] for row in others]
    stream = rest.decompress(cfg.rest, sections[:1], layout, sum(sizes))
    if len(sections) != 2 or len(stream) != sum(sizes):
        return b""
    pieces = iter(cut(stream, sizes))
    coder = constriction.stream.stack.AnsCoder(np.frombuffer(sections[1], "<u4"))
    found = {}
    for row in coded:
        args = symbols.model(np.frombuffer(next(pieces), "<u2"), row[2])
        amount = () if len(args) > 1 else (row[3],)
        found[row[0]] = (coder.decode(*args, *amount) - 128).astype(np.int8).tobytes()
    found |= {row[0]: next(pieces) for row in others}
    return bytearray().join(found[row[0]] for row in layout) if np.array_equal(coder.get_compressed(), SEAL) else b""
