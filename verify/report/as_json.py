"""A verdict as JSON with a versioned schema, and back. verify/verdict.schema.json is this schema, committed."""

import json
from math import isfinite
from pathlib import Path

from pydantic import ValidationError

from verify.errors import BadInput
from verify.verdict import SCHEMA, Verdict

SCHEMA_FILE = Path(__file__).parent.parent / "verdict.schema.json"


def to_json(verdict: Verdict, indent: int | None = 2) -> str:
    """ASCII only, so that whatever a submission holds passes through any pipe. NaN and infinities become null."""
    return json.dumps(finite(verdict.model_dump()), indent=indent, allow_nan=False) + "\n"


def from_json(text: str | bytes) -> Verdict:
    """The verdict that `to_json` wrote. Raises BadInput where it is none, or one of another version."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"not JSON: {error}. Give a file that `pgolf verify audit --json` wrote.") from None
    found = data.get("schema") if isinstance(data, dict) else None
    if found != SCHEMA:
        raise BadInput(
            f"schema {found!r} is not {SCHEMA!r}. Give a file that `pgolf verify audit --json` of this version wrote."
        )
    try:
        return Verdict.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BadInput(f"{where}: {first['msg']}. verify/verdict.schema.json says what is allowed.") from None


def finite(value):
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    return [finite(inner) for inner in value] if isinstance(value, list | tuple) else value


def schema_text() -> str:
    """The JSON schema of a verdict, as committed."""
    return json.dumps(Verdict.model_json_schema(mode="serialization"), indent=2) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text())
