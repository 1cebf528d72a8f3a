"""How far a run is: by its clock when it has a time limit, by steps when it has not."""

from typing import NamedTuple


class Progress(NamedTuple):
    step: int  # finished steps
    steps: int  # the most there can be
    elapsed_seconds: float = 0.0
    cap_seconds: float | None = None

    @property
    def fraction(self) -> float:
        return self.step / max(self.steps, 1) if self.cap_seconds is None else self.elapsed_seconds / self.cap_seconds
