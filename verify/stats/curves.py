"""Loss curves of the records (curves.json), to draw under those of a submission. Read only when a report asks for them."""

import json
from functools import cache
from importlib.resources import files

from verify.rule import Case
from verify.stats.cases import bytes_per_token, group_of, incumbent_of
from verify.stats.leaderboard import Row
from verify.verdict import Curve

DATA = "curves.json"


@cache
def _shipped() -> dict:
    return json.loads((files("verify.stats") / DATA).read_text(encoding="utf-8"))["curves"]


def curve_of(row: Row) -> Curve | None:
    """The training curve of one run of a row, in nats per token; None where there is none.

    Losses of other tokenizers are not on the same scale: `bytes_per_token` of the row says which it has.
    """
    found = _shipped().get(str(row.order)) if row.track == "10min" else None
    if found is None:
        return None
    return Curve(
        name=row.name,
        seed=found["seed"],
        file=found["file"],
        train=tuple(map(tuple, found["train"])),
        validation=tuple(map(tuple, found["validation"])),
        is_previous_record=True,
    )


def previous_record_curves(case: Case) -> list[Curve]:
    """The curve of the record that a submission has to beat, where its losses are on the same scale (same tokenizer)."""
    found = incumbent_of(case)
    own = bytes_per_token(group_of(case).seeds) if found else None
    theirs = found.row.bytes_per_token if found else None
    if found is None or own is None or theirs is None or abs(own / theirs - 1.0) > 0.02:
        return []
    curve = curve_of(found.row)
    return [curve] if curve else []
