"""What the rules on learning from validation data have in common: each looks for kinds of suspicion in the order of events."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import ClassVar

from verify.finding import Finding, Place, lead, passed
from verify.rule import Case, Rule
from verify.rules.learning_evidence import found, places, unread
from verify.static.order import Suspicion

FINDINGS_MAX = 4  # of one rule; more of the same kind says nothing new


class OrderRule(Rule):
    """Looks for `kinds` of suspicion (see static/order.py); `nothing` is what is said where there are none."""

    kinds: ClassVar[tuple[str, ...]]
    nothing: ClassVar[str]

    @abstractmethod
    def finding(self, case: Case, suspicion: Suspicion, lines: list[Place]) -> Finding:
        """What one suspicion comes to; `lines`: the places that show it."""

    def one_each(self, suspicions: Iterable[Suspicion]) -> list[Suspicion]:
        """Those that are reported."""
        return list(suspicions)[:FINDINGS_MAX]

    def lead(self, sentence: str, lines: list[Place]) -> Finding:
        return lead(sentence, *lines, probe=self.probe, precedents=self.precedents)

    def check(self, case: Case) -> Iterator[Finding]:
        blind = unread(case)
        if blind is not None:
            yield blind
            return
        assert case.program is not None
        suspects = self.one_each(found(case, *self.kinds))
        for suspicion in suspects:
            yield self.finding(case, suspicion, places(case.program, suspicion))
        if not suspects:
            yield passed(self.nothing)
