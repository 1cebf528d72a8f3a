"""Waivers: rules that are not held against one submission, each with the reason that the verdict records."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from verify.errors import BadInput
from verify.policy.model import Policy, problem

BYTES_MAX = 1_000_000


def collect(given: Iterable[str], file: Path | None, policy: Policy, codes: Iterable[str]) -> dict[str, str]:
    """Waivers of the command line (RULE=REASON) over those of a file, by rule id or check code.

    Raises BadInput where a rule is not known, a reason is missing, or the file is not a mapping of rules to reasons.
    """
    waivers = dict(read(file)) if file else {}
    for text in given:
        rule, sign, reason = text.partition("=")
        if not sign:
            raise BadInput(
                f"--waive {text!r} has no reason. Write RULE=REASON, as in --waive 'hardware=run on the organisers' node'."
            )
        waivers[rule.strip()] = reason.strip()
    known = {*policy.rules, *codes}
    for rule, reason in waivers.items():
        if rule not in known:
            near = sorted(name for name in known if name.startswith(rule[:4])) or sorted(policy.rules)
            raise BadInput(f"waiver for {rule!r}: no such rule or check. Name one such as {', '.join(near[:8])}.")
        if not reason:
            raise BadInput(f"waiver for {rule!r} has no reason. Write RULE=REASON: the verdict records it.")
    return waivers


def read(file: Path) -> Mapping[str, str]:
    try:
        with file.open("rb") as opened:
            data = yaml.safe_load(opened.read(BYTES_MAX))
    except OSError as error:
        raise BadInput(
            f"{str(file)!r} cannot be read: {error.strerror}. Give a YAML file of lines RULE: REASON."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{str(file)!r} is not YAML: {problem(error)}. Give a file of lines RULE: REASON.") from None
    if not isinstance(data, dict) or not all(
        isinstance(key, str) and isinstance(value, str) for key, value in data.items()
    ):
        raise BadInput(f"{str(file)!r} is not a mapping of rules to reasons. Give a file of lines RULE: REASON.")
    return data
