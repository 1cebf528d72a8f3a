"""What a log shows of branches: a line that only one branch prints proves that the branch ran, whatever the defaults say."""

import ast
import re

from verify.logs.model import Claim
from verify.submission.model import Submission

LITERAL_CHARACTERS_MIN = 8
TEXT_MAX = 4_000_000  # characters of all claimed logs that are looked at
STAMP = re.compile(r"^(?:\[[^\]\n]{1,60}\]|\d[\d:.,\- ]{3,30}s?:?)[ \t]+(?:(?:INFO|DEBUG|root)\b[: ]*)?", re.M)
PRINTERS = re.compile(r"log|print|write|info|say|emit", re.I)


def claimed_text(submission: Submission, claim: Claim) -> str:
    """The claimed runs' logs, each line at a line start, time stamps left out."""
    wanted = {result.run.file for result in claim.claimed} or {result.run.file for result in claim.results}
    files = [log for log in submission.logs if log.path in wanted] or list(submission.logs)
    text = "\n".join(log.text for log in files)[:TEXT_MAX]
    if STAMP.match(text) or len(STAMP.findall(text[:200_000])) > 20:
        text = STAMP.sub("", text)
    return "\n" + text.replace("\r", "")


class Witness:
    """Says whether a branch printed something that stands in the claimed logs."""

    def __init__(self, text: str):
        self.text = text
        self.known: dict[str, bool] = {}

    def printed(self, statements) -> bool:
        """Whether a line of the log begins with a text that only these statements print."""
        return any(self.in_log(literal) for literal in _literals(statements))

    def in_log(self, literal: str) -> bool:
        if literal not in self.known:
            self.known[literal] = f"\n{literal}" in self.text
        return self.known[literal]


def _literals(statements):
    for statement in statements:
        for node in ast.walk(statement):
            if not (isinstance(node, ast.Call) and node.args):
                continue
            callee = node.func
            name = (
                callee.id if isinstance(callee, ast.Name) else callee.attr if isinstance(callee, ast.Attribute) else ""
            )
            if not PRINTERS.search(name):
                continue
            first = node.args[0]
            if isinstance(first, ast.JoinedStr) and first.values:
                first = first.values[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                literal = first.value.split("\n")[0].lstrip("\r")
                if len(literal.strip()) >= LITERAL_CHARACTERS_MIN and not literal.startswith(
                    ("step:", "=====", "-----")
                ):
                    yield literal
