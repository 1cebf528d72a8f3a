"""Which text the run trains on, and whether training text is read again when it is evaluated."""

import ast
import re
from collections.abc import Iterator

from verify.finding import Finding, Precedent, lead, passed
from verify.rule import Case, Rule
from verify.rules.scoring import CodeRule
from verify.rules.scoring_gate import claimed_runs
from verify.static.patterns import dotted, last
from verify.static.patterns_code import Code

PROBE = "decoy-train"
VALIDATION = re.compile(r"(?:^|[_/.-])val(?:id(?:ation)?)?(?:[_/.*-]|$)", re.I)
TRAIN_NAMES = ("train_files", "train_pattern", "train_glob", "train_data", "data_pattern")
FILLING = re.compile(
    r"prefill|pre_fill|prewarm|pre_warm|warm_start|build_oracle|fill_from|train_oracle|seed_table|oracle", re.I
)
PREFILL = Precedent(pr=945, text="n-gram tables filled from training shards at start-up; closed with its family")


class TrainingText(CodeRule):
    """The run trains on the challenge's training shards."""

    code = "train-data.source"
    remedy = (
        "Train on the published FineWeb shards, or show that the other text is disjoint from the validation documents."
    )
    precedents = (Precedent(pr=44, text="training on the validation shard: reversed by the README"),)
    probe = PROBE
    nothing = "the reached code trains on shards of the challenge, as far as names say"

    def look(self, case: Case, code: Code) -> Iterator[Finding]:
        for function, scope in code.having("load_dataset"):
            for call in scope.calls("load_dataset"):
                yield lead("the run loads another corpus", code.place(function, call), probe=self.probe)
        for name in TRAIN_NAMES:
            setting = code.program.settings.get(name)
            if setting and isinstance(setting.value, str) and VALIDATION.search(setting.value.rpartition("/")[2]):
                yield lead(
                    f"the training files are a pattern of validation shards: {setting.value}",
                    setting.place,
                    probe=self.probe,
                    precedents=self.precedents,
                )


class PrefilledLog(Rule):
    """No statistics of training text are read at evaluation unless they are in the artifact."""

    code = "no-train-at-eval.log"
    remedy = "Pack the tables into the artifact and count their bytes, or fill them from scored tokens only."
    precedents = (PREFILL,)
    probe = PROBE

    def check(self, case: Case) -> Iterator[Finding]:
        found = [
            (run, event)
            for run in claimed_runs(case)
            for event in run.events
            if event.kind == "prefill" and re.match(r"\s*prefill", event.text)
        ]
        if found:
            yield lead(
                "the log says that n-gram tables were filled with training tokens, and nothing says that they are in the artifact",
                *(run.place(event) for run, event in found[:3]),
                probe=self.probe,
                precedents=self.precedents,
            )
        else:
            yield passed("no claimed log speaks of tables filled from training text")


class Prefilled(CodeRule):
    """Tables of an evaluation mixer are not filled from training shards."""

    code = "no-train-at-eval.prefill"
    remedy = "Pack the tables into the artifact and count their bytes, or fill them from scored tokens only."
    precedents = (PREFILL,)
    probe = PROBE
    nothing = "no reached code fills tables of the evaluation from training shards"

    def look(self, case: Case, code: Code) -> Iterator[Finding]:
        for function, scope in code.having("fill", "warm", "oracle", also=("train",)):
            for call in scope.of(ast.Call):
                if not FILLING.search(last(call)):
                    continue
                for argument in [*call.args, *(item.value for item in call.keywords)]:
                    reads = scope.rests_on(
                        argument,
                        lambda part: (
                            isinstance(part, ast.Name | ast.Attribute)
                            and any(
                                word in dotted(part).lower()
                                for word in ("train_files", "train_shard", "train_pattern", "train_loader")
                            )
                        ),
                        3,
                    )
                    if reads is not None:
                        yield lead(
                            "tables are filled from training shards in the process that evaluates; unless the artifact holds them, "
                            "evaluation reads training text",
                            code.place(function, call),
                            probe=self.probe,
                            precedents=self.precedents,
                        )
                        break
