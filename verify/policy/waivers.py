"""Waivers: a rule that is not held against a submission, with the reason on record."""

from collections.abc import Iterable
from pathlib import Path

import yaml

from verify.errors import BadInput
from verify.policy.model import DEFAULT, load
from verify.rule import all_rules


def parse(waivers: Iterable[str] = (), file: str | Path | None = None) -> dict[str, str]:
    """Rule id or code -> reason, from `RULE=REASON` words and a YAML file of `RULE: reason`; the words win.

    Raises BadInput for a rule that does not exist, a reason that says nothing, a file that is none.
    """
    found = dict(from_file(Path(file))) if file is not None else {}
    for word in waivers:
        rule, equals, reason = word.partition("=")
        if not equals:
            raise BadInput(
                f"--waive {word!r} has no reason. Write it as RULE=REASON, for example hardware='H200, agreed in PR 39'."
            )
        found[rule.strip()] = reason
    known = {*load(DEFAULT).rules, *(rule.code for rule in all_rules())} if found else set()
    for rule, reason in found.items():
        if rule not in known:
            rules = ", ".join(sorted(load(DEFAULT).rules))
            raise BadInput(f"waiver of {rule!r}: no such rule. Known are {rules}, and their checks (RULE.CHECK).")
        if not reason.strip():
            raise BadInput(f"waiver of {rule!r} has an empty reason. Say why: it is recorded in the verdict.")
    return {rule: " ".join(reason.split()) for rule, reason in found.items()}


def from_file(path: Path) -> dict[str, str]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(
            f"waivers {str(path)!r}: {error.strerror}. Give a YAML file with a line `RULE: reason` for each."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"waivers {str(path)!r}: not YAML: {error}. Give a line `RULE: reason` for each.") from None
    if data is None:
        return {}
    if not isinstance(data, dict) or not all(
        isinstance(key, str) and isinstance(value, str) for key, value in data.items()
    ):
        raise BadInput(
            f"waivers {str(path)!r}: not a list of `RULE: reason`. Write one line for each rule, the reason as text."
        )
    return data
