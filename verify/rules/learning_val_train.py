"""no-val-train: nothing is learned from validation tokens before the pass that is scored (README FAQ; PR 1376, 1735, 1902)."""

import re
from collections.abc import Iterator

from verify.finding import Finding, Place, Precedent, failed, lead, passed, unproven
from verify.rule import Case, Rule
from verify.rules.learning import OrderRule
from verify.rules.learning_evidence import Line, found, log_lines, readme_sentences
from verify.static.order import Suspicion

GAIN_BPB = 0.02  # legal score-first gains are 0.002 to 0.013; illegal clusters show 0.02 to 0.08 and more
EPOCH = re.compile(
    r"(?i)\b(?P<what>\w*(?:ttt|adapt)\w*)(?:_epoch)?[ :_]+(?:epoch[ :=]*)?(?P<round>\d+)\s*/\s*(?P<rounds>\d+)\b"
    r"(?=[^\n]*(?:loss|bpb|lr|time|nll))"
)
NAMED = re.compile(r"(?i)\b(?:post[-_ ])?pre[-_ ]?quant(?:i[sz]ation)?[-_ ](?:\w+[-_ ])?ttt\b.{0,80}")
WORDS_OF_EPOCHS = re.compile(r"epoch", re.I)
README = re.compile(
    r"\bval(?:idation)?[- ]only (?:training|train|mode|model)\b|"
    r"\btrain(?:s|ed|ing)?\b(?: data| directly| only| purely)?.{0,20}"
    r"\b(?:on|pointed at|uses?)\b.{0,15}\b(?:the )?(?:full |whole )?val(?:idation)?[ _-](?:shards?|set|split|data|tokens)\b",
    re.I,
)
PRECEDENTS = (
    Precedent(pr=1376, text="AdamW epochs on the validation tokens before quantisation: closed"),
    Precedent(pr=1902, text="pre-quantisation and future-validation leakage excluded from the leaderboard"),
)
REMEDY = "Score every token before any update that uses it, or learn from training shards only."


class ValTrainOrder(OrderRule):
    """No update on validation tokens comes before the pass that scores them"""

    code = "no-val-train.order"
    remedy = REMEDY
    precedents = PRECEDENTS
    probe = "update-trace"

    kinds = ("adapt",)
    nothing = "no update on validation tokens before their score was found in what the runs reach"

    def finding(self, case: Case, suspicion: Suspicion, lines: list[Place]) -> Finding:
        update, commit = suspicion.update, suspicion.commit
        scorer = commit.function.short if commit else "a later pass"
        said = f"{update.function.short} takes optimiser steps on validation tokens, and {scorer} scores afterwards"
        agreeing = [line for line in epoch_lines(case) if _prints(case, suspicion, line)]
        if not agreeing:
            return self.lead(said, lines)
        last = agreeing[-1]
        shown = last.place(f"the log: round {last.match['round']} of {last.match['rounds']}")
        said += "; the log shows its rounds before the score"
        return failed(said, shown, *lines, precedents=self.precedents)


def _prints(case: Case, suspicion, line: Line) -> bool:
    """Whether the log line stands before the run's score and its words stand in the function that learns."""
    scores = [
        result.metric.line
        for result in case.claim.claimed
        if result.metric is not None and result.run.file == line.file
    ]
    if scores and line.number > max(scores):
        return False
    module = suspicion.update.function.module
    if module is None:
        return False
    word = line.match["what"].lower()
    return any(word in text.lower() and WORDS_OF_EPOCHS.search(text) for text in module.lines)


def epoch_lines(case: Case) -> list[Line]:
    """Lines that count rounds of test-time training: "ttt_epoch:10/10 loss:...". One for each name, the last of it."""
    last: dict[tuple[str, str], Line] = {}
    for line in log_lines(case, EPOCH, "ttt", "adapt"):
        if (
            WORDS_OF_EPOCHS.search(line.text)
            and int(line.match["rounds"][:6]) > 1
            and "chunk" not in line.text[: line.match.end()].lower()
        ):
            last[line.file, line.match["what"].lower()] = line
    return list(last.values())


class ValTrainLogs(Rule):
    """No log shows epochs of training on validation tokens before the score"""

    code = "no-val-train.logs"
    remedy = REMEDY
    precedents = PRECEDENTS
    probe = "update-trace"

    def check(self, case: Case) -> Iterator[Finding]:
        if not case.submission.logs:
            yield unproven("there is no log")
            return
        named = list(log_lines(case, NAMED, "ttt"))
        lines = epoch_lines(case)
        if named:
            first = named[0]
            gain = drop(case, first)
            said = f", and the score falls by {gain:.4f} bits per byte" if gain is not None and gain > GAIN_BPB else ""
            yield lead(
                f"the log names test-time training before quantisation{said}",
                first.place(),
                named[-1].place(),
                probe=self.probe,
                precedents=self.precedents,
                gain_bpb=gain,
            )
        for line in lines[:3]:
            gain = drop(case, line)
            if gain is not None and gain > GAIN_BPB and not _is_explained(case, line):
                rounds, what = line.match["rounds"], line.match["what"]
                yield lead(
                    f"the log counts {rounds} rounds of {what}, and the score falls by {gain:.4f} bits per byte",
                    line.place(),
                    probe=self.probe,
                    precedents=self.precedents,
                    gain_bpb=gain,
                )
                named.append(line)
        if not named:
            yield passed("no log line shows training on validation tokens before the score")


def _is_explained(case: Case, line: Line) -> bool:
    """Whether the script that was read prints the line, and what it does there is not training on unscored tokens."""
    program = case.program
    if program is None or not program.functions or found(case, "adapt", "repeat", "window"):
        return False
    printed = re.compile(r"[\"'][^\"'\n]{0,40}" + re.escape(line.match["what"]) + r"\b", re.I)
    return any(printed.search(module.script.source) for module in program.modules)


def drop(case: Case, line: Line) -> float | None:
    """How far the claimed score lies below the last score before a line, in bits per byte; None where one of them is missing."""
    for result in case.claim.claimed:
        if result.run.file != line.file or result.metric is None or result.metric.val_bpb is None:
            continue
        before = [
            m.val_bpb
            for m in result.run.metrics
            if m.line < line.number
            and m.val_bpb is not None
            and m.family in ("pre_quant", "step", "post_quant", "sliding")
        ]
        before += [p.val_bpb for p in result.run.curve if p.line < line.number and p.val_bpb is not None]
        if before:
            return before[-1] - result.metric.val_bpb
    return None


class ValTrainReadme(Rule):
    """The README does not tell of training on the validation set"""

    code = "no-val-train.readme"
    remedy = REMEDY
    precedents = (Precedent(pr=44, text="validation-only training, said to be allowed on Discord, later refused"),)
    probe = "decoy-validation"

    def check(self, case: Case) -> Iterator[Finding]:
        if not case.submission.readme.text:
            yield unproven("there is no README")
            return
        told = list(readme_sentences(case, README))
        if told:
            yield lead(
                "the README tells of training on validation data",
                *told[:3],
                probe=self.probe,
                precedents=self.precedents,
            )
        else:
            yield passed("the README tells of no training on validation data")
