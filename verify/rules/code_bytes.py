"""code-bytes: all code that runs is counted, and it is the code that made the logs."""

from collections import Counter
from collections.abc import Iterator

from verify.facts.grade import graded, listed, weighed
from verify.facts.runs import judged, name, runs_of
from verify.facts.sizes import counted_script, file_place, logged, totals, uncounted
from verify.finding import Finding, Place, Precedent, passed, unproven
from verify.rule import Case, Rule

LOGGED_CODE_SHARE_MAX = 0.02  # a logged size this near is another edit of the same script
SHOWN_LINES_MAX = 3


class Helpers(Rule):
    """Files that the script imports, opens, compiles or includes are counted with it."""

    code = "code-bytes.helpers"
    remedy = "Put all code that runs into train_gpt.py, or count the helper files."
    probe = "file-access"
    precedents = (
        Precedent(pr=1514, text="accepted with a module and a C++ kernel outside the count, said in the README"),
        Precedent(pr=1412, text="accepted: the script is a stub that opens the real one"),
    )

    def check(self, case: Case) -> Iterator[Finding]:
        helpers, main = uncounted(case), counted_script(case)
        if main is None:
            yield unproven("There is no main script, so what it needs cannot be told.", probe=self.probe)
            return
        if not helpers:
            yield passed(f"{main.path} needs no other source file of the folder.", file_place(main))
            return
        total = sum(helper.bytes for helper in helpers)
        files = listed(f"{helper.path} ({helper.bytes:,} bytes)" for helper in helpers)
        counts = {size.bytes for result in judged(case) for run in runs_of(result) for size in logged(run, "code")}
        if any(abs(count - main.bytes - total) <= 0.001 * count for count in counts):
            yield passed(f"The logged size of the code counts {files} too.", *map(file_place, helpers))
            return
        sentence = f"{main.path} needs {files}, outside the counted script."
        cap = case.policy.setting("artifact-bytes", "bytes_max")
        sums = [found["helpers"].total_bytes for result in judged(case) if "helpers" in (found := totals(case, result))]
        if sums and max(sums) <= cap:
            more = f"{sentence} With them the largest seed has {max(sums):,} bytes, below the cap."
            yield weighed(self, case, "helpers_fit", more, *map(file_place, helpers), helper_bytes=total)
        else:
            yield weighed(self, case, "helpers", sentence, *map(file_place, helpers), helper_bytes=total)


class Shipped(Rule):
    """The script in the folder is the one that ran: the source that a log holds is the shipped one."""

    code = "code-bytes.shipped"
    remedy = "Ship the script that made the logs, byte for byte."
    probe = "rerun"
    precedents = (
        Precedent(pr=39, text="accepted: the logs hold another source than the folder"),
        Precedent(pr=1530, text="accepted: two of three logs hold another version of the script"),
    )

    def check(self, case: Case) -> Iterator[Finding]:
        main = case.submission.main
        files = {run.file for result in judged(case) for run in runs_of(result)}
        sources = [source for log in case.logs if log.file in files for source in log.sources]
        if main is None or not main.source.strip():
            yield unproven("There is no script to compare with what ran.", probe=self.probe)
            return
        if not sources:
            yield from self.by_size(case)
            return
        wanted = lines_of(main.source)
        seen: dict[str, list] = {}
        for source in sources:
            seen.setdefault(source.text, []).append(source)
        for text, group in seen.items():
            ran = lines_of(text)
            more, less = ran - wanted, wanted - ran
            count = more.total() + less.total()
            places = [
                Place(
                    file=source.file,
                    line=source.first_line,
                    quote=text.lstrip().partition("\n")[0][:100],
                    note="source in the log",
                )
                for source in group
            ]
            if not count:
                yield passed(f"The source in {listed(source.file for source in group)} is the shipped one.", *places)
                continue
            example = next(iter(less or more)).strip()[:160]
            places.append(
                Place(
                    file=main.path,
                    line=line_of(main.source, example),
                    quote=example,
                    note="differs",
                    unpacked=main.is_packed,
                )
            )
            files_ = listed(source.file for source in group)
            sentence = f"{count:,} lines of code differ between {main.path} and the source in {files_}."
            yield weighed(self, case, "source_differs", sentence, *places, lines=count)

    def by_size(self, case: Case) -> Iterator[Finding]:
        """Without a source in the logs, the logged size of the code speaks for the script."""
        main = case.submission.main
        assert main is not None
        known = {main.bytes, len(main.source.encode("utf-8", "surrogatepass"))}
        known |= {value + sum(helper.bytes for helper in case.submission.helpers) for value in set(known)}
        said = False
        for result in judged(case):
            for run in runs_of(result):
                sizes = [*logged(run, "code_uncompressed"), *logged(run, "code")]
                if not sizes:
                    continue
                said = True
                near = min((abs(size.bytes - value), value, size) for size in sizes[:1] for value in known)
                if near[0] == 0:
                    yield passed(
                        f"{name(result)}: the logged size of the code is that of the shipped script.",
                        run.place(near[2]),
                    )
                else:
                    counted = f"the log counts {near[2].bytes:,} bytes of code"
                    sentence = f"{name(result)}: {counted}, the shipped script has {near[1]:,}."
                    yield graded(
                        "note", sentence, run.place(near[2]), file_place(main), logged_code_bytes=near[2].bytes
                    )
        if not said:
            yield unproven("The logs hold neither the source nor its size.", probe=self.probe)


def lines_of(source: str) -> Counter[str]:
    """The lines of code: comments that stand alone, blank lines and spaces at the ends left out."""
    lines = (line.strip() for line in source.splitlines())
    return Counter(line for line in lines if line and not line.startswith("#"))


def line_of(source: str, text: str) -> int | None:
    return next((number for number, line in enumerate(source.splitlines(), 1) if text and text in line), None)
