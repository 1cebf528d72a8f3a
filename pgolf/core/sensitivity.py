"""How strongly training still pulls at each matrix: {name: mean square of its gradient}, from the train stage to quantize."""

import json

from pgolf.core.files import write_whole
from pgolf.core.run import OUT, needed

PATH = OUT / "sensitivity.json"


def write(values: dict[str, float]) -> None:
    write_whole(PATH, json.dumps(values).encode())


def read() -> dict[str, float]:
    return json.loads(needed(PATH).read_text())
