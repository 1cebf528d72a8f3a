"""What a user may name as one side of a test: a record folder, a row of the board, values, or mean, deviation and number."""

import os
import re
from dataclasses import dataclass, replace

from verify.errors import BadInput
from verify.stats.cases import bytes_per_token, date_of, group_of
from verify.stats.leaderboard import Leaderboard, Row, Seed
from verify.stats.strata import Group, groups_of
from verify.stats.welch import Sample
from verify.submission.text import printable

# Bytes per token of the usual tokenizers on the whole validation set (logs of accepted records).
VARIANTS = {"sp1024": 2.435924, "sp4096": 3.319681, "sp8192": 3.726631, "caseops": 3.157152, "bytes": 1.0}
ROW = re.compile(r"#?(?:pr ?)?(\d+)", re.IGNORECASE)
SUMMARY = re.compile(r"([\d.]+)\s*(?:±|\+-|\+/-)\s*([\d.]+)\s*[x×*]\s*(\d+)")
HELP = (
    "Give a record folder, a row's pull request (1855), values (1.0801,1.0803,1.0799) or mean±std×n (1.0758±0.0007×3)."
)


@dataclass(frozen=True, slots=True)
class Side:
    """groups: the own runs first. row: the row of the board that it is, if it is one. date, pr: when it was there."""

    name: str
    groups: tuple[Group, ...]
    bytes_per_token: float | None = None
    row: Row | None = None
    pr: int | None = None
    date: str | None = None


def side(text: str, board: Leaderboard) -> Side:
    """Read one side. Raises BadInput where it is none of the four."""
    asked = text.strip()
    if match := ROW.fullmatch(asked):
        row = board.row(int(match[1]))
        if row is None:
            raise BadInput(
                f"PR {match[1]} is not a row of the leaderboard, which has {_some(board)}. Give its folder, or values."
            )
        return side_of_row(row)
    if match := SUMMARY.fullmatch(asked):
        given = Sample.summary(_number(match[1]), _number(match[2]), int(match[3]))
        return Side(asked, (Group(asked, (), given=given),))
    if re.fullmatch(r"[-+\d.,\s]+|[-+\d.,\seE]+|.*\b(?:nan|inf)\b.*", asked) and not os.path.exists(asked):
        values = [_number(part) for part in re.split(r"\s*,\s*|\s+", asked.strip(", "))]
        name = "1 value" if len(values) == 1 else f"{len(values)} values"
        return Side(name, (Group(name, tuple(Seed(seed=None, val_bpb=value) for value in values)),))
    if not asked or not os.path.exists(asked):
        raise BadInput(f"{printable(asked, 200)!r} is not a folder, a row or values. {HELP}")
    return side_of_folder(asked, board)


def side_of_row(row: Row) -> Side:
    return Side(row.name, tuple(groups_of(row)), row.bytes_per_token, row, row.pr, row.created)


def side_of_folder(path: str, board: Leaderboard) -> Side:
    """The claimed runs of a record folder, as its logs have them. Raises BadInput where no log shows the claim."""
    from verify.audit import open_case
    from verify.folder import FolderTree
    from verify.policy.model import DEFAULT, load

    case = open_case(FolderTree(path), load(DEFAULT), board)
    group = group_of(case)
    if not group.seeds:
        raise BadInput(f"{group.name!r}: no log shows a claimed score. Give its values instead: 1.0801,1.0803,1.0799.")
    track = "10min" if case.is_ten_minutes else "non_record"
    row = board.itself((seed.val_bpb for seed in group.seeds), track)
    if row is not None:
        group = replace(group, is_accepted=True)
    ratio = bytes_per_token(group.seeds)
    return Side(group.name, (group,), ratio, row, row.pr if row else group.pr, date_of(case))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadInput(f"{printable(text)!r} is not a number. {HELP}") from None


def _some(board: Leaderboard) -> str:
    prs = [row.pr for row in board.rows if row.pr and row.track == "10min"]
    return f"{len(prs)} from {min(prs)} to {max(prs)} (`pgolf verify frontier --all` lists them)" if prs else "none"
