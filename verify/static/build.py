"""From a submission to its program: parse, index, settings, what is reached."""

import re

from verify.logs.model import Claim
from verify.static.index import index
from verify.static.pause import without_collection
from verify.static.program import Program
from verify.static.reach import reach
from verify.static.settings import effective
from verify.static.witness import Witness, claimed_text
from verify.submission.model import Script, Submission


def build(submission: Submission, main: Script, claim: Claim) -> Program | None:
    """See program.analyse."""
    with without_collection():
        return _build(submission, main, claim)


def _words(text: str) -> frozenset[str]:
    """Words of a text, those with a hyphen also as one: "n-gram" gives n, gram, ngram."""
    return frozenset(re.findall(r"[a-z0-9]+", text)) | frozenset(re.findall(r"[a-z0-9]+", text.replace("-", "")))


def _build(submission: Submission, main: Script, claim: Claim) -> Program | None:

    python = [main] + [helper for helper in submission.helpers if helper.path != main.path]
    python = [script for script in python if script.language == "python"]
    modules, unparsed = [], []
    for script in python:
        module = index(script)
        if module is None:
            unparsed.append(script)
        else:
            module.is_helper = script is not main
            modules.append(module)
    if not modules or main in unparsed:
        return Program([], [], {}, unparsed) if unparsed else None
    program = Program(
        [module.script for module in modules],
        [f for module in modules for f in module.functions],
        {},
        unparsed,
        modules,
    )
    for function in program.functions:
        program.by_short[function.short].append(function)
    program.cache["witness"] = Witness(claimed_text(submission, claim))
    program.cache["readme words"] = _words(submission.readme.text[:200_000].lower())
    effective(program, submission, claim)
    reach(program)
    return program
