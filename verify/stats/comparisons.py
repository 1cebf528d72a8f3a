"""The tests that a verdict shows: the claimed runs against the record of the day, and what may be pooled with either."""

from verify.rule import Case
from verify.stats.cases import bytes_per_token, group_of, incumbent_of
from verify.stats.strata import Group, Outcome, groups_of, outcomes
from verify.verdict import Comparison

SHOWN = ("own", "pooled")


def comparisons_of(case: Case) -> list[Comparison]:
    """The deciding test first; none where there is no record to beat or no log shows the claim.

    Its notes say what a pool with runs that are not admissible would have given. Where the organisers could not reproduce
    the record, a test against the best one that they did not doubt follows.
    """
    own, found = group_of(case), incumbent_of(case)
    if found is None or not own.seeds:
        return []
    ratio = bytes_per_token(own.seeds)
    tested = outcomes([own, *reproductions(case, own)], groups_of(found.row), ratio)
    shown = [noted(one, found.how, *one.notes) for one in tested if one.kind in SHOWN]
    refused = [refusal(one) for one in tested if one.kind == "pooled regardless"]
    shown[0] = shown[0].model_copy(update={"notes": (*shown[0].notes, *refused)})
    if found.row.is_disputed:
        firm = case.leaderboard.frontier(before_pr=found.row.order, without_disputed=True)
        if firm is not None:
            why = (
                f"{found.row.name} was run again by the organisers and did not reach its score: the best row before it"
            )
            shown.append(noted(outcomes([own], groups_of(firm), ratio)[0], why))
    return shown


def reproductions(case: Case, own: Group) -> list[Group]:
    """Runs of others that stand behind this very claim: the submission is a row of the board, and no copy of it."""
    row = case.leaderboard.itself(seed.val_bpb for seed in own.seeds)
    if row is None or own.pr not in (None, row.pr):
        return []
    return [group for group in groups_of(row)[1:] if group.relation == "reproduction"]


def noted(outcome: Outcome, *notes: str) -> Comparison:
    return outcome.comparison.model_copy(update={"notes": (*notes, *outcome.comparison.notes)})


def refusal(outcome: Outcome) -> str:
    c = outcome.comparison
    p = "no p" if c.p is None else f"p = {c.p:.4f}"
    return f"{outcome.new} against {c.against} would give {p}; not every one of these runs is admissible"
