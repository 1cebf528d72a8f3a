"""Every pull request head that adds a record folder: crashes, hangs, verdicts by rule, milliseconds, minutes, memory.

The queue itself, over the local clone; then the same questions by pull request instead of by folder.
"""

import json
import tempfile
from collections import Counter
from pathlib import Path

import click

from tests.verify.benchmark import show
from tests.verify.benchmark.labels import folder_of
from verify.cli import verify
from verify.finding import Status, worst

SAID = ("fail", "lead", "warn", "unproven")


@click.command()
@click.option("--prs", default="1-99999", show_default=True, metavar="RANGE")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Keep the queue's output there; by default it is thrown away."
)
@click.option("--jobs", type=int, help="Processes; by default one for each processor.")
@click.option("--fresh", is_flag=True, help="Judge again what --out already has.")
def heads(prs: str, out: Path | None, jobs: int | None, fresh: bool) -> None:
    """Judge all pull request heads of PGOLF_CHALLENGE."""
    clone = folder_of("PGOLF_CHALLENGE")
    if clone is None:
        raise click.ClickException("Set PGOLF_CHALLENGE (a clone with all pull requests).")
    with tempfile.TemporaryDirectory() as temporary:
        folder = out or Path(temporary)
        command = ["audit-all", "--prs", prs, "--remote", str(clone), "--out", str(folder)]
        command += ["--jobs", str(jobs)] if jobs else []
        code = verify(command + (["--fresh"] if fresh else []), prog_name="verify", standalone_mode=False)
        rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
        report(list({(row["pr"], row["location"]): row for row in rows}.values()))
    click.get_current_context().exit(code or 0)


def report(rows: list[dict]) -> None:
    """By pull request: the worst verdict of its folders, and rules broken in any of them."""
    out = show.console()
    by_pull: dict[int, list[dict]] = {}
    for row in rows:
        by_pull.setdefault(row["pr"], []).append(row)
    statuses = Counter(worst(Status(row["status"]) for row in pull).value for pull in by_pull.values())
    said: dict[str, Counter] = {}
    for pull in by_pull.values():
        for rule, kind in {(code.partition(".")[0], kind) for row in pull for code, kind in row["codes"].items()}:
            said.setdefault(rule, Counter())[kind] += 1
    ordered = sorted(said.items(), key=lambda item: tuple(-item[1][kind] for kind in SAID))
    table = [[rule, *(count[kind] or "" for kind in SAID)] for rule, count in ordered]
    show.table(out, "pull requests by what a rule says of any of their folders", ("rule", *SAID), table)
    out.print(f"{len(by_pull):,} pull requests with a record folder: {show.tally(statuses.elements())}")
