"""What the rules about learning from validation data share: places of a suspicion, lines of the claimed logs, README sentences."""

import ast
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from verify.finding import QUOTE_CHARACTERS_MAX, Finding, Place, unproven
from verify.limits import LINE_CHARACTERS_MAX
from verify.rule import Case
from verify.static.event import Event
from verify.static.order import Suspicion, optimiser_call, suspicions
from verify.static.program import Program
from verify.submission.model import LogFile

LINES_MAX = 20_000  # of one log that a rule looks at
PREFIX_CHARACTERS_MAX = 90  # of a line before what is looked for: a time stamp, a label
TEXT_CHARACTERS_MAX = 8_000_000  # of one log
CODE = re.compile(r"[{}]|\bdef |\bimport |\bself\.|os\.environ|\breturn\b|^\s*#|\blog0\(|\bprint\(")
NEGATED = re.compile(
    r"\b(?:no|not|never|without|none|non|n't|isn't|don't|doesn't|cannot|avoid\w*|exclud\w*|illegal|forbid\w*|prohibit\w*|disallow\w*|"
    r"banned|violat\w*|instead of|rather than|unlike|vs\.?|false|disabled|removed|skip\w*|allowed|only if|rules?|must|already|"
    r"before it was|ablation|compliance|score[-_ ]first|causal\w*|scored|legal\w*|after scoring)\b|n't\b|=0\b|:0\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a claimed log."""

    file: str
    number: int
    text: str
    match: re.Match

    def place(self, note: str = "") -> Place:
        return Place(file=self.file, line=self.number, quote=self.text.strip()[:QUOTE_CHARACTERS_MAX], note=note)


def claimed_logs(case: Case) -> list[LogFile]:
    """The logs behind the claim; all of them where the claim is tied to none."""
    wanted = {result.run.file for result in case.claim.claimed}
    wanted |= {result.metric_run.file for result in case.claim.claimed if result.metric_run is not None}
    return [log for log in case.submission.logs if log.path in wanted] or list(case.submission.logs)


def log_lines(case: Case, pattern: re.Pattern, *needles: str) -> Iterator[Line]:
    """Lines of the claimed logs that hold one of the needles (lower case) and match, scripts that a log holds left out."""
    for log in claimed_logs(case):
        page = _page(case, log)
        numbers: set[int] = set()
        for needle in needles:
            at = page.lower.find(needle)
            while at >= 0 and len(numbers) < LINES_MAX:
                number = bisect_right(page.breaks, at)
                numbers.add(number)
                at = page.lower.find(needle, page.breaks[number] if number < len(page.breaks) else len(page.lower))
        for number in sorted(numbers):
            if any(first <= number + 1 <= last for first, last in page.sources):
                continue
            start = page.breaks[number - 1] + 1 if number else 0
            stop = page.breaks[number] if number < len(page.breaks) else len(page.text)
            line = page.text[start : min(stop, start + LINE_CHARACTERS_MAX)]
            match = pattern.search(line)
            if match is not None and match.start() <= PREFIX_CHARACTERS_MAX and not CODE.search(line):
                yield Line(log.path, number + 1, line, match)


@dataclass(slots=True, repr=False)
class _Page:
    """A log, made ready for looking things up."""

    text: str
    lower: str
    breaks: list[int]
    sources: list[tuple[int, int]]


def _page(case: Case, log: LogFile) -> _Page:
    pages: dict[str, _Page] = case.notes.setdefault("learning pages", {})  # type: ignore[assignment]
    if log.path not in pages:
        text = log.text[:TEXT_CHARACTERS_MAX]
        lower = text.lower()
        lower = lower if len(lower) == len(text) else text  # a few letters grow when they are made small
        sources = [
            (s.first_line, s.last_line) for parsed in case.logs if parsed.file == log.path for s in parsed.sources
        ]
        breaks, at = [], text.find("\n")
        while at >= 0:
            breaks.append(at)
            at = text.find("\n", at + 1)
        pages[log.path] = _Page(text, lower, breaks, sources)
    return pages[log.path]


def readme_sentences(case: Case, pattern: re.Pattern) -> Iterator[Place]:
    """README lines that match and deny nothing."""
    readme = case.submission.readme
    for number, line in enumerate(readme.text.splitlines(), 1):
        if len(line) < 2_000 and pattern.search(line) and not NEGATED.search(line):
            yield Place(file=readme.file or "README.md", line=number, quote=line.strip()[:QUOTE_CHARACTERS_MAX])


def found(case: Case, *kinds: str) -> list[Suspicion]:
    program = case.program
    if program is None or not program.functions:
        return []
    return [suspicion for suspicion in suspicions(program) if suspicion.kind in kinds]


def unread(case: Case) -> Finding | None:
    """Why nothing can be said from the code, where it cannot."""
    program = case.program
    if program is None:
        return unproven("there is no script that could be read", probe="update-trace")
    if not program.functions:
        places = [Place(file=script.path, note="no Python up to 3.12 parses this") for script in program.unparsed[:3]]
        return unproven("the script cannot be parsed", *places, probe="update-trace")
    if not suspicions(program) and program.cache.get("is cut"):
        return unproven("the script is nested too deep, or too large, to be followed to its end", probe="update-trace")
    return None


def places(program: Program, suspicion: Suspicion) -> list[Place]:
    """The lines of a suspicion: what learns, from which tokens, who calls it, what is scored afterwards, and the switch."""
    update, commit = suspicion.update, suspicion.commit
    verb = {
        "collect": "collects statistics here",
        "refill": "fills the table here",
        "prefill": "fills the table here",
    }.get(suspicion.kind, "learns here")
    lines = [program.place(update.function, update.node, f"{verb}, in {update.function.short}")]
    source = update.origins.labels.get("val")
    if source is not None:
        lines.append(program.place(source[0], source[1], "where the validation tokens come from"))
    if update.optimiser is not None and (made := optimiser_call(program, update)) is not None:
        lines.append(program.place(made[0], made[1], "the optimiser"))
    if suspicion.loop is not None:
        rounds = f", {suspicion.loop.count} rounds" if suspicion.loop.count else ""
        lines.append(program.place(suspicion.loop.function, suspicion.loop.node, f"the loop around it{rounds}"))
    if update.calls:
        caller, call = update.calls[-1]
        lines.append(program.place(caller, call, "called here"))
    if commit is not None:
        verb = "is read here" if suspicion.kind in ("refill", "prefill") else "the score is counted here"
        lines.append(program.place(commit.function, commit.node, f"{verb}, in {commit.function.short}"))
    return lines + switches(program, update)


def switches(program: Program, event: Event) -> list[Place]:
    """Settings that switch an event on, where the log or the run command gives them."""
    lines: list[Place] = []
    for _, node in (*event.calls, (event.function, event.node)):
        for above in program.ancestors(node):
            if not isinstance(above, ast.If):
                continue
            for part in ast.walk(above.test):
                name = part.attr if isinstance(part, ast.Attribute) else part.id if isinstance(part, ast.Name) else ""
                setting = program.settings.get(name.lower())
                if setting is not None and setting.value not in (None, False, 0, "") and setting.source != "default":
                    note = f"{setting.name} = {setting.value} ({setting.source})"
                    if all(line.note != note for line in lines):
                        lines.append(setting.place.model_copy(update={"note": note}))
    return lines[:2]
