"""package-files: one folder with README.md, submission.json, logs, and a train_gpt.py that runs from there."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from verify.facts.grade import graded, listed, weighed
from verify.facts.runs import judged
from verify.finding import Finding, Place, Precedent, failed, passed, unproven, warned
from verify.rule import Case, Rule

REFERENCE = re.compile(r"(?<![\w./*-])((?:[\w-]+/)*[\w.-]+\.(?:py|sh|json|cpp|cu|txt|yaml))\b")
UPSTREAM = frozenset(
    {"train_gpt.py", "train_gpt_mlx.py", "requirements.txt", "data/cached_challenge_fineweb.py", "data/README.md"}
)
COMMAND = re.compile(r"\b(?:torchrun|python3?|bash|sh)\b[^|;&]*?((?:[\w./-]+/)?[\w.-]+\.(?:py|sh))\b")
FIGURE = re.compile(r"\d")
MARKUP = re.compile(r"[<>{}$*]")


class Readme(Rule):
    """There is a README.md that says what the submission is."""

    code = "package-files.readme"
    remedy = "Add README.md to the folder."
    precedents = (Precedent(pr=1945, text="accepted with README files of other names"),)

    def check(self, case: Case) -> Iterator[Finding]:
        readme = case.submission.readme
        if readme.file is None:
            yield weighed(self, case, "missing_readme", "The folder has no README.")
        elif PurePosixPath(readme.file).name.lower() != "readme.md":
            yield weighed(self, case, "missing_readme", f"The README is called {readme.file}.", Place(file=readme.file))
        elif not readme.text.strip():
            yield weighed(self, case, "missing_readme", f"{readme.file} is empty.", Place(file=readme.file))
        else:
            yield passed("README.md is there.", Place(file=readme.file))


class Metadata(Rule):
    """There is a submission.json, valid JSON, with a score."""

    code = "package-files.metadata"
    remedy = "Add submission.json with author, github_id, name, date, val_bpb, val_loss and bytes_total."
    precedents = (
        Precedent(
            pr=561, text="PR 505 and PR 545 were held back for want of it; two folders of March are merged without"
        ),
    )

    def check(self, case: Case) -> Iterator[Finding]:
        metadata = case.submission.metadata
        if metadata.file is None:
            yield weighed(self, case, "missing_metadata", "The folder has no submission.json.")
            return
        place = Place(file=metadata.file)
        broken = [problem for problem in case.submission.problems if problem.file == metadata.file]
        for problem in broken:
            yield weighed(
                self,
                case,
                "missing_metadata",
                f"{problem.file}: {problem.sentence}",
                Place(file=problem.file, line=problem.line),
            )
        if PurePosixPath(metadata.file).name != "submission.json":
            yield weighed(self, case, "odd_names", f"submission.json is called {metadata.file}.", place)
        missing = [key for key in ("author", "name", "date", "val_bpb") if getattr(metadata, key) in (None, "")]
        missing += [key for key in ("val_loss", "artifact_bytes") if getattr(metadata, key) is None]
        if missing and not broken:
            yield weighed(self, case, "schema", f"{metadata.file} does not give {listed(missing)}.", place)
        loss, bpb = metadata.val_loss, metadata.val_bpb
        if loss is not None and bpb is not None and abs(loss - bpb) < 1e-9:
            yield weighed(
                self, case, "schema", f"val_loss and val_bpb are both {bpb}: one of them is in the wrong unit.", place
            )
        elif bpb is not None and not 0.3 < bpb < 5 and case.is_ten_minutes:
            line = metadata.lines.get("val_bpb")
            yield warned(f"val_bpb {bpb} is out of range.", Place(file=metadata.file, line=line))
        if not broken and not missing:
            yield passed(f"{metadata.file} gives author, name, date, score and size.", place)


def has_figures(text: str) -> bool:
    """Whether a text could be a log: more than a few lines of it hold a number."""
    return sum(1 for line in text.splitlines()[:200] if FIGURE.search(line)) > 3


class Logs(Rule):
    """There is a training log for what is claimed."""

    code = "package-files.logs"
    remedy = "Ship the training log of every seed."
    precedents = (Precedent(pr=561, text="PR 505 and PR 545 were held back for want of logs"),)

    def check(self, case: Case) -> Iterator[Finding]:
        claim, metadata = case.claim, case.submission.metadata
        runs = case.runs
        setting = "missing_log" if case.is_ten_minutes else "missing_log_non_record"
        if runs and judged(case):
            yield passed(f"{len({run.file for run in runs})} logs with {len(runs)} runs.")
        elif runs:
            place = Place(file=runs[0].file, line=runs[0].first_line)
            yield unproven("There are logs, but none that stands behind the claim.", place)
        elif unread := [log for log in case.submission.logs if has_figures(log.text)]:
            names = listed(log.path for log in unread)
            yield unproven(f"No run can be read from {names}.", *(Place(file=log.path, line=1) for log in unread[:3]))
        elif claim.value is None and metadata.val_bpb is None:
            places = []
            if metadata.file:
                places = [Place(file=metadata.file, line=metadata.lines.get("val_bpb"), quote="val_bpb: no value")]
            yield weighed(self, case, setting, "No log, and no score is claimed: a folder without a result.", *places)
        else:
            places = [claim.place] if claim.place else []
            yield weighed(self, case, setting, f"{claim.value or metadata.val_bpb} is claimed without a log.", *places)


class Script(Rule):
    """There is a train_gpt.py that can be read, and the files it needs are there."""

    code = "package-files.script"
    remedy = "Ship train_gpt.py with every file it needs, so that it runs from the folder."
    precedents = (Precedent(pr=180, text="merged with commands that call files which are not there"),)

    def check(self, case: Case) -> Iterator[Finding]:
        main = case.submission.main
        if main is None:
            yield weighed(self, case, "missing_script", "The folder has no training script.")
            return
        place = Place(file=main.path)
        found = False
        if PurePosixPath(main.path).name != "train_gpt.py" or "/" in main.path:
            found = True
            yield weighed(self, case, "missing_script", f"The script is {main.path}, not train_gpt.py.", place)
        if not main.text.strip():
            found = True
            yield failed(f"{main.path} is empty.", place)
        for problem in main.problems:
            found = True
            yield unproven(f"{main.path}: {problem.sentence}", Place(file=main.path, line=problem.line))
        program = case.program if main.source.strip() else None
        if program is not None:
            for script in program.unparsed:
                if script.path == main.path:
                    found = True
                    yield unproven(f"{script.path} cannot be parsed as Python.", Place(file=script.path))
        if not found:
            yield passed(f"{main.path} is there and can be read.", place)


class References(Rule):
    """Files that the run commands name are in the folder, or in the challenge's repository."""

    code = "package-files.references"
    remedy = "Ship the files that the commands call, or name the ones that are there."

    def check(self, case: Case) -> Iterator[Finding]:
        present = {PurePosixPath(info.path).name for info in case.submission.files}
        missing: dict[str, Place] = {}
        for command in case.submission.readme.commands:
            for path in COMMAND.findall(command.quote):
                if (
                    path in UPSTREAM
                    or PurePosixPath(path).name in present
                    or path.startswith(("data/", "./data/", "../"))
                ):
                    continue
                missing.setdefault(path, command)
        if missing:
            sentence = f"Commands call files that are not in the folder: {listed(missing)}."
            yield weighed(self, case, "missing_reference", sentence, *missing.values())
        else:
            yield passed("The commands call no file that is missing.")


