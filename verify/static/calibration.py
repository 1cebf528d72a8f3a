"""What quantisation is calibrated on, as the code says it."""

from verify.finding import Place
from verify.static.events import trace
from verify.static.program import Program


def calibration_sources(program: Program) -> list[tuple[frozenset[str], Place]]:
    """For each reached collector of statistics: the data it is fed ("train", "val", "generated", "random"), and where.

    An empty set: the data could not be followed. No collector that the runs reach: an empty list.
    """
    found: list[tuple[frozenset[str], Place]] = []
    seen: set[tuple[int, frozenset[str]]] = set()
    for event in trace(program):
        key = (id(event.function), frozenset(event.origins.labels))
        if event.kind == "collect" and key not in seen:
            seen.add(key)
            found.append(
                (key[1], program.place(event.function, event.node, f"collects statistics, in {event.function.short}"))
            )
    return found
