"""What a rule is, and what it is given.

A rule is one small class in verify/rules/: its docstring's first line is the rule in one sentence, `code` is
"rule.check" ("artifact-bytes.logged": check `logged` of rule `artifact-bytes`), `remedy` says what an author can do.
Rules find facts; how much a fact weighs is the policy's: `case.setting("seconds_max")` reads the policy's number for
this rule, and the audit turns a failure into a warning where the policy's `cap` for the rule is `warn`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, ClassVar

from verify import rules
from verify.finding import Finding, Precedent
from verify.logs.model import Claim, Log, Run
from verify.policy.model import Policy
from verify.submission.model import Submission

if TYPE_CHECKING:
    from verify.static.program import Program
    from verify.stats.leaderboard import Leaderboard


@dataclass
class Case:
    """All that is known of one submission. Rules read it and change nothing."""

    submission: Submission
    logs: list[Log]
    claim: Claim
    policy: Policy
    leaderboard: "Leaderboard"
    notes: dict[str, object] = field(default_factory=dict)

    @property
    def runs(self) -> list[Run]:
        return [run for log in self.logs for run in log.runs]

    @property
    def is_ten_minutes(self) -> bool:
        """Whether the limits of the ten-minute track apply."""
        return self.submission.track != "non_record"

    @cached_property
    def program(self) -> "Program | None":
        """The unpacked main script and its helpers, analysed; None where there is no script that can be parsed."""
        from verify.static.program import analyse

        return analyse(self.submission, self.claim)


class Rule(ABC):
    code: ClassVar[str]
    remedy: ClassVar[str]
    precedents: ClassVar[tuple[Precedent, ...]] = ()
    probe: ClassVar[str] = ""  # the probe that decides what reading cannot
    tracks: ClassVar[frozenset[str]] = frozenset({"10min", "non_record"})

    @property
    def rule(self) -> str:
        """The rule's id: the code up to the dot."""
        return self.code.partition(".")[0]

    @property
    def sentence(self) -> str:
        return (self.__doc__ or "").strip().splitlines()[0].strip('" ')

    @abstractmethod
    def check(self, case: Case) -> Iterator[Finding]:
        """Yield at least one finding: what was found, or that nothing was, or why it cannot be told."""

    def setting(self, case: Case, name: str):
        """The policy's value for this rule: a number of seconds, bytes, a switch."""
        return case.policy.setting(self.rule, name)


def all_rules() -> list[Rule]:
    """One instance of every concrete rule in verify/rules/, sorted by code."""
    for module in iter_modules(rules.__path__):
        import_module(f"verify.rules.{module.name}")
    found: list[type[Rule]] = []
    stack = list(Rule.__subclasses__())
    while stack:
        kind = stack.pop()
        stack += kind.__subclasses__()
        if hasattr(kind, "code"):
            found.append(kind)
    made = [kind() for kind in found]
    return sorted(made, key=lambda rule: rule.code)
