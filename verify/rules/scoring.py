"""What the rules on how a score is formed have in common: they read the code that the claimed runs reach, and give leads."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from verify.finding import Finding, passed, unproven
from verify.rule import Case, Rule
from verify.static.patterns_code import Code, code_of

FINDINGS_MAX = 4  # of one rule; more of the same kind says nothing new


class CodeRule(Rule):
    """Reads the reached code; `nothing` is what is said where it finds nothing."""

    nothing: ClassVar[str]

    @abstractmethod
    def look(self, case: Case, code: Code) -> Iterator[Finding]: ...

    def check(self, case: Case) -> Iterator[Finding]:
        code = code_of(case)
        if code is None:
            yield unproven(
                "there is no script that can be parsed, so nothing can be said about how the score is formed"
            )
            return
        found = []
        for finding in self.look(case, code):
            found.append(finding)
            if len(found) == FINDINGS_MAX:
                break
        yield from found or [passed(self.nothing)]
