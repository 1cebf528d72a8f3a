"""`verify audit`: the verdict on a folder or a pull request, on the terminal and as JSON, Markdown or HTML."""

import gc
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from verify.errors import BadInput
from verify.git.pull import DEFAULT_REMOTE

if TYPE_CHECKING:
    from verify.policy.model import Policy
    from verify.tree import Tree
    from verify.verdict import Verdict

OUTPUT = click.Path(allow_dash=True, path_type=str)
REMOTE_HELP = "With --pr: a local clone (only read) or a URL (fetched into the user's cache)."
POLICY_HELP = (
    "What is weighed how; by default the rules as last applied. `pgolf verify policy list` names what there is."
)
SEPARATOR = "\n---\n\n"  # between the Markdown of several folders


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=str))
@click.option("--pr", type=click.IntRange(1, 10**9), metavar="N", help="Judge what pull request N adds or changes.")
@click.option("--remote", show_default=DEFAULT_REMOTE, metavar="REPO", help=REMOTE_HELP)  # fmt: skip
@click.option(
    "--folder", "only_folder", metavar="NAME", help="With --pr: only this one of its record folders; by default all."
)
@click.option("--policy", "policy_name", metavar="NAME|FILE", help=POLICY_HELP)
@click.option(
    "--waive", multiple=True, metavar="RULE=REASON", help="Do not hold a rule against it; the reason is recorded."
)
@click.option(
    "--waivers", "waiver_file", type=click.Path(path_type=Path), metavar="FILE", help="YAML file of lines RULE: REASON."
)
@click.option("--only", multiple=True, metavar="RULE", help="Only this rule or check; may be given again.")
@click.option(
    "--json",
    "json_to",
    is_flag=False,
    flag_value="-",
    type=OUTPUT,
    metavar="[OUT]",
    help="Write JSON to OUT, or to standard output.",
)
@click.option(
    "--markdown",
    "markdown_to",
    is_flag=False,
    flag_value="-",
    type=OUTPUT,
    metavar="[OUT]",
    help="Write Markdown fit for a comment.",
)
@click.option(
    "--html",
    "html_to",
    is_flag=False,
    flag_value="-",
    type=OUTPUT,
    metavar="[OUT]",
    help="Write one self-contained page.",
)
@click.option("-v", "--verbose", is_flag=True, help="Passed checks, all findings and all places too.")
@click.pass_context
def audit(
    context,
    folder,
    pr,
    remote,
    only_folder,
    policy_name,
    waive,
    waiver_file,
    only,
    json_to,
    markdown_to,
    html_to,
    verbose,
) -> None:
    """Judge a record FOLDER, or the folders of a pull request, from their files alone.

    Nothing of them is run. The exit code is that of the worst verdict: 0 passes, 1 a rule is broken, 3 something is unproven.
    """
    outputs = {"json": json_to, "markdown": markdown_to, "html": html_to}
    with without_garbage_collection():
        context.exit(run(outputs, folder, pr, remote, only_folder, policy_name, waive, waiver_file, only, verbose))


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Imports and syntax trees make a million objects that live to the end: looking for cycles costs a sixth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def run(outputs, folder, pr, remote, only_folder, policy_name, waive, waiver_file, only, verbose) -> int:
    """The command, to its exit code."""
    check_outputs(outputs)
    trees = chosen(folder, pr, remote, only_folder)
    verdicts = judge_all(trees, policy_name, waive, waiver_file, only)
    written = [path for kind, to in outputs.items() if to for path in write(kind, to, verdicts)]
    if "-" not in outputs.values():
        show(verdicts, verbose)
        for path in written:
            click.echo(f"Written: {path}", err=True)
    from verify.finding import worst
    from verify.verdict import EXIT_CODES

    return EXIT_CODES[worst(verdict.status for verdict in verdicts)]


def check_outputs(outputs: Mapping[str, str | None]) -> None:
    """Raises BadInput before anything is judged or written where an output cannot be written, or two would be one."""
    given = [(kind, to) for kind, to in outputs.items() if to is not None]
    if sum(to == "-" for _, to in given) > 1:
        raise BadInput("more than one of --json, --markdown, --html goes to standard output. Give all but one a file.")
    files = [(kind, Path(to)) for kind, to in given if to != "-"]
    if not files:
        return
    from verify.write import check_place

    seen: dict[str, str] = {}
    for (kind, to), (_, path) in zip([item for item in given if item[1] != "-"], files, strict=True):
        if not to:
            raise BadInput(f"--{kind} has an empty name. Give a file, or - for standard output.")
        if os.path.isdir(path):
            raise BadInput(f"--{kind} {to!r} is a folder. Give a file; or put FOLDER first and --{kind} after it.")
        check_place(path)
        other = seen.setdefault(os.path.realpath(path), kind)
        if other != kind and (path.is_file() or not path.exists()):
            raise BadInput(f"--{other} and --{kind} name the same file, {to!r}. Give each its own.")


