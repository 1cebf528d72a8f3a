"""no-val-calib and no-train-at-eval: what quantisation, temperatures and evaluation tables are made from."""

import re
from collections.abc import Iterable, Iterator

from verify.finding import Finding, Place, Precedent, failed, lead, passed, unproven
from verify.rule import Case, Rule
from verify.rules.learning import OrderRule
from verify.rules.learning_evidence import NEGATED, Line, found, log_lines, places, unread
from verify.static.order import Suspicion

VAL_CALIBRATION = re.compile(
    r"(?i)(?:\busing val(?:idation)?(?: data| tokens| set)? for (?:gptq )?calibration|"
    r"\bval(?:idation)?[ _-]calib\w* (?:prepared|collected|done|using|with)\b|"
    r"\bcalibrat\w+ (?:on|with|from|using) (?:the )?val(?:idation)?\b).{0,120}"
)
SWEEP = re.compile(r"(?i)\b(?P<name>\w*(?:sweep|grid)\w*)\b(?=[^\n]*(?:\b|_)bpb[=: ]+(?P<bpb>\d+\.\d+)).{0,200}")
BEST = re.compile(r"(?i)\b\w*best\w*\b(?=[^\n]*(?:\b|_)bpb[=: ]+(?P<bpb>\d+\.\d+)).{0,200}")
PREFILL = re.compile(r"(?i)\bpre-?fill(?:ed|ing)\b[^\n]{0,60}(?:train\w*|\d[\d,]{6,} tokens).{0,120}")
RULING = (
    Precedent(pr=728, text='Hessians from validation tokens: "breaks autoregressivity"'),
    Precedent(pr=991, text="temperature chosen on re-scored tokens: refused"),
)


class CalibrationSource(OrderRule):
    """Quantisation collects its statistics from training or generated tokens, not from validation tokens"""

    code = "no-val-calib.source"
    remedy = "Calibrate on training shards inside the training time, or on generated tokens."
    precedents = RULING
    probe = "decoy-validation"

    kinds = ("collect",)
    nothing = "no statistics of validation tokens collected for quantisation were found in what the runs reach"

    def one_each(self, suspicions: Iterable[Suspicion]) -> list[Suspicion]:
        """One for each function that collects."""
        by_function: dict[str, Suspicion] = {}
        for suspicion in suspicions:
            by_function.setdefault(suspicion.update.function.name, suspicion)
        return list(by_function.values())

    def finding(self, case: Case, suspicion: Suspicion, lines: list[Place]) -> Finding:
        return self.lead(f"{suspicion.update.function.name} collects statistics from validation tokens", lines)


class CalibrationLogs(Rule):
    """No log says that validation data calibrates the quantisation or chooses a setting"""

    code = "no-val-calib.logs"
    remedy = CalibrationSource.remedy + " Fix settings before the scored run; report every setting tried, not the best."
    precedents = RULING
    probe = "decoy-validation"

    def check(self, case: Case) -> Iterator[Finding]:
        if not case.submission.logs:
            yield unproven("there is no log")
            return
        lines = [line for line in log_lines(case, VAL_CALIBRATION, "calib") if not NEGATED.search(line.text)]
        if lines:
            yield failed(
                "the log says that validation data is used for calibration",
                *[line.place() for line in lines[:3]],
                precedents=self.precedents,
            )
        chosen = _chosen(case)
        if chosen:
            yield lead(
                "a sweep over settings is scored on the validation set, and its best is reported",
                *[line.place() for line in chosen],
                probe="candidate-sweep",
                precedents=self.precedents,
            )
        if not lines and not chosen:
            yield passed("no log line tells of calibration on validation data")


def _chosen(case: Case) -> list[Line]:
    """Lines of a sweep whose smallest score is the claimed one: at least two settings with scores, and a line that says best."""
    sweeps = [line for line in log_lines(case, SWEEP, "sweep", "grid")]
    by_file: dict[str, list[Line]] = {}
    for line in sweeps:
        by_file.setdefault(line.file, []).append(line)
    for line in log_lines(case, BEST, "best"):
        rows = by_file.get(line.file, [])
        values = {row.match["bpb"] for row in rows}
        if rows and line.match["bpb"] == min(values, key=float) and line.number >= rows[0].number:
            return [*rows[-2:], line]
    return []


class TrainAtEval(Rule):
    """Evaluation holds nothing made from training data that is not in the artifact"""

    code = "no-train-at-eval.source"
    remedy = "Put what evaluation needs from training data into the artifact, and count its bytes."
    precedents = (Precedent(pr=945, text="n-gram tables filled from the training shards, not in the artifact: closed"),)
    probe = "isolation"

    def check(self, case: Case) -> Iterator[Finding]:
        lines = list(log_lines(case, PREFILL, "prefill", "pre-fill"))
        if lines:
            yield lead(
                "the log says that tables for evaluation are filled from training tokens",
                *[line.place() for line in lines[:3]],
                probe=self.probe,
                precedents=self.precedents,
            )
        blind = unread(case)
        suspects = found(case, "prefill")
        if blind is not None:
            yield blind
        elif case.program is not None:
            for suspicion in suspects[:2]:
                table = suspicion.update.name.lstrip(".")
                yield lead(
                    f"{table} is filled from training tokens and read while validation tokens are scored",
                    *places(case.program, suspicion),
                    probe=self.probe,
                    precedents=self.precedents,
                )
        if not lines and not suspects and blind is None:
            yield passed("no table made from training tokens was found in the evaluation that the runs reach")
