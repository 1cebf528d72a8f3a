"""A policy: what the organisers' rules amount to in numbers, as data. See policies/*.yaml."""

import math
import os
from importlib.resources import files
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError

from verify.errors import BadInput
from verify.finding import Model, Status

DEFAULT = "board-2026-05"
BASES_MAX = 8
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same, ten times as fast
LEVELS = ("note", "warn", "fail")  # how much a finding weighs: a pass that says something, a warning, a failure
CHOICES = (
    frozenset({"any", "all"}),
    frozenset({"logged", "shipped", "helpers"}),
    frozenset({"timer", "needed", "all"}),
    frozenset({"token", "byte"}),
)


class RulePolicy(Model):
    """How one rule is applied: the worst status it may give, where that comes from, and its numbers."""

    cap: Literal["fail", "warn", "off"] = Field(
        description="fail: as found; warn: a failure counts as a warning; off: exempt"
    )
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
    found = (path.name for path in (files("verify.policy") / "policies").iterdir())
    return sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml"))


def load(name_or_path: str) -> Policy:
    """A policy by name, or from a file of the user's own, which may name another as its `base` and say only what differs.

    Raises BadInput where there is none or it is not valid.
    """
    data, path = raw(name_or_path)
    try:
        policy = Policy.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BadInput(f"{path}: {where}: {first['msg']}. `pgolf verify policy schema` says what is allowed.") from None
    if name_or_path != DEFAULT:
        check(policy, load(DEFAULT), path)
    return policy


def raw(name_or_path: str, depth: int = 0) -> tuple[dict, Path]:
    """What the file says, laid over its base."""
    path = Path(str(files("verify.policy") / "policies" / f"{name_or_path}.yaml"))
    if name_or_path not in names():
        path = Path(name_or_path)
        if not name_or_path or not os.path.isfile(path):
            known = ", ".join(names())
            raise BadInput(
                f"policy {name_or_path[:200]!r} is not one of {known}, and not a file. Name one of these or give a file's path."
            )
    try:
        # The quick reader is for files of ours: it crashes on a few thousand brackets inside one another.
        loader = LOADER if name_or_path in names() else yaml.SafeLoader
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}. Give a file that can.") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{path}: not YAML: {problem(error)}. See `pgolf verify policy show {DEFAULT}`.") from None
    if not isinstance(data, dict) or not isinstance(data.get("rules", {}), dict):
        raise BadInput(
            f"{path}: not a policy: name, version, title, description and rules are asked for. "
            f"See `pgolf verify policy show {DEFAULT}`."
        )
    for said in data.get("rules", {}).values():
        if isinstance(said, dict) and said.get("cap") is False:
            said["cap"] = "off"  # YAML reads a bare `off` as false
    base = data.pop("base", None)
    if base is None:
        return data, path
    if depth >= BASES_MAX:
        raise BadInput(
            f"{path}: base {base!r}: more than {BASES_MAX} policies in a row. Name one that comes with verify."
        )
    below, _ = raw(str(base), depth + 1)
    return over(below, data), path


def problem(error: Exception) -> str:
    """What is wrong with a YAML file, in one line."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem or error.context}"
    return " ".join(str(error).split())


def over(below: dict, above: dict) -> dict:
    """A policy with what another says of it laid over: rule by rule, setting by setting."""
    rules = {rule: dict(said) for rule, said in below.get("rules", {}).items()}
    for rule, said in above.get("rules", {}).items():
        if not isinstance(said, dict):
            rules[rule] = said
            continue
        old = rules.get(rule, {})
        given = said.get("settings") or {}
        if not isinstance(given, dict):
            rules[rule] = {**old, **said}
            continue
        settings = {**(old.get("settings") or {}), **given}
        rules[rule] = {**old, **said, **({"settings": settings} if settings else {})}
    return {**below, **above, "rules": rules}


def check(policy: Policy, known: Policy, path: Path) -> None:
    """Every rule and every setting is there, and means what the rules read. Raises BadInput."""
    if strange := sorted(policy.rules.keys() - known.rules.keys()):
        raise BadInput(f"{path}: no such rule: {', '.join(strange)}. Known are {', '.join(known.rules)}.")
    if missing := [rule for rule in known.rules if rule not in policy.rules]:
        raise BadInput(f"{path}: rules without a word: {', '.join(missing)}. Say them, or name a policy as `base`.")
    for rule, of in known.rules.items():
        said = policy.rules[rule].settings
        if of.settings.keys() != said.keys():
            wrong = sorted(of.settings.keys() ^ said.keys())
            allowed = ", ".join(of.settings) or "none"
            raise BadInput(f"{path}: {rule}: missing or too many settings: {', '.join(wrong)}. Allowed: {allowed}.")
        for name, value in of.settings.items():
            if not alike(value, said[name]):
                raise BadInput(f"{path}: {rule}: {name}: {said[name]!r} is not of the kind of {value!r}.")


def alike(value, other) -> bool:
    """Whether a setting is of the kind that a rule reads: a number, a list, or one of the words that weigh a finding."""
    if isinstance(value, bool) or isinstance(other, bool):
        return isinstance(value, bool) and isinstance(other, bool)
    if isinstance(value, int | float):
        return isinstance(other, int | float) and math.isfinite(other)
    if value in LEVELS:
        return other in LEVELS
    for words in CHOICES:
        if isinstance(value, list) and value and set(value) <= words:
            return isinstance(other, list) and set(other) <= words
        if isinstance(value, str) and value in words:
            return isinstance(other, str) and other in words
    return type(value) is type(other)
