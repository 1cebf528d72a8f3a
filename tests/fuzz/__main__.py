"""Fuzz the readers: python -m tests.fuzz --minutes 10 [--target unpack] [--engine atheris|random] [--out FOLDER]

With atheris (uv pip install atheris; not a dependency of the project) inputs are found by coverage, else by random edits of the
seeds. Every fault is kept once, by its error and place, with the shortest input found; the exit code is 1 if there is any.
"""

import argparse
import multiprocessing
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.engines import ENGINES
from tests.fuzz.targets import TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="in total, over all targets")
    parser.add_argument("--target", choices=sorted(TARGETS), action="append")
    parser.add_argument(
        "--engine", choices=("atheris", "random"), default="atheris" if find_spec("atheris") else "random"
    )
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    names = options.target or sorted(TARGETS)
    out = options.out or Path(tempfile.mkdtemp(prefix="fuzz-faults-"))
    out.mkdir(parents=True, exist_ok=True)
    run = ENGINES[options.engine]
    seconds = 60 * options.minutes / len(names)
    print(f"{options.engine}: {len(names)} targets, {seconds:.0f} s each, seed {options.seed}, faults to {out}")
    for name in names:
        process = multiprocessing.get_context("spawn").Process(target=run, args=(name, seconds, out, options.seed))
        process.start()
        process.join(seconds + 120)
        if process.is_alive():
            process.kill()
            print(f"{name}: did not end, killed")
    found = sorted(out.glob("*"))
    for path in found:
        if path.suffix == ".txt":
            print(f"\n{path.name}\n{path.read_text()}")
    return 1 if any(path.suffix != ".count" for path in found) else 0


if __name__ == "__main__":
    sys.exit(main())
