"""c3-score-first and c4-single-pass: a token's score is fixed before anything learns from it, and it is scored once."""

import re
from collections.abc import Iterator

from verify.finding import Finding, Place, Precedent, failed, lead, passed, unproven, warned
from verify.rule import Case, Rule
from verify.rules.learning import OrderRule
from verify.rules.learning_evidence import Line, log_lines
from verify.static.order import Suspicion

SECOND_PASS = re.compile(
    r"(?i)\b(?:\w*pass[ _]?2\w*|second pass|pass 2 of|two[-_]?pass: (?:pass 2|rescor\w*|building full)|"
    r"rescor(?:ing|ed) (?:all|every|first)|\w*two_pass\w*_exact|\w+_build: order \d+ done).{0,160}"
)
DENIED = re.compile(r"two[-_]?pass\w*\s*[=:]\s*(?:false|0|off|none)|no (?:second|two)|disabled|skipp", re.I)
BPB = re.compile(r"\b(?:val_)?bpb[=: ]+(?P<bpb>\d+\.\d+)")
SCORED = re.compile(r"(?i)\bscored[_ ]tokens?[=: ]+(?P<tokens>[\d,_]+)")
TOLERANCE_BPB = 6e-4  # lines print four digits
C3 = (
    Precedent(pr=549, text="score first, then train on the chunk: accepted"),
    Precedent(pr=548, text="the last of several epochs is counted: closed"),
)
C4 = (
    Precedent(pr=573, text="several passes, the smallest loss of each token is kept: closed"),
    Precedent(pr=959, text="two-pass rescoring: closed"),
)


class ScoreFirst(OrderRule):
    """The score of a chunk is counted before any update that uses the chunk"""

    code = "c3-score-first.order"
    remedy = "Add the loss of a chunk to the sums before the optimiser steps on it; train again only on chunks that are counted."
    precedents = C3
    probe = "update-trace"

    kinds = ("window", "repeat")
    nothing = "no score that is counted after an update on the same tokens was found in what the runs reach"

    def finding(self, case: Case, suspicion: Suspicion, lines: list[Place]) -> Finding:
        update = suspicion.update.function.short
        if suspicion.kind == "window":
            return self.lead(
                f"{update} trains on a chunk, and the chunk's score is counted after that in the same round", lines
            )
        return self.lead(
            f"in {update} the loop over epochs holds the training and the score: tokens are scored after training",
            lines,
        )


class SinglePass(OrderRule):
    """Each token is scored in one pass, and no pass is chosen by its score"""

    code = "c4-single-pass.order"
    remedy = "Score every token once, with what was known then; fill tables only from tokens that are scored already."
    precedents = C4
    probe = "incompressible-stream"

    kinds = ("repeat", "refill")
    nothing = "no second scoring pass was found in what the runs reach"

    def finding(self, case: Case, suspicion: Suspicion, lines: list[Place]) -> Finding:
        update = suspicion.update
        if suspicion.kind == "repeat":
            return self.lead(
                f"{update.function.short} scores the same tokens in every round of a loop that trains on them", lines
            )
        table = update.name.lstrip(".") or "a table"
        return self.lead(
            f"{table} is filled from the validation set in {update.function.short}, and read for the same tokens in a later pass",
            lines,
        )


class SinglePassLogs(Rule):
    """No log shows a second pass over tokens that were scored before"""

    code = "c4-single-pass.logs"
    remedy = SinglePass.remedy
    precedents = C4
    probe = "incompressible-stream"

    def check(self, case: Case) -> Iterator[Finding]:
        if not case.submission.logs:
            yield unproven("there is no log")
            return
        lines = [
            line
            for line in log_lines(case, SECOND_PASS, "pass", "rescor", "_build: order")
            if not DENIED.search(line.text)
        ]
        claimed = [line for line in lines if case.claim.matches is not False and _is_claim(case, line)]
        if claimed:
            yield failed(
                "the claimed score is the one that the log gives for a second pass",
                claimed[0].place(),
                *_first(lines, claimed[0]),
                precedents=self.precedents,
            )
        elif lines:
            yield lead(
                "the log tells of a second pass over the validation tokens",
                *[line.place() for line in lines[:3]],
                probe=self.probe,
                precedents=self.precedents,
            )
        more = [line for line in log_lines(case, SCORED, "scored") if _is_more(case, line)]
        for line in more[:1]:
            yield warned(
                "more tokens are scored than the validation set has: some are counted more than once",
                line.place(),
                tokens=line.match["tokens"],
            )
        if not lines and not more:
            yield passed("no log line tells of a second pass")


def _first(lines: list[Line], other: Line) -> list[Place]:
    return [line.place() for line in lines if line is not other and line.file == other.file][:2]


def _is_claim(case: Case, line: Line) -> bool:
    """Whether the score of a second-pass line is the claimed score of that log."""
    match = BPB.search(line.text)
    if match is None:
        return False
    value = float(match["bpb"])
    return any(
        result.metric is not None
        and result.metric.val_bpb is not None
        and result.run.file == line.file
        and abs(result.metric.val_bpb - value) < TOLERANCE_BPB
        for result in case.claim.claimed
    )


def _is_more(case: Case, line: Line) -> bool:
    tokens = int(re.sub(r"\D", "", line.match["tokens"])[:15] or 0)
    known = [run.val_tokens.value for run in case.runs if run.file == line.file and run.val_tokens is not None]
    return bool(known) and tokens > known[0]
