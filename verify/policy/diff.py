"""What two policies say differently, rule by rule."""

from dataclasses import dataclass

from verify.policy.model import Policy


@dataclass(frozen=True, slots=True)
class Row:
    """One difference: a rule, what of it, and what each policy says."""

    rule: str
    what: str  # "cap", or a setting's name
    left: str
    right: str
    right_source: str


def shown(value) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def diff(left: Policy, right: Policy) -> list[Row]:
    """All differences in caps and settings, in the order of the left policy."""
    rows = []
    for rule, a in left.rules.items():
        b = right.rules[rule]
        pairs: dict[str, tuple] = {"cap": (a.cap, b.cap)}
        pairs |= {name: (value, b.settings[name]) for name, value in a.settings.items()}
        rows += [
            Row(rule, what, shown(one), shown(other), b.source) for what, (one, other) in pairs.items() if one != other
        ]
    return rows
