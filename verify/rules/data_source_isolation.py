"""What the program fetches from outside while it runs."""

import ast
import re
from collections.abc import Iterator

from verify.finding import Finding, Place, Precedent, lead
from verify.rule import Case
from verify.rules.scoring import CodeRule
from verify.static.patterns import Scope, dotted, last
from verify.static.patterns_code import Code

FETCHES = {
    "urlopen": "opens a URL",
    "urlretrieve": "downloads a file",
    "snapshot_download": "downloads a repository",
    "hf_hub_download": "downloads a file",
    "load_dataset": "streams or downloads a data set",
    "load_state_dict_from_url": "downloads weights",
    "download_url_to_file": "downloads a file",
    "create_connection": "opens a connection",
}
CLIENTS = {"requests", "httpx", "aiohttp", "gdown", "wget", "boto3"}
METHODS = {"get", "post", "request", "download", "client", "stream", "resource"}
RUNNERS = {"run", "call", "check_call", "check_output", "Popen", "system", "popen", "getoutput", "getstatusoutput"}
REMOTE = re.compile(r"https?://|\b(?:curl|wget|git clone|gdown|aws s3|huggingface-cli|hf download|kaggle|scp|rsync)\b")
NEEDLES = (*FETCHES, *(f"{client}." for client in CLIENTS))
PROBE = "network-none"


class Network(CodeRule):
    """The program fetches nothing from outside while it trains or is evaluated."""

    code = "self-contained.network"
    remedy = "Fetch data and packages beforehand; the run must pass with the network off."
    precedents = (
        Precedent(
            text="README FAQ: no external downloads, no network calls during evaluation; the artifact is self-contained"
        ),
    )
    probe = PROBE
    nothing = "the reached code opens no connection and downloads nothing"

    def look(self, case: Case, code: Code) -> Iterator[Finding]:
        for function, scope in code.having(*NEEDLES):
            for call in scope.of(ast.Call):
                what = _fetch(scope, call)
                if what:
                    yield self._lead(f"the run {what}", code.place(function, call))
        for function, scope in code.having("subprocess", "os.system", "os.popen"):
            for call in scope.calls(*RUNNERS):
                text = _command(scope, call)
                if text and REMOTE.search(text):
                    yield self._lead("the run starts a program that fetches from outside", code.place(function, call))

    def _lead(self, sentence: str, place: Place) -> Finding:
        return lead(sentence, place, probe=self.probe, precedents=self.precedents)


def _fetch(scope: Scope, call: ast.Call) -> str | None:
    name = last(call)
    if name in FETCHES:
        imported = scope.function.module.imports if scope.function.module else {}
        own = scope.function.module.body.nested if scope.function.module else {}
        return FETCHES[name] if name in imported or name not in own else None
    if name in METHODS and dotted(call.func).partition(".")[0] in CLIENTS:
        return "opens a connection"
    return None


def _command(scope: Scope, call: ast.Call) -> str:
    """The literal words of a command."""
    if not call.args:
        return ""
    owner = dotted(call.func)
    if not owner.startswith(("subprocess.", "os.", "sp.")) and owner not in RUNNERS and "subprocess" not in owner:
        return ""
    words = []
    for node in scope.behind(call.args[0], 2):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            words.append(node.value)
    return " ".join(words)
