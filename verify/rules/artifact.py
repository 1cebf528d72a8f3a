"""artifact-bytes: the counted code and the compressed model fit under the cap, seed by seed and measure by measure."""

from collections.abc import Iterator
from typing import Any

from verify.facts.grade import graded, weighed
from verify.facts.runs import judged, logged_seeds, name, runs_of
from verify.facts.sizes import Total, least_logged, totals
from verify.finding import Finding, Place, Precedent, failed, passed, unproven
from verify.logs.model import SeedResult
from verify.rule import Case, Rule

NEAR_BYTES = 1_000  # a run of the same recipe varies by more
MEASURES = {
    "logged": "the total its log prints",
    "shipped": "the script as it lies in the folder and the logged model",
    "helpers": "the script, the files it needs, and the logged model",
}


def said(total: Total) -> str:
    parts = ""
    if total.code_bytes is not None and total.model_bytes is not None:
        parts = f" ({total.code_bytes:,} of code, {total.model_bytes:,} of model)"
    return f"{total.total_bytes:,}{parts}"


class Logged(Rule):
    """Code and compressed model of every seed fit under the cap by the measures that the policy counts."""

    code = "artifact-bytes.runs"
    remedy = "Make the model or the script smaller, or ship the script packed and log the size of what is shipped."
    tracks = frozenset({"10min", "non_record"})
    precedents = (
        Precedent(pr=1809, text="16,024,793 bytes: not eligible for the record board"),
        Precedent(pr=1835, text="16,071,321 bytes in the log: not eligible"),
    )
    accepted = (
        Precedent(pr=1412, text="accepted: the log's total is over the cap, code repacked later is below"),
        Precedent(pr=1855, text="accepted by the logged size of a wrapper; the plain script would be over"),
    )

    def check(self, case: Case) -> Iterator[Finding]:
        cap = self.setting(case, "bytes_max")
        results = judged(case)
        told = False
        for result in logged_seeds(case):
            found = totals(case, result)
            if found and (result in results or min(total.total_bytes for total in found.values()) > cap):
                told = True
                yield self.weigh(case, result, found, cap)
        if not results:
            yield unproven("No run stands behind the claim, so no size can be told.")
        elif not told:
            yield unproven(f"No log gives a size of the artifact: {', '.join(map(name, results))}.")

    def weigh(self, case: Case, result: SeedResult, found: dict[str, Total], cap: int) -> Finding:
        counted = [found[measure] for measure in self.setting(case, "measures") if measure in found]
        if not counted:
            counted = list(found.values())
        over = [total for total in found.values() if total.total_bytes > cap]
        over_counted = [total for total in counted if total.total_bytes > cap]
        sizes: dict[str, Any] = {f"{measure}_bytes": total.total_bytes for measure, total in found.items()}
        places = tuple(dict.fromkeys(place for total in over or counted for place in total.places))
        if not over:
            most = max(counted, key=lambda total: total.total_bytes)
            left = cap - most.total_bytes
            sentence = f"{name(result)}: {said(most)}, {left:,} below the cap."
            return (
                graded("note", sentence, *places, **sizes) if left < NEAR_BYTES else passed(sentence, *places, **sizes)
            )
        decides_any = self.setting(case, "decides") == "any"
        is_failed = len(over_counted) == len(counted) if decides_any else bool(over_counted)
        least = least_logged(result)
        text = "; ".join(
            f"{MEASURES[total.measure]}: {said(total)}, {total.total_bytes - cap:,} over" for total in over
        )
        if is_failed and decides_any and least is not None and least.bytes <= cap:
            place = next((run.place(least) for run in runs_of(result) if least in run.sizes), None)
            more = (*places, place) if place else places
            return graded(
                "warn", f"{name(result)} prints several totals, the smallest {least.bytes:,}; {text}.", *more, **sizes
            )
        if is_failed:
            return failed(f"{name(result)}: {text}. The cap is {cap:,}.", *places, precedents=self.precedents, **sizes)
        below = "; ".join(
            f"{MEASURES[total.measure]}: {said(total)}" for total in found.values() if total.total_bytes <= cap
        )
        is_logged_over = any(total.measure == "logged" for total in over)
        level = self.setting(case, "logged_over" if is_logged_over else "others_over")
        sentence = f"{name(result)} is over the cap by one measure ({text}) and below it by another ({below})."
        return graded(level, sentence, *places, precedents=self.accepted, **sizes)


class Stated(Rule):
    """The size that submission.json states is under the cap and is that of a logged run."""

    code = "artifact-bytes.stated"
    remedy = "State the largest of the seeds' totals, in bytes, as logged."
    precedents = (Precedent(pr=180, text="merged with a rounded size; its largest seed was above what it stated"),)

    def check(self, case: Case) -> Iterator[Finding]:
        metadata, cap = case.submission.metadata, self.setting(case, "bytes_max")
        named = {"artifact_bytes": metadata.artifact_bytes, "artifact_bytes_max": metadata.artifact_bytes_max}
        stated = {key: value for key, value in named.items() if value is not None}
        logged = {name(result): totals(case, result) for result in judged(case)}
        if not stated:
            if any("logged" in found for found in logged.values()):
                yield passed("submission.json states no size of the artifact; the logs do.")
            else:
                yield unproven("submission.json states no size of the artifact.")
            return
        known = {total.total_bytes for found in logged.values() for total in found.values()}
        for key, value in stated.items():
            as_written = metadata.keys.get(key, key)
            line = metadata.lines.get(key)
            place = Place(file=metadata.file or "submission.json", line=line, quote=f'"{as_written}": {value}')
            if value > cap:
                under = known and min(known) <= cap
                level = "warn" if under else "fail"
                yield graded(
                    level, f"{as_written} is {value:,}: {value - cap:,} over the cap.", place, stated_bytes=value
                )
            elif known and value < max(self.largest(logged), 0) and value not in known:
                yield weighed_size(self, case, as_written, value, self.largest(logged), place)
            else:
                yield passed(f"{as_written}: {value:,} bytes.", place, stated_bytes=value)

    @staticmethod
    def largest(logged: dict[str, dict[str, Total]]) -> int:
        return max((found["logged"].total_bytes for found in logged.values() if "logged" in found), default=0)


def weighed_size(rule: Rule, case: Case, key: str, value: int, largest: int, place: Place) -> Finding:
    """A stated size that no run has: rounded, or of another run."""
    is_rounded = value % 10_000 == 0
    sentence = f"{key} is {value:,}, {'rounded; ' if is_rounded else 'in no log; '}the largest seed logs {largest:,}."
    if largest > rule.setting(case, "bytes_max") >= value:
        return graded("warn", sentence, place, precedents=rule.precedents, stated_bytes=value, logged_bytes=largest)
    return weighed(rule, case, "others_over", sentence, place, stated_bytes=value, logged_bytes=largest)
