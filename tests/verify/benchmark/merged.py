"""Every record folder on main: what organisers merged should not fail. Most of them are not among the labelled cases."""

import click

from tests.verify.benchmark import show
from tests.verify.benchmark.labels import folder_of, load_labels


def trees(path: str):
    """Folders of main's tip, each with the day on which main first had it."""
    from dataclasses import replace

    from verify.git.pull import MAIN_REFS, folders, target
    from verify.git.tree import GitTree, iso_date, repository

    repo = repository(path)
    main = target(repo, MAIN_REFS)
    dates: dict[str, str] = {}
    commit = repo[main]
    while commit.parents:  # along first parents, newest first: the last one written is the oldest
        for location in folders(repo, commit.id):
            dates[location] = iso_date(commit.commit_time)
        commit = commit.parents[0]
    made = [
        GitTree(path, str(oid), location.rpartition("/")[2], location, None, str(main))
        for location, oid in sorted(folders(repo, main).items())
    ]
    return [replace(tree, date=dates[tree.location]) for tree in made]


@click.command()
@click.option("--policy", default="board-2026-05", show_default=True)
@click.option("-v", "--verbose", is_flag=True, help="What is said against each folder, with its places.")
def merged(policy: str, verbose: bool) -> None:
    """Judge the record folders that main holds."""
    from verify.audit import decide, open_case
    from verify.policy.model import load
    from verify.stats.leaderboard import Leaderboard

    clone, benchmark = folder_of("PGOLF_CHALLENGE"), folder_of("PGOLF_BENCHMARK")
    if clone is None:
        raise click.ClickException("Set PGOLF_CHALLENGE (a clone of the challenge).")
    labelled = {label.folder for label in load_labels(benchmark)} if benchmark else set()
    out = show.console()
    rows: dict[tuple[str, bool], list] = {}
    for tree in trees(str(clone)):
        verdict = decide(open_case(tree, load(policy), Leaderboard.load()))
        fails = [result.code for result in verdict.results if result.status == "fail"]
        leads = [
            result.code
            for result in verdict.results
            if result.status != "exempt" and any(found.lead for found in result.findings)
        ]
        rows.setdefault((tree.location.split("/")[1], tree.location in labelled), []).append((fails, leads))
        if fails or leads or verbose:
            said = [f"FAIL {code}" for code in fails] + [f"lead {code}" for code in leads]
            mark = "(labelled) " if tree.location in labelled else ""
            out.print(f"{verdict.status.value:8} {tree.location} {mark}{', '.join(said)}", markup=False, soft_wrap=True)
            if verbose:
                show.details(out, verdict, None)
    table = []
    for (track, is_labelled), found in sorted(rows.items()):
        fails, leads = ([code for said in found for code in said[part]] for part in (0, 1))
        numbers = [len(found), sum(bool(fails) for fails, _ in found), sum(bool(leads) for _, leads in found)]
        table.append([track, "yes" if is_labelled else "no", show.tally(fails), show.tally(leads), *numbers])
    header = ("track", "labelled", "fails", "leads", "folders", "failed", "with leads")
    show.table(out, "record folders on main", header, table, text_columns=4)
