"""Data kept inside the script: long literals that are neither code nor text."""

import ast
import re
from collections.abc import Iterator

from verify.finding import Finding, Place, lead
from verify.rule import Case
from verify.rules.scoring import CodeRule
from verify.static.patterns_code import Code

CHARACTERS_MIN = 20_000
NUMBERS_MIN = 2_000
PACKED = re.compile(r"[A-Za-z0-9+/=!#$%&()*;<>?@^_`{|}~.,:\[\]\\'\"-]{20000,}")


class Literals(CodeRule):
    """The script holds no weights, tables or text as literals."""

    code = "external-compute.literals"
    remedy = "Say in the README what the data is and how it was made; bytes in the script count."
    probe = "decoy-train"
    nothing = "the unpacked script holds no long literal that could be data"

    def look(self, case: Case, code: Code) -> Iterator[Finding]:
        for script in code.program.scripts:
            if script.language != "python":
                continue
            for number, line in enumerate(code.lines_of(script), 1):
                match = PACKED.search(line) if len(line) >= CHARACTERS_MIN else None
                if match:
                    yield lead(
                        f"a literal of {len(match.group()):,} characters without spaces: data kept in the script",
                        Place(file=script.path, line=number, quote=match.group()[:80], unpacked=script.is_packed),
                        probe=self.probe,
                        characters=len(match.group()),
                    )
        for module in code.program.modules:
            for name, definitions in module.body.definitions.items():
                for definition in definitions:
                    value = definition.value
                    if isinstance(value, ast.List | ast.Tuple) and len(value.elts) >= NUMBERS_MIN:
                        yield lead(
                            f"`{name}` is a list of {len(value.elts):,} literals: data kept in the script",
                            code.place(module.body, definition.statement),
                            probe=self.probe,
                            numbers=len(value.elts),
                        )
