"""The tests that a verdict shows: the claimed runs against the record of the day, and what may be pooled with either."""

from verify.rule import Case
from verify.stats.cases import bytes_per_token, group_of, incumbent_of
from verify.stats.strata import groups_of, outcomes
from verify.verdict import Comparison

SHOWN = ("own", "pooled")


def comparisons_of(case: Case) -> list[Comparison]:
    """The deciding test first; none where there is no record to beat or no log shows the claim.

    Where the organisers could not reproduce the record, the best one that they did not doubt follows.
    """
    own, found = group_of(case), incumbent_of(case)
    if found is None or not own.seeds:
        return []
    shown = [
        outcome.comparison.model_copy(update={"notes": (found.how, *outcome.notes, *outcome.comparison.notes)})
        for outcome in outcomes([own], groups_of(found.row), bytes_per_token(own.seeds))
        if outcome.kind in SHOWN
    ]
    if found.row.is_disputed:
        firm = case.leaderboard.frontier(before_pr=found.row.order, without_disputed=True)
        if firm is not None:
            note = (
                f"{found.row.name} was run again by the organisers and did not reach its score: the best row before it"
            )
            comparison = outcomes([own], groups_of(firm), bytes_per_token(own.seeds))[0].comparison
            shown.append(comparison.model_copy(update={"notes": (note, *comparison.notes)}))
    return shown
