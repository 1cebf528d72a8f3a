"""The script's settings in the claimed runs: what the log printed, else what the run command sets, else the default.

Read from class attributes (`class Hyperparameters`), dataclass fields, attributes set in a configuration's __init__,
argparse options, and module-level names; environment reads inside them are folded with the run command's environment.
"""

import ast
import re

from verify.finding import Place
from verify.logs.model import Claim
from verify.static.fold import UNKNOWN, environment_key, fold
from verify.static.program import Function, Module, Program, Setting
from verify.submission.model import Submission

OPTION = re.compile(r"--([A-Za-z][\w-]*)(?:[= ]+([^\s\\-][^\s\\]*))?")
SWITCHES = {"store_true": False, "store_false": True}  # action of an option -> what it is without the option
WORDS = {"true": True, "false": False, "none": None, "yes": True, "no": False}


def effective(program: Program, submission: Submission, claim: Claim) -> None:
    """Fill program.settings."""
    program.environment = {name: place.quote for name, place in submission.readme.environment.items()}
    logged = _logged(claim)
    program.logged = {name: text for name, (text, _) in logged.items()}
    options = _options(submission)
    classes: set[str] = set()
    program.cache["configuration classes"] = classes
    for module in program.modules:
        for name in module.classes:
            if _is_configuration(module, name):
                classes.add(name)
    for module in program.modules:
        for name in classes & set(module.classes):
            for attribute, value, function in _attributes(module, name):
                _add(program, function, attribute, value, logged, submission)
        _argparse(program, module, options, logged)
        for name, definitions in list(module.body.definitions.items()):
            value = definitions[0].value
            is_constant = len(definitions) == 1 and definitions[0].kind == "assign"
            if is_constant and value is not None and _environment_name(program, module.body, value):
                _add(program, module.body, name, value, logged, submission)
    _overwritten(program, classes)


def _logged(claim: Claim) -> dict[str, tuple[str, Place]]:
    """Settings of the claimed runs' logs; where runs disagree, the first says it."""
    found: dict[str, tuple[str, Place]] = {}
    runs = [result.run for result in claim.claimed] or [result.run for result in claim.results]
    for run in runs:
        for name, value in run.settings.items():
            found.setdefault(name.lower(), (value.value, run.place(value)))
    return found


def _is_configuration(module: Module, name: str) -> bool:
    node = module.classes[name]
    lower = name.lower()
    if (
        "hyperparam" in lower
        or "config" in lower
        or lower in ("args", "hparams", "hp", "settings", "h", "cfg", "hyperparameters")
    ):
        return True
    values = [s.value for s in node.body if isinstance(s, (ast.Assign, ast.AnnAssign)) and s.value is not None]
    return (
        sum(1 for v in values for n in ast.walk(v) if isinstance(n, ast.Attribute) and n.attr in ("environ", "getenv"))
        >= 3
    )


def _attributes(module: Module, name: str):
    """(name, expression, function whose scope it is in) of every field of a configuration class."""
    for statement in module.classes[name].body:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    yield target.id, statement.value, module.body
                elif (
                    isinstance(target, ast.Tuple)
                    and isinstance(statement.value, ast.Tuple)
                    and len(target.elts) == len(statement.value.elts)
                ):
                    for element, value in zip(target.elts, statement.value.elts, strict=True):
                        if isinstance(element, ast.Name):
                            yield element.id, value, module.body
        elif (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and statement.value is not None
        ):
            yield statement.target.id, statement.value, module.body
    for attribute, found in module.attributes.get(name, {}).items():
        for function, definition in found:
            if definition.kind == "assign" and definition.value is not None:
                yield attribute, definition.value, function


def _environment_name(program: Program, function: Function, value: ast.expr) -> str:
    """The environment variable that an expression reads, or that a helper is asked for."""
    for node in ast.walk(value):
        if isinstance(node, (ast.Call, ast.Subscript)):
            read = environment_key(program, function, node)
            if read is not None:
                return read[0]
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                first = node.args[0]
                if (
                    isinstance(first, ast.Constant)
                    and isinstance(first.value, str)
                    and re.fullmatch(r"[A-Z][A-Z0-9_]+", first.value)
                ):
                    return first.value
    return ""


