"""Per-group compression: matrices of one kind from all layers in a stream of their own, columns together, like rows together.

    stream of a kind = for each layer: the codes (O, I), rows re-ordered where the kind is in `sort`, then transposed
    order of rows = a chain: from row 0 on, the unused row with the smallest sum |a - b| to the last one (ties: the first)

After the streams of the kinds come all other tensors, and the orders. Kinds are the names without their layer numbers:
only bytes depend on it.
Why     a compressor with memory predicts a code from those of similar rows and layers; unlike matrices only confuse it
From    parameter-golf PR 1855
"""

# O rows, I columns
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pgolf.codec.pieces import cut
from pgolf.core.errors import InputError
from pgolf.core.load import load


def chain(q_OI: np.ndarray) -> np.ndarray:
    """(O,) uint16: the rows in the order of the chain. Rows that are used up are dropped a quarter at a time."""
    rows, names = q_OI.astype(np.int16), np.arange(len(q_OI))
    used = names == 0
    order, last, buffer = [0], rows[0], np.empty_like(rows)
    while len(order) < len(q_OI):
        if 4 * used.sum() >= len(rows):
            rows, names, buffer = rows[~used], names[~used], buffer[: len(rows) - used.sum()]
            used = np.zeros(len(rows), bool)
        np.abs(np.subtract(rows, last, out=buffer), out=buffer)
        distance = buffer.sum(1, dtype=np.int32)
        distance[used] = np.iinfo(np.int32).max
        best = int(distance.argmin())
        used[best], last = True, rows[best]
        order.append(int(names[best]))
    return np.array(order, "<u2")


def kind_of(row) -> str:
    """`blocks.3.attn.c_q.weight.q` is a `blocks.attn.c_q`; "" is what is no matrix of codes. row: name, type, shape, bytes."""
    name, kind, shape, _ = row
    words = [word for word in name.removesuffix(".q").split(".") if not word.isdigit() and word != "weight"]
    return ".".join(words) if name.endswith(".q") and kind == "torch.int8" and len(shape) == 2 else ""


def groups(layout) -> list[list]:
    """Rows of the layout by kind; the last list is what is no matrix of codes."""
    kinds = dict.fromkeys(kind_of(row) for row in layout)
    return [[row for row in layout if kind_of(row) == kind] for kind in [*filter(None, kinds), ""]]


def to_sort(cfg, layout) -> list:
    """Rows of the layout whose matrix has its own rows re-ordered."""
    kinds = {f".{kind_of(row)}" for row in layout}
    if unknown := [name for name in cfg.sort if not any(kind.endswith(f".{name}") for kind in kinds)]:
        allowed = ", ".join(sorted(kind[1:] for kind in kinds if kind != "."))
        raise InputError(f"codec.sort: found {unknown[0]!r}; the matrices of this model are {allowed}.")
    return [row for row in layout if f".{kind_of(row)}".endswith(tuple(f".{name}" for name in cfg.sort))]


def compress(cfg, data: bytes, layout) -> list[bytes]:
    pieces = dict(zip([row[0] for row in layout], cut(data, [row[3] for row in layout]), strict=True))
    *matrices, rest = groups(layout)
    chosen = to_sort(cfg, layout)

    def codes(row) -> np.ndarray:
        return np.frombuffer(pieces[row[0]], np.int8).reshape(row[2])

    with ThreadPoolExecutor() as pool:
        orders = list(pool.map(lambda row: chain(codes(row)), chosen))
        rows_of = {row[0]: order for row, order in zip(chosen, orders, strict=True)}
        streams = [
            b"".join(codes(row)[rows_of.get(row[0], slice(None))].T.tobytes() for row in one) for one in matrices
        ]
        small = [b"".join(pieces[row[0]] for row in rest), b"".join(order.tobytes() for order in orders)]
        jobs = [(cfg.matrices, one) for one in streams] + [(cfg.rest, one) for one in small[: 1 + bool(chosen)]]
        return list(pool.map(lambda job: load("codec", job[0]).compress(*job, layout)[0], jobs))


def decompress(cfg, sections, layout, size: int) -> bytes | bytearray:
    kinds = groups(layout)
    chosen = to_sort(cfg, layout)
    lengths = [2 * row[2][0] for row in chosen]
    sizes = [sum(row[3] for row in rows) for rows in kinds] + [sum(lengths)] * bool(chosen)
    codecs = [cfg.matrices] * (len(kinds) - 1) + [cfg.rest] * (1 + bool(chosen))
    with ThreadPoolExecutor() as pool:
        jobs = zip(codecs, sections, sizes, strict=True)
        streams = list(pool.map(lambda job: load("codec", job[0]).decompress(job[0], job[1:2], layout, job[2]), jobs))
    if [len(one) for one in streams] != sizes:
        return b""
    orders = {row[0]: piece for row, piece in zip(chosen, cut(streams[-1], lengths), strict=True)}
    found = {}
    for rows, stream in zip(kinds, streams, strict=False):
        for row, piece in zip(rows, cut(stream, [row[3] for row in rows]), strict=True):
            found[row[0]] = piece
            if kind_of(row):
                q_OI = np.frombuffer(piece, np.int8).reshape(row[2][::-1]).T
                order = np.frombuffer(orders.get(row[0], np.arange(len(q_OI), dtype="<u2")), "<u2")
                found[row[0]] = q_OI[np.argsort(order)].tobytes()
    return bytearray().join(found[row[0]] for row in layout)
