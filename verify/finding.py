"""What a rule says: a status, one sentence, the places that show it, and public precedents."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

QUOTE_CHARACTERS_MAX = 300


class Status(StrEnum):
    """Ordered from best to worst by `worst`; unproven never counts as a pass."""

    EXEMPT = "exempt"  # waived, with a reason that is recorded, or not in force under the policy
    PASS = "pass"
    WARN = "warn"
    UNPROVEN = "unproven"
    FAIL = "fail"


ORDER = list(Status)


def worst(statuses) -> Status:
    """The worst of some statuses; `exempt` if there are none."""
    return max(statuses, key=ORDER.index, default=Status.EXEMPT)


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Place(Model):
    """Where something stands: a file of the submission, a line from 1, the line's text, and what it shows."""

    file: str
    line: int | None = None
    quote: str = ""
    note: str = ""
    unpacked: bool = False  # the line number counts in the unpacked script, not in the file


class Precedent(Model):
    """A public ruling or an accepted record that speaks to a finding."""

    pr: int | None = None
    text: str
    url: str = ""


class Finding(Model):
    """One thing a rule found. A lead is an unproven finding of reading code: it names lines, and the probe that decides."""

    status: Status
    sentence: str
    places: tuple[Place, ...] = ()
    precedents: tuple[Precedent, ...] = ()
    measured: dict[str, float | int | str | None] = {}
    lead: bool = False
    noted: bool = False  # a pass that says something worth reading: a fault that the policy lets go
    probe: str = ""  # what would decide it, by name: suffix-invariance, target-swap, candidate-sweep, update-trace, ...


def passed(sentence: str, *places: Place, **measured) -> Finding:
    return Finding(status=Status.PASS, sentence=sentence, places=places, measured=measured)


def warned(sentence: str, *places: Place, precedents: tuple[Precedent, ...] = (), **measured) -> Finding:
    return Finding(status=Status.WARN, sentence=sentence, places=places, precedents=precedents, measured=measured)


def failed(sentence: str, *places: Place, precedents: tuple[Precedent, ...] = (), **measured) -> Finding:
    return Finding(status=Status.FAIL, sentence=sentence, places=places, precedents=precedents, measured=measured)


def unproven(sentence: str, *places: Place, probe: str = "", **measured) -> Finding:
    return Finding(status=Status.UNPROVEN, sentence=sentence, places=places, probe=probe, measured=measured)


def lead(sentence: str, *places: Place, probe: str, precedents: tuple[Precedent, ...] = (), **measured) -> Finding:
    """A suspicion from reading code: never a failure, and names the probe that proves or clears it."""
    return Finding(
        status=Status.UNPROVEN, sentence=sentence, places=places, probe=probe, precedents=precedents, measured=measured, lead=True
    )  # fmt: skip