def chosen(folder: str | None, pr: int | None, remote: str | None, only_folder: str | None) -> "list[Tree]":
    """The trees to judge. Raises BadInput where both or neither is asked for, or nothing is there."""
    if (folder is None) == (pr is None):
        raise BadInput("give a FOLDER or --pr N, one of them.")
    if folder is not None:
        for name, value in (("--folder", only_folder), ("--remote", remote)):
            if value is not None:
                raise BadInput(f"{name} belongs to --pr. Give FOLDER alone.")
        from verify.folder import FolderTree

        return [FolderTree(folder)]
    from verify.git.pull import pull_request

    assert pr is not None
    trees = pull_request(DEFAULT_REMOTE if remote is None else remote, pr)
    wanted = [tree for tree in trees if only_folder in (None, tree.name, tree.location)]
    if not wanted:
        from verify.submission.text import printable

        names = [tree.name for tree in trees]
        known = [tree.name if names.count(tree.name) == 1 else tree.location for tree in trees]
        has = ", ".join(printable(name, 120) for name in known[:10])
        raise BadInput(
            f"pull request {pr} has no folder {only_folder!r}. It has {has}. Name one of these, or leave --folder out."
        )
    return list(wanted)


def judge_all(
    trees: "Sequence[Tree]",
    policy_name: str | None,
    waive: Sequence[str],
    waiver_file: Path | None,
    only: Sequence[str],
) -> "list[Verdict]":
    from verify.audit import audit as audit_tree
    from verify.policy.model import DEFAULT, load
    from verify.stats.leaderboard import Leaderboard

    policy = load(DEFAULT if policy_name is None else policy_name)
    waivers = waivers_of(waive, waiver_file, policy)
    board = Leaderboard.load()
    verdicts = []
    for tree in trees:
        verdicts.append(audit_tree(tree, policy, board, waivers))
        if len(trees) > 1:
            gc.collect()
    return [narrowed(verdict, only) for verdict in verdicts] if only else verdicts


def waivers_of(waive: Sequence[str], waiver_file: Path | None, policy: "Policy") -> Mapping[str, str]:
    if not waive and not waiver_file:
        return {}
    from verify.rule import all_rules
    from verify.waivers import collect

    return collect(waive, waiver_file, policy, [rule.code for rule in all_rules()])


def narrowed(verdict: "Verdict", only: Sequence[str]) -> "Verdict":
    """The same verdict with some rules or checks alone, and what they come to."""
    from verify.finding import worst
    from verify.summary import headline

    results = tuple(result for result in verdict.results if result.rule in only or result.code in only)
    found = {name for result in results for name in (result.rule, result.code)}
    for name in only:
        if name not in found:
            known = ", ".join(sorted({result.rule for result in verdict.results}))
            raise BadInput(
                f"--only {name!r}: no such rule or check. Name one of {known}, or a check as {verdict.results[0].code}."
            )
    status = worst(result.status for result in results)
    said = headline(status, results)
    part = f"Only {' and '.join(dict.fromkeys(only))}: {said[0].lower()}{said[1:]}"
    return verdict.model_copy(update={"results": results, "status": status, "headline": part})


def show(verdicts: "Sequence[Verdict]", verbose: bool) -> None:
    from rich.console import Console

    from verify.report.terminal import print_verdict

    console = Console(highlight=False)
    for number, verdict in enumerate(verdicts):
        if number:
            console.print()
        print_verdict(verdict, console, verbose)


def write(kind: str, to: str, verdicts: "Sequence[Verdict]") -> Sequence[str | Path]:
    """One format to a file or to standard output; where it went. Several pages go to files named for their folders."""
    if kind == "html" and len(verdicts) > 1:
        if to == "-":
            raise BadInput(
                f"{len(verdicts)} folders make {len(verdicts)} pages. Name one with --folder, or give --html a file name."
            )
        paths = page_names(Path(to), verdicts)
        for path, verdict in zip(paths, verdicts, strict=True):
            put(path, texts("html")([verdict]))
        return paths
    put(to, texts(kind)(verdicts))
    return [to]


def put(to: str | Path, text: str) -> None:
    if to == "-":
        click.echo(text, nl=False)
        return
    from verify.write import write_text

    write_text(Path(to), text)


def page_names(path: Path, verdicts: "Sequence[Verdict]") -> list[Path]:
    """OUT-NAME.html for each folder; names are of others' making, so only letters, digits and ._- of them are used."""
    names = []
    for number, verdict in enumerate(verdicts, 1):
        label = re.sub(r"[^A-Za-z0-9._-]+", "-", verdict.submission.name)[:80].strip(".-")
        names.append(path.with_name(f"{path.stem}-{number}-{label}{path.suffix}"))
    return names


def texts(kind: str) -> "Callable[[Sequence[Verdict]], str]":
    """How verdicts become text in a format; each is imported only when asked for."""
    if kind == "json":
        from verify.report.as_json import to_json

        return lambda verdicts: (
            to_json(verdicts[0]) if len(verdicts) == 1 else "[" + ",".join(map(to_json, verdicts)) + "]\n"
        )
    if kind == "markdown":
        from verify.report.markdown import to_markdown

        return lambda verdicts: SEPARATOR.join(map(to_markdown, verdicts))
    from verify.report.html import to_html

    return lambda verdicts: to_html(verdicts[0])
