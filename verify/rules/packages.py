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
                    if name in known()["binaries"] and program.live(call):
                        found.setdefault(name, program.place(function, call))
        for name, place in found.items():
            is_declared = name in case.submission.requirements or name in case.submission.readme.text.lower()
            how = "declared" if is_declared else "declared nowhere"
            yield weighed(self, case, "system_binary", f"The script runs {name}, {how}.", place)
        if not found:
            yield passed("The script runs no program outside Python that it would need installed.")


def program_of(call: ast.Call) -> str | None:
    """The program that a subprocess call runs, where it is written out."""
    callee = ast.unparse(call.func) if isinstance(call.func, ast.Attribute) else ""
    if not (callee.startswith("subprocess.") or callee in ("os.system", "os.popen", "shutil.which")) or not call.args:
        return None
    first = call.args[0]
    if isinstance(first, (ast.List, ast.Tuple)) and first.elts:
        first = first.elts[0]
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return PurePosixPath(first.value.split()[0]).name if first.value.split() else None
    return None
