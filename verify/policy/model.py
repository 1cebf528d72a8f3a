"""A policy: what the organisers' rules amount to in numbers, as data. See policies/*.yaml."""

from importlib.resources import files
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError

from verify.errors import BadInput
from verify.finding import Model, Status

DEFAULT = "board-2026-05"


class RulePolicy(Model):
    """How one rule is applied: the worst status it may give, where that comes from, and its numbers."""

    cap: Literal["fail", "warn", "off"] = Field(description="fail: as found; warn: a failure counts as a warning; off: exempt")
    source: str = Field(description="Where this stands: README section, ruling, pull request")
    settings: dict[str, float | int | str | bool | list[str]] = {}


class Policy(Model):
    name: str
    version: int = Field(ge=1, description="Counts up when a number or a cap changes")
    title: str
    description: str
    rules: dict[str, RulePolicy] = Field(description="By rule id; every rule must be there")

    def rule(self, rule: str) -> RulePolicy:
        return self.rules[rule]

    def setting(self, rule: str, name: str):
        return self.rules[rule].settings[name]

    def capped(self, rule: str, status: Status) -> Status:
        """The status that counts under this policy."""
        cap = self.rules[rule].cap
        if cap == "off":
            return Status.EXEMPT
        return Status.WARN if cap == "warn" and status is Status.FAIL else status


def names() -> list[str]:
    """The policies that come with verify."""
    return sorted(path.name.removesuffix(".yaml") for path in (files("verify.policy") / "policies").iterdir() if path.name.endswith(".yaml"))  # fmt: skip


def load(name_or_path: str) -> Policy:
    """A policy by name, or from a file of the user's own.

    Raises BadInput where there is none or it is not valid.
    """
    path = Path(str(files("verify.policy") / "policies" / f"{name_or_path}.yaml"))
    if name_or_path not in names():
        path = Path(name_or_path)
        if not path.is_file():
            raise BadInput(f"policy {name_or_path!r} is not one of {', '.join(names())}, and not a file. Name one of these or give a file's path.")  # fmt: skip
    try:
        return Policy.model_validate(yaml.safe_load(path.read_text()))
    except yaml.YAMLError as error:
        raise BadInput(f"{path}: not YAML: {error}. See `pgolf verify policy show {DEFAULT}`.") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}. `pgolf verify policy schema` says what is allowed.") from None  # fmt: skip
