"""What the program fetches from outside, and which packages and binaries it needs."""

import ast
import re
import sys
from collections.abc import Iterator

from verify import limits
from verify.finding import Finding, Place, Precedent, lead, passed, warned
from verify.rule import Case, Rule
from verify.rules.scoring import CodeRule
from verify.static.patterns import Scope, dotted, last
from verify.static.patterns_code import Code, code_of
from verify.static.program import Function

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
INSTALL = re.compile(r"\bpip[0-9.]*\b.{0,40}\b(?:install|download)\b|\b(?:apt|apt-get|conda|uv)\b.{0,20}\binstall\b|ensurepip|get-pip")
DECLARING = re.compile(r"requirements[^/]*\.txt$|\.md$|(?:setup|install)[^/]*\.sh$|dockerfile$", re.I)
COMPILED = (".so", ".pyd", ".dll", ".dylib", ".whl", ".o", ".a", ".pyc", ".cubin", ".ptx")
NEEDLES = (*FETCHES, *(f"{client}." for client in CLIENTS))
PROBE = "network-none"
LRZIP = Precedent(pr=1855, text="accepted: shells out to lrzip, declared in requirements.txt (issue #1856)")
KNOWN_BINARIES = {"nvidia-smi", "git", "gcc", "g++", "cc", "c++", "clang", "nvcc", "ldconfig", "which", "uname", "hostname", "free", "lscpu",
                  "python", "python3", "torchrun", "pip", "pip3", "sh", "bash", "ls", "cat", "echo", "rm", "cp", "mkdir", "nproc", "df", "pyminify",
                  "cmake", "make", "ninja", "sync", "env", "date", "test", "head", "tail", "grep"}  # fmt: skip


class Network(CodeRule):
    """The program fetches nothing from outside while it trains or is evaluated."""

    code = "self-contained.network"
    remedy = "Fetch data and packages beforehand; the run must pass with the network off."
    precedents = (Precedent(text="README FAQ: no external downloads, no network calls during evaluation; the artifact is self-contained"),)
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
                elif text and INSTALL.search(text) and not _is_fallback(scope, call):
                    yield self._lead("the run installs packages", code.place(function, call))

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


def _is_fallback(scope: Scope, call: ast.Call) -> bool:
    """Whether a package is installed only where its import fails: nothing happens in an image that has it."""
    return isinstance(scope.within(call, ast.ExceptHandler), ast.ExceptHandler)


class Compiled(Rule):
    """The folder ships no compiled code."""

    code = "packages.compiled"
    remedy = "Ship the source and compile it, or name the wheel in requirements.txt."
    precedents = (Precedent(pr=1585, text="a CUTLASS extension as a compiled .so beside the script"),)

    def check(self, case: Case) -> Iterator[Finding]:
        found = [info for info in case.submission.files if info.path.endswith(COMPILED)]
        if found:
            yield warned(
                "the folder ships compiled code, which cannot be read",
                *(Place(file=info.path, note=f"{info.bytes:,} bytes" if info.bytes else "") for info in found[:4]),
                precedents=self.precedents,
            )
        else:
            yield passed("the folder ships no compiled code")


class Binaries(CodeRule):
    """Programs the run starts are part of every Linux image, or declared."""

    code = "packages.binaries"
    remedy = "Name the system package in requirements.txt (as a comment with the apt line) and in the README."
    precedents = (LRZIP,)
    probe = PROBE
    nothing = "the run starts no program that is not declared"

    def check(self, case: Case) -> Iterator[Finding]:
        for finding in super().check(case):
            if finding.status.value == "pass":
                code = code_of(case)
                found = sorted({name for name, *_ in _binaries(code) if _declared(case, name)}) if code else []
                yield passed(f"the run starts {', '.join(found)}, which is declared" if found else self.nothing)
            else:
                yield finding

    def look(self, case: Case, code: Code) -> Iterator[Finding]:
        seen = set()
        for name, function, call in _binaries(code):
            if name in seen or _declared(case, name):
                continue
            seen.add(name)
            yield warned(
                f"the run starts the program `{name}`, which neither requirements nor README name",
                code.place(function, call),
                precedents=self.precedents,
            )


def _declared(case: Case, name: str) -> bool:
    """Whether requirements or a README name a program, in a comment too."""
    submission = case.submission
    if name in submission.requirements or name in submission.readme.text.lower():
        return True
    papers = [info for info in submission.files if info.kind == "file" and DECLARING.search(info.path)]
    return any(name.encode() in submission.tree.read(info.path, limits.TEXT_BYTES_MAX).lower() for info in papers[:10])


def _binaries(code: Code) -> Iterator[tuple[str, Function, ast.Call]]:
    """Programs started by a literal name: (name, function, call)."""
    for function, scope in code.having("subprocess", "os.system"):
        for call in scope.calls(*RUNNERS):
            if not call.args or not dotted(call.func).startswith(("subprocess.", "os.")):
                continue
            argument = call.args[0]
            if isinstance(argument, ast.List | ast.Tuple) and argument.elts:
                argument = argument.elts[0]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and argument.value.strip():
                name = argument.value.split()[0].rpartition("/")[2].lower()
                if re.fullmatch(r"[a-z][\w.+-]{1,30}", name) and name not in KNOWN_BINARIES:
                    yield name, function, call


IN_IMAGE = {"torch", "numpy", "sentencepiece", "triton", "huggingface_hub", "datasets", "tqdm", "tiktoken", "kernels", "setuptools",
            "typing_extensions", "tokenizers", "packaging", "scipy", "regex"}  # fmt: skip


class Imports(CodeRule):
    """Packages that the run imports are declared."""

    code = "packages.imports"
    remedy = "List the package with its version in requirements.txt."
    precedents = (Precedent(text="README FAQ (20 March): any library, listed in requirements.txt and README"),)
    nothing = "every imported package is declared or part of the image"

    def look(self, case: Case, code: Code) -> Iterator[Finding]:
        known = IN_IMAGE | set(sys.stdlib_module_names) | {module.stem for module in code.program.modules}
        declared = {name.replace("-", "_") for name in case.submission.requirements}
        text = case.submission.readme.text.lower().replace("-", "_")
        files = {info.path.rpartition("/")[2].partition(".")[0] for info in case.submission.files}
        files |= {info.path.partition("/")[0] for info in case.submission.files if "/" in info.path}
        missing: dict[str, Place] = {}
        for function in code.functions:
            for node in function.kinds.get(ast.Import, []) + function.kinds.get(ast.ImportFrom, []):
                if getattr(node, "is_dead", False) or getattr(node, "level", 0):
                    continue
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
                for name in names:
                    top = name.partition(".")[0]
                    if not top or top in known or top in files or top.lower() in declared or top.lower() in text or top in missing:
                        continue
                    if _tried(node):
                        continue
                    missing[top] = code.place(function, node)
        if missing:
            yield passed(
                f"imported and neither declared nor named in the README, for information: {', '.join(sorted(missing))}",
                *list(missing.values())[:4],
            )


def _tried(node: ast.AST) -> bool:
    """Whether the program goes on where the import fails."""
    above = getattr(node, "parent", None)
    while above is not None and not isinstance(above, ast.Module):
        if isinstance(above, ast.Try):
            return True
        above = getattr(above, "parent", None)
    return False
