"""`verify audit-all`: verdicts on many submissions in parallel, a summary by rule, duplicates, and an index page."""

import json
import os
import resource
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from verify.commands.audit import POLICY_HELP
from verify.errors import BadInput
from verify.git.pull import DEFAULT_REMOTE

if TYPE_CHECKING:
    from rich.console import Console

    from verify.queue.duplicates import Group
    from verify.queue.run import Crash, Queue
    from verify.queue.work import Row

STYLES = {"pass": "green", "warn": "yellow", "unproven": "yellow", "fail": "bold red", "exempt": "dim"}
GROUPS_SHOWN = 12
PIPE_COLUMNS = 160


@click.command("audit-all")
@click.argument("folders", nargs=-1, type=click.Path(path_type=str))
@click.option("--prs", metavar="RANGE", help="Pull requests, as 1-2059 or 1394,1413,1800-1900.")
@click.option(
    "--remote",
    show_default=DEFAULT_REMOTE,
    metavar="REPO",
    help="With --prs: a local clone (only read) or a URL.",
)
@click.option(
    "--out",
    default="verdicts",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for all output.",
)
@click.option("--policy", "policy_name", metavar="NAME|FILE", help=POLICY_HELP)
@click.option("--jobs", "workers", type=click.IntRange(1, 256), help="Processes; by default one for each processor.")
@click.option(
    "--seconds", default=60.0, show_default=True, type=click.FloatRange(0.1), help="Time limit of one folder."
)
@click.option(
    "--memory-mb",
    default=3072,
    show_default=True,
    type=click.IntRange(0),
    help="Address space of one process; 0 for no limit.",
)
@click.option("--html", "with_page", is_flag=True, help="A page for every folder too.")
@click.option("--fresh", is_flag=True, help="Judge again what --out already has.")
def audit_all(folders, prs, remote, out, policy_name, workers, seconds, memory_mb, with_page, fresh) -> None:
    """Judge many FOLDERS, or the folders of many pull requests.

    Verdicts are kept in OUT: run the same again to go on after an interrupt, or after new pull requests. A submission that
    the audit crashes on is a bug of the audit: it is recorded in OUT/crashes, and the others go on.

    The exit code is 1 where a submission could not be judged; verdicts do not change it.
    """
    from verify.policy.model import DEFAULT, load
    from verify.queue import jobs as queue_jobs
    from verify.queue.run import Limits, run
    from verify.queue.store import Store

    if bool(folders) == (prs is not None):
        raise BadInput("give FOLDERS or --prs RANGE, one of them.")
    if remote is not None and prs is None:
        raise BadInput("--remote belongs to --prs. Give FOLDERS alone.")
    policy_name = DEFAULT if policy_name is None else policy_name
    policy = load(policy_name)
    jobs = (
        queue_jobs.of_pull_requests(DEFAULT_REMOTE if remote is None else remote, queue_jobs.parse_numbers(prs), policy)
        if prs is not None
        else queue_jobs.of_folders(folders, policy)
    )
    store = Store(out)
    try:
        limits = Limits(workers or os.cpu_count() or 1, seconds, memory_mb << 20)
        with watching(len(jobs)) as tell:
            queue = run(jobs, policy_name, store, limits, with_page, fresh, tell)
        finish(queue, len(jobs), out, queue_jobs.starter(jobs))
    finally:
        store.close()
    click.get_current_context().exit(1 if queue.crashes else 0)


@contextmanager
def watching(total: int):
    """A function that prints one line for each verdict; on a terminal there is a progress bar below the lines."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())
    columns = (TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    if not console.is_terminal:
        yield lambda ended: say(console, ended)
        return
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("judging", total=total)

        def tell(ended: "Row | Crash") -> None:
            say(console, ended)
            progress.advance(task)

        yield tell


def say(console: "Console", ended: "Row | Crash") -> None:
    """One submission in one line. Names are of others' making: nothing of them reaches the terminal as a command."""
    from rich.text import Text

    from verify.queue.work import Row
    from verify.submission.text import printable

    if isinstance(ended, Row):
        said = [code for code, kind in ended.codes.items() if kind == "fail"] or [
            f"{code}?" for code, kind in ended.codes.items() if kind == "lead"
        ]
        line = Text.assemble(
            (f"{ended.status:8}", STYLES[ended.status]),
            f" {ended.milliseconds:5.0f} ms  ",
            printable(label(ended.pr, ended.name), 90),
        )
        line.append(f"  {', '.join(said[:4])}{' ...' if len(said) > 4 else ''}", "dim")
    else:
        text = f" {ended.kind}: {printable(ended.job.label, 90)}: {printable(ended.sentence, 160)} -> {ended.report}"
        line = Text.assemble(("BUG     ", "bold white on red"), text)
    # On a terminal a line is one line; a pipe has no width.
    console.print(
        line, overflow="ellipsis" if console.is_terminal else "ignore", no_wrap=True, crop=console.is_terminal
    )


