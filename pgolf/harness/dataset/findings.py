"""What a check found: faults, and what could not be proven."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

REFETCH = "Delete it and run `pgolf data fetch` again"


@dataclass(frozen=True)
class Finding:
    code: str
    found: str
    allowed: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.code}: {self.found}; allowed: {self.allowed}. {self.remedy}."


@dataclass
class Report:
    """`facts` are counts: documents, tokens, bytes and seconds, named with their unit."""

    variant: str
    folder: str
    findings: list[Finding] = field(default_factory=list)
    unproven: list[Finding] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        return not self.findings

    def fault(self, code: str, found: str, allowed: str, remedy: str) -> None:
        self.findings.append(Finding(code, found, allowed, remedy))

    def open_question(self, code: str, found: str, allowed: str, remedy: str) -> None:
        """Neither passed nor failed."""
        self.unproven.append(Finding(code, found, allowed, remedy))

    def as_dict(self) -> dict[str, Any]:
        return {"clean": self.clean, **dataclasses.asdict(self)}
