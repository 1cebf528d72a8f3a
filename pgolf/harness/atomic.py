"""Whole files or none, for the harness."""

import json
from pathlib import Path
from typing import Any

from pgolf.core.files import write_whole


def write_text(path: Path, text: str) -> None:
    write_whole(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