def _add(program: Program, function: Function, name: str, value: ast.expr, logged, submission: Submission) -> None:
    key = name.lower()
    variable = _environment_name(program, function, value)
    default = fold(program, function, _unfield(value))
    place = program.place(function, value)
    source = "default"
    if variable in submission.readme.environment:
        source, place = "command", submission.readme.environment[variable]
    entry = logged.get(key) or (logged.get(variable.lower()) if variable else None)
    if entry is not None:
        read = _read(entry[0], default)
        if read is not UNKNOWN:
            default, source, place = read, "log", entry[1]
    settled = default if default is not UNKNOWN and isinstance(default, (str, int, float, bool)) else None
    program.settings[key] = Setting(key, settled, source, place, variable)  # type: ignore[arg-type]
    if variable:
        program.settings.setdefault(variable.lower(), program.settings[key])


def _unfield(value: ast.expr) -> ast.expr:
    """The default of dataclasses.field(default=...)."""
    if isinstance(value, ast.Call) and isinstance(value.func, (ast.Name, ast.Attribute)):
        name = value.func.id if isinstance(value.func, ast.Name) else value.func.attr
        if name == "field":
            return next((k.value for k in value.keywords if k.arg == "default"), value)
    return value


def _read(text: str, like):
    """A printed value, as the type that the default has."""
    text = str(text).strip().strip(",'\"")
    lower = text.lower()
    if lower in WORDS:
        return WORDS[lower] if WORDS[lower] is not None else UNKNOWN
    if isinstance(like, str):
        return text
    try:
        number = float(text) if any(c in text for c in ".eEn") else int(text)
    except ValueError:
        return text if like is UNKNOWN or like is None else UNKNOWN
    return bool(number) if isinstance(like, bool) else number


def _options(submission: Submission) -> dict[str, tuple[str, Place]]:
    """--name value pairs of the run commands."""
    found: dict[str, tuple[str, Place]] = {}
    for place in submission.readme.commands:
        _, script, tail = place.quote.partition(".py")
        for name, value in OPTION.findall(tail if script else ""):
            found.setdefault(name.replace("-", "_").lower(), (value, place))
    return found


def _argparse(program: Program, module: Module, options, logged) -> None:
    for function in module.functions:
        for call in function.nodes(ast.Call):
            if not (isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument" and call.args):
                continue
            names = [fold(program, function, a) for a in call.args]
            named = {k.arg: k.value for k in call.keywords}
            long = [n for n in names if isinstance(n, str) and n.startswith("--")] or [
                n for n in names if isinstance(n, str)
            ]
            if not long:
                continue
            wanted = (
                fold(program, function, named["dest"]) if "dest" in named else long[0].lstrip("-").replace("-", "_")
            )
            if not isinstance(wanted, str):
                continue
            action = fold(program, function, named.get("action"))
            value: object = SWITCHES.get(action) if isinstance(action, str) else None
            if "default" in named:
                value = fold(program, function, named["default"])
            elif value is None:
                value = UNKNOWN
            source, place = "default", program.place(function, call)
            given = options.get(long[0].lstrip("-").replace("-", "_").lower())
            if given is not None:
                source, place = "command", given[1]
                value = not SWITCHES[action] if action in SWITCHES else _read(given[0], value)
            entry = logged.get(wanted.lower())
            if entry is not None and (read := _read(entry[0], value)) is not UNKNOWN:
                value, source, place = read, "log", entry[1]
            settled = value if isinstance(value, (str, int, float, bool)) else None
            program.settings[wanted.lower()] = Setting(wanted.lower(), settled, source, place, long[0])  # type: ignore[arg-type]


def _overwritten(program: Program, classes: set[str]) -> None:
    """A setting that the program itself changes later is not known, unless it was printed."""
    for function in program.functions:
        if function.owner in classes:
            continue
        for node in function.nodes(ast.Assign, ast.AugAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if not (isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name)):
                    continue
                key = target.attr.lower()
                setting = program.settings.get(key)
                if setting is None or target.value.id == "self":
                    continue
                if isinstance(target.value, ast.Name) and target.value.id in (
                    "args",
                    "h",
                    "hp",
                    "cfg",
                    "config",
                    "opt",
                    *classes,
                ):
                    program.settings[key] = Setting(
                        key, None, setting.source, program.place(function, node), setting.environment
                    )
