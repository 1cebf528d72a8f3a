"""On which data a script calibrates, where its log does not say: read from the code, never from names alone."""

from verify.finding import Place
from verify.rule import Case


def data_by_code(case: Case) -> tuple[frozenset[str], tuple[Place, ...]]:
    """What the statistics for quantisation are collected on (train, val, generated, random), and the lines that show it."""
    from verify.static.events import trace

    program = case.program
    if program is None or not program.modules:
        return frozenset(), ()
    labels: set[str] = set()
    places: list[Place] = []
    for event in trace(program):
        if event.kind == "collect":
            labels |= set(event.origins.labels)
            places.append(program.place(event.function, event.node, "collects statistics"))
            places += [program.place(function, node, label) for label, (function, node) in event.origins.labels.items()]
    return frozenset(labels), tuple(dict.fromkeys(places))[:4]