def label(pr: int | None, name: str) -> str:
    return f"#{pr} {name}" if pr else name


def finish(queue: "Queue", total: int, out: Path, starter: frozenset[str]) -> None:
    """Write what is said of all of them together, and print the summary."""
    from verify.queue import duplicates
    from verify.queue.summary import summary
    from verify.write import write_text

    groups, near = duplicates.find(queue.rows, starter)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    numbers = summary(queue, total, own, duplicates.counts(groups, near))
    write_text(out / "summary.json", json.dumps(numbers, indent=2) + "\n")
    write_text(out / "duplicates.json", json.dumps(duplicates.as_data(groups, near), indent=1) + "\n")
    write_text(out / "index.html", index(queue, numbers, duplicates.earliest(groups)))
    report(numbers, groups, queue.crashes, out)


def index(queue: "Queue", numbers: dict, same: dict[tuple[int | None, str], str]) -> str:
    """The page over all verdicts. Those that crashed have none: the note says how many."""
    from verify.report.index import QueueRow, index_page

    rows = [QueueRow(**{**row.index, "duplicate_of": same.get((row.pr, row.location))}) for row in queue.rows]
    policies = ", ".join(sorted({row.policy for row in queue.rows}))
    crashes = f", {numbers['crashes']} not judged for a bug of ours (crashes/)" if numbers["crashes"] else ""
    return index_page(rows, note=f"{numbers['verdicts']:,} verdicts under {policies or 'no policy'}{crashes}.")


def report(numbers: dict, groups: "list[Group]", crashes: "list[Crash]", out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from verify.queue.summary import SAID
    from verify.summary import count

    console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_COLUMNS)
    table = Table("check", *SAID, title="submissions by what a check says of them", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for code, said in sorted(numbers["checks"].items(), key=lambda item: tuple(-item[1].get(kind, 0) for kind in SAID)):
        table.add_row(code, *(str(said.get(kind, "")) for kind in SAID))
    console.print(table)
    duplicates_table(console, groups)
    plain: Callable[[str], None] = lambda text: console.print(text, markup=False, soft_wrap=True)  # noqa: E731
    statuses = ", ".join(f"{status} {count:,}" for status, count in sorted(numbers["statuses"].items()))
    times = numbers["milliseconds"]
    verdicts, pulls, kept = numbers["verdicts"], numbers["pull_requests"], numbers["kept"]
    of = f" on {count(pulls, 'pull request')}" if pulls else ""
    plain(f"{count(verdicts, 'verdict')}{of} ({kept:,} kept from before): {statuses or 'none'}")
    if times["median"] is not None:
        plain(
            f"median {times['median']:.0f} ms, p99 {times['p99']:.0f} ms, slowest {times['max']:.0f} ms; "
            f"{numbers['minutes']:.1f} minutes; at most {numbers['bytes_peak'] / 1e6:,.0f} MB of memory"
        )
    see = f"; see {out / 'crashes'}" if crashes else ""
    plain(f"{count(len(crashes), 'crash', 'es')}, {numbers['hangs']} of them hangs{see}")
    plain(f"written: {out}/{{index.html, summary.json, duplicates.json, rows.jsonl, verdicts/}}")


def duplicates_table(console: "Console", groups: "list[Group]") -> None:
    from rich.markup import escape
    from rich.table import Table

    from verify.submission.text import printable

    shown = [group for group in groups if group.kind not in ("folder-again", "starter-code")]
    if not shown:
        return
    title = f"the same under another name ({len(shown)} groups; all in duplicates.json)"
    table = Table("what", "shared", "authors", "submissions", title=title, title_justify="left")
    for group in shown[:GROUPS_SHOWN]:
        members = ", ".join(label(member.pr, member.name) for member in group.members[:4])
        more = f" and {len(group.members) - 4} more" if len(group.members) > 4 else ""
        table.add_row(
            group.kind,
            escape(printable(group.shared, 60)),
            str(group.authors or ""),
            escape(printable(members, 300)) + more,
        )
    console.print(table)