class Names(Rule):
    """Names of the folder and its files make no trouble, and the track is the folder's."""

    code = "package-files.names"
    remedy = "Use letters, digits, '.', '_' and '-' in names."

    def check(self, case: Case) -> Iterator[Finding]:
        submission = case.submission
        odd = [
            path
            for path in (submission.tree.name, *(f.path for f in submission.files))
            if not re.fullmatch(r"[\w./+@,=()~-]+", path)
        ]
        others = [info.path for info in submission.files if info.kind in ("symlink", "other")]
        if others:
            yield warned(f"Not plain files: {listed(others)}.", *(Place(file=path) for path in others[:6]))
        if odd:
            yield weighed(self, case, "odd_names", f"Names with spaces or odd characters: {listed(odd)}.")
        track, where = submission.metadata.track, submission.track
        if track and where and ("non" in track.lower()) != (where == "non_record"):
            place = Place(file=submission.metadata.file or "", line=submission.metadata.lines.get("track"), quote=track)
            yield graded("note", f"submission.json says track {track!r}, the folder stands in another.", place)
        title = " ".join((submission.metadata.name or "", submission.readme.title))
        if where == "10min" and re.search(r"\bnon[- ]record\b", title, re.I):
            place = Place(file=submission.readme.file or submission.metadata.file or "", line=1, quote=title[:160])
            yield graded("note", "The title says non-record; the folder stands among the records.", place)
        if not others and not odd:
            yield passed("The names of the files are plain.")
