"""The two ways of finding inputs: by random edits, and by coverage with atheris."""

import random
import sys
import tempfile
from pathlib import Path

from tests.fuzz.faults import Faults
from tests.fuzz.seeds import mutated, seeds
from tests.fuzz.targets import TARGETS


def run_random(name: str, seconds: float, out: Path, seed: int) -> None:
    """Random edits of the seeds until the time is over."""
    faults = Faults(name, out, seconds)
    chance = random.Random(seed)
    pool = seeds()
    while not faults.is_over:
        data = mutated(chance.choice(pool), chance)
        if faults.run(TARGETS[name], data) and chance.random() < 0.02:
            pool.append(data)  # edits pile up
    faults.close()


def run_atheris(name: str, seconds: float, out: Path, seed: int) -> None:
    """Inputs by coverage of verify."""
    import atheris

    with atheris.instrument_imports(include=["verify"]):
        for module in [module for module in sys.modules if module.startswith(("verify", "tests.fuzz.targets"))]:
            del sys.modules[module]
        from tests.fuzz.targets import TARGETS as INSTRUMENTED
    faults = Faults(name, out, seconds)
    corpus = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    for number, data in enumerate(seeds()):
        (corpus / f"{number}").write_bytes(data)
    arguments = [
        f"-max_total_time={int(seconds)}",
        "-max_len=30000",
        f"-seed={seed}",
        "-timeout=30",
        f"-artifact_prefix={out}/{name}-",
        "-verbosity=0",
        "-rss_limit_mb=3000",
    ]
    atheris.Setup(["fuzz", *arguments, str(corpus)], lambda data: faults.run(INSTRUMENTED[name], data) and None)
    atheris.Fuzz()


ENGINES = {"random": run_random, "atheris": run_atheris}
