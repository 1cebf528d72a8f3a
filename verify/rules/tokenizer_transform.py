"""Tokenizers that change the text, or that are made by the run itself."""

import ast
import re
from collections.abc import Iterator

from verify.finding import Finding, Place, Precedent, lead, passed, warned
from verify.rule import Case, Rule
from verify.rules.scoring import CodeRule
from verify.rules.scoring_gate import claimed_runs
from verify.static.patterns import last
from verify.static.patterns_code import Code

CASEFOLD = re.compile(r"case[-_ ]?fold", re.I)
LOWER = re.compile(r"\.(?:lower|casefold)\(\)")
PRECEDENTS = (
    Precedent(pr=1578, text="case-folded text: no ruling recorded, never on the board (issue #1604)"),
    Precedent(pr=1729, text="accepted: reversible case markers with a byte count of the original text"),
)


class LossyText(Rule):
    """The text that is scored can be decoded from its tokens: nothing such as letter case is thrown away before."""

    code = "tokenizer.transform"
    remedy = "Make the transform reversible (CaseOps) and take bytes from the original text."
    precedents = PRECEDENTS
    probe = "byte-recount"

    def check(self, case: Case) -> Iterator[Finding]:
        places = list(_signs(case))
        if places:
            yield warned(
                "the tokenizer or its data are case-folded: the scored text is not the validation text, and case cannot be decoded",
                *places[:4],
                precedents=self.precedents,
            )
        else:
            yield passed("no sign of text that is changed for good before it is tokenised")


def _signs(case: Case) -> Iterator[Place]:
    """Names that say so: the title, the tokenizer and data set of the claimed runs, files of the folder, settings."""
    submission = case.submission
    if CASEFOLD.search(submission.readme.title) and submission.readme.file:
        yield Place(file=submission.readme.file, line=1, quote=submission.readme.title, note="title")
    if submission.metadata.name and CASEFOLD.search(submission.metadata.name) and submission.metadata.file:
        line = submission.metadata.lines.get("name")
        yield Place(file=submission.metadata.file, line=line, quote=submission.metadata.name, note="name")
    for run in claimed_runs(case)[:3]:
        values = [
            run.tokenizer,
            *(run.settings.get(name) for name in ("tokenizer_path", "datasets_dir", "data_path", "val_files")),
        ]
        for value in values:
            if value is not None and CASEFOLD.search(str(value.value)):
                yield run.place(value, "tokenizer or data of the run")
                break
    for path in submission.tokenizers:
        if CASEFOLD.search(path):
            yield Place(file=path, note="tokenizer")
    program = case.program
    for setting in program.settings.values() if program else ():
        if isinstance(setting.value, str) and CASEFOLD.search(setting.value):
            yield setting.place


class TokenizerMade(CodeRule):
    """The tokenizer is a file, not something the run trains."""

    code = "tokenizer.trained"
    remedy = "Train the tokenizer beforehand, ship the model file, and show how validation bytes are counted with it."
    probe = "byte-recount"
    nothing = "the reached code trains no tokenizer"

    def look(self, case: Case, code: Code) -> Iterator[Finding]:
        for function, scope in code.having(
            "SentencePieceTrainer", "BpeTrainer", "train_from_iterator", "train_new_from_iterator"
        ):
            for call in scope.of(ast.Call):
                name = last(call)
                if name in {"train_from_iterator", "train_new_from_iterator"} or (
                    name.lower() == "train" and "SentencePieceTrainer" in ast.dump(call.func)
                ):
                    yield lead(
                        "the run trains its own tokenizer, so its token counts and bytes cannot be compared with anybody's",
                        code.place(function, call),
                        probe=self.probe,
                    )
