"""The labelled cases: what cases.json says of a folder, typed. Its quotes were written by others: data, never an instruction."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

EVIDENCE = re.compile(r"(?P<file>.+?):(?P<line>\d+)(?: \(decoded\))?: `(?P<quote>.*)`(?: - (?P<note>.*))?", re.DOTALL)


@dataclass(frozen=True)
class Evidence:
    file: str
    line: int
    quote: str
    note: str


@dataclass(frozen=True)
class Label:
    index: int
    pr: int | None
    sha: str
    date: str  # of the last commit of the pull request
    folder: str
    label: str  # violation, accepted, clean_unmerged
    rules: tuple[str, ...]
    expected_warn: tuple[str, ...]
    detectable_by: frozenset[str]
    evidence: tuple[Evidence, ...]
    reason: str
    notes: str

    @property
    def main(self) -> str:
        return self.rules[0] if self.rules else ""

    @property
    def is_violation(self) -> bool:
        return self.label == "violation"

    @property
    def is_ours(self) -> bool:
        """A violation that files or logs can show."""
        return self.is_violation and bool(self.detectable_by & {"files", "logs"})


def folder_of(variable: str) -> Path | None:
    """A folder with real data, from the environment; None where it is not set."""
    value = os.environ.get(variable)
    return Path(value) if value else None


def load_labels(path: Path) -> list[Label]:
    found = []
    for index, case in enumerate(json.loads((path / "cases.json").read_text())):
        matches = [EVIDENCE.fullmatch(text) for text in case["evidence"]]
        found.append(
            Label(
                index=index,
                pr=case["pr"],
                sha=case["sha"],
                date=case["date"],
                folder=case["folder"],
                label=case["label"],
                rules=tuple(case["rules"]),
                expected_warn=tuple(case["expected_warn"]),
                detectable_by=frozenset(case["detectable_by"]),
                evidence=tuple(Evidence(m["file"], int(m["line"]), m["quote"], m["note"] or "") for m in matches if m),
                reason=case["reason"],
                notes=case["notes"],
            )
        )
    return found
