"""packages: libraries and system tools that the script needs are declared in requirements.txt or the README."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

import yaml

from verify.facts.grade import listed, weighed
from verify.finding import Finding, Place, Precedent, passed, unproven
from verify.rule import Case, Rule

PROCESS_CALLS = frozenset({("os", "system"), ("os", "popen"), ("shutil", "which")})
COMPILED = re.compile(r"\.(?:so(?:\.\d+)*|pyd|dll|dylib|o|a|pyc|cubin|ptx|exe)$", re.I)


@cache
def known() -> dict:
    return yaml.safe_load((files("verify.facts") / "packages.yaml").read_text())


class Declared(Rule):
    """Every package that the script imports is the standard library's, the challenge image's, or declared."""

    code = "packages.declared"
    remedy = "List every package in requirements.txt, and what apt installs in the README."

    def check(self, case: Case) -> Iterator[Finding]:
        program = case.program
        if program is None or not program.modules:
            yield unproven("There is no script that can be parsed, so its imports cannot be told.")
            return
        own = {PurePosixPath(script.path).stem for script in case.submission.scripts}
        own |= {PurePosixPath(info.path).parts[0] for info in case.submission.files if "/" in info.path}
        declared = {normal(package) for package in case.submission.requirements}
        text = case.submission.readme.text.lower()
        missing: dict[str, Place] = {}
        for module in program.modules:
            for function in module.functions:
                for node in (*function.nodes(ast.Import), *function.nodes(ast.ImportFrom)):
                    # Where the import may fail the program goes on without it.
                    if not program.live(node) or any(isinstance(above, ast.Try) for above in program.ancestors(node)):
                        continue
                    for package in roots(node):
                        if package in sys.stdlib_module_names or package in own or package in known()["image"]:
                            continue
                        names = {normal(package), *map(normal, known()["distributions"].get(package, ()))}
                        if not names & declared and not any(name in text for name in names):
                            missing.setdefault(package, program.place(function, node))
        if missing:
            sentence = f"Imported and declared nowhere: {listed(missing)}."
            yield weighed(self, case, "undeclared", sentence, *missing.values())
        else:
            yield passed("Every package that is imported is known or declared.")


def roots(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    return [node.module.partition(".")[0]] if node.module and not node.level else []


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


class Compiled(Rule):
    """The folder holds no compiled file, whose source nobody counts."""

    code = "packages.compiled"
    remedy = "Ship the source and compile it when it runs."

    def check(self, case: Case) -> Iterator[Finding]:
        files = [info for info in case.submission.files if COMPILED.search(info.path)]
        if files:
            named = listed(f"{info.path} ({info.bytes or 0:,} bytes)" for info in files)
            yield weighed(
                self, case, "compiled", f"Compiled files: {named}.", *(Place(file=info.path) for info in files[:6])
            )
        else:
            yield passed("The folder holds no compiled file.")


class Installs(Rule):
    """The script installs nothing while it runs."""

    code = "packages.installs"
    remedy = "Declare packages in requirements.txt; the image is built before the run."

    def check(self, case: Case) -> Iterator[Finding]:
        program = case.program
        if program is None or not program.modules:
            yield unproven("There is no script that can be parsed, so what it installs cannot be told.")
            return
        places = [
            program.place(function, call)
            for module in program.modules
            for function in module.functions
            if function.reached is not False
            for call in function.nodes(ast.Call)
            if program.live(call) and is_install(call)
        ]
        if places:
            yield weighed(self, case, "installs", "The script installs packages while it runs.", *places[:4])
        else:
            yield passed("The script installs nothing while it runs.")


def is_install(call: ast.Call) -> bool:
    if not is_process(call):
        return False
    words = [
        word
        for node in ast.walk(call)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for word in node.value.split()
    ]
    return "install" in words and any(word in ("pip", "pip3", "apt", "apt-get", "uv", "conda") for word in words)


def is_process(call: ast.Call) -> bool:
    """Whether a call runs a program: subprocess.X, os.system, os.popen, shutil.which."""
    function = call.func
    if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Name):
        return False
    return function.value.id == "subprocess" or (function.value.id, function.attr) in PROCESS_CALLS


class SystemBinaries(Rule):
    """Programs outside Python that the script runs for its artifact are declared."""

    code = "packages.binaries"
    remedy = "Say in requirements.txt and README which system package the script runs."
    precedents = (Precedent(pr=1855, text="accepted with lrzip, declared; questioned in issue 1856"),)

    def check(self, case: Case) -> Iterator[Finding]:
        program = case.program
        if program is None or not program.modules:
            yield unproven("There is no script that can be parsed, so what it runs cannot be told.")
            return
        found: dict[str, Place] = {}
        for module in program.modules:
            for function in module.functions:
                if function.reached is False:
                    continue
                for call in function.nodes(ast.Call):
                    name = program_of(call)
                    if name is not None and name in known()["binaries"] and program.live(call):
                        found.setdefault(name, program.place(function, call))
        for name, place in found.items():
            if name in case.submission.requirements or name in case.submission.readme.text.lower():
                yield weighed(self, case, "binary_declared", f"The script runs {name}, declared.", place)
            else:
                yield weighed(self, case, "binary_undeclared", f"The script runs {name}, declared nowhere.", place)
        if not found:
            yield passed("The script runs no program outside Python that it would need installed.")


def program_of(call: ast.Call) -> str | None:
    """The program that a subprocess call runs, where it is written out."""
    if not call.args or not is_process(call):
        return None
    first = call.args[0]
    if isinstance(first, (ast.List, ast.Tuple)) and first.elts:
        first = first.elts[0]
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return PurePosixPath(first.value.split()[0]).name if first.value.split() else None
    return None
