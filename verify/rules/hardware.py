"""hardware: the runs were made on the machine the challenge names, as far as logs and files say."""

import re
from collections.abc import Iterator

from verify.facts.grade import graded, listed
from verify.facts.runs import judged, logged_seeds, name, runs_of
from verify.finding import Finding, Place, Precedent, failed, passed, unproven, warned
from verify.rule import Case, Rule
from verify.submission.model import Submission

TEN_MINUTES = frozenset({"10min"})
GPU = re.compile(
    r"(?<![A-Za-z0-9])(?:\d+ ?[x×*] ?)?(?:NVIDIA )?"
    r"((?:RTX|GTX) ?(?:PRO )?\d{4}\w*|[ABHLPVT]\d{2,4}\w*|GH200|MI\d{3}\w*|TPU ?v\d\w*)(?![A-Za-z0-9])",
    re.I,
)
PCIE = re.compile(r"PCI-?e|\bNVL\b", re.I)


class WorldSize(Rule):
    """Every scored run used eight GPUs."""

    code = "hardware.world-size"
    remedy = "Run every seed on one node of 8xH100."
    tracks = TEN_MINUTES
    precedents = (Precedent(pr=44, text="two nodes of four GPUs were counted together"),)

    def check(self, case: Case) -> Iterator[Finding]:
        asked = self.setting(case, "world_size")
        for result in judged(case):
            size = result.run.world_size
            if size is None:
                yield unproven(f"{name(result)}: the log does not say on how many GPUs it ran.")
            elif size.value != asked:
                sentence = f"{name(result)} ran on {size.value} GPU{'s' if size.value > 1 else ''}, not {asked}."
                yield failed(sentence, result.run.place(size), precedents=self.precedents, world_size=size.value)
            else:
                yield passed(f"{name(result)} ran on {asked} GPUs.", result.run.place(size), world_size=size.value)
        for result in logged_seeds(case):
            size = result.run.world_size
            if result not in judged(case) and size is not None and size.value != asked:
                sentence = f"{name(result)}, a further run beside the claim, ran on {size.value} GPUs, not {asked}."
                yield warned(sentence, result.run.place(size), world_size=size.value)
        if not judged(case):
            yield unproven("No run stands behind the claim, so no machine can be told.")


class Gpu(Rule):
    """The GPU that logs, submission.json and README name is the one the challenge asks for."""

    code = "hardware.gpu"
    remedy = "Run on H100 SXM, and let the log print the name of the GPU."
    tracks = TEN_MINUTES
    precedents = (Precedent(pr=39, text="accepted in March; its log names H200"),)

    def check(self, case: Case) -> Iterator[Finding]:
        wanted, accepted = self.setting(case, "gpus"), self.setting(case, "gpus_accepted")
        seen = {(gpu, place) for gpu, place in self.named(case)}
        if not seen:
            yield unproven("Neither logs nor files name a GPU.")
        for gpu in sorted({gpu for gpu, _ in seen}):
            places = sorted(
                (place for other, place in seen if other == gpu), key=lambda place: (place.file, place.line or 0)
            )
            if any(good.lower() in gpu.lower() for good in wanted):
                form = " (not the SXM form)" if PCIE.search(gpu) else ""
                yield graded("warn" if form else "pass", f"GPU named: {gpu}{form}.", *places[:6])
            elif any(good.lower() in gpu.lower() for good in accepted):
                yield warned(f"GPU named: {gpu}, not {listed(wanted)}.", *places[:6], precedents=self.precedents)
            else:
                yield failed(f"GPU named: {gpu}, not {listed(wanted)}.", *places[:6])

    def named(self, case: Case) -> Iterator[tuple[str, Place]]:
        """GPU names with their places: of the scored runs, else of the metadata's and the README's own field."""
        found = False
        for result in judged(case):
            for run in runs_of(result):
                if run.gpu is not None:
                    found = True
                    yield run.gpu.value, run.place(run.gpu)
        stated = stated_hardware(case.submission)
        for text, place in stated:
            for gpu in GPU.findall(text):
                yield gpu.upper() + (" PCIe" if PCIE.search(text) else ""), place
            if found and not GPU.findall(text):
                continue


def stated_hardware(submission: Submission) -> Iterator[tuple[str, Place]]:
    metadata, readme = submission.metadata, submission.readme
    if metadata.hardware:
        line = metadata.lines.get("hardware")
        yield (
            metadata.hardware,
            Place(file=metadata.file or "submission.json", line=line, quote=metadata.hardware[:300]),
        )
    elif readme.hardware:
        line = next((n for n, text in enumerate(readme.text.splitlines(), 1) if readme.hardware in text), None)
        yield readme.hardware, Place(file=readme.file or "README.md", line=line, quote=readme.hardware[:300])


class Pace(Rule):
    """The pace of the steps is one of the machine the challenge names."""

    code = "hardware.pace"
    remedy = "Say on which machine the run was made."
    tracks = TEN_MINUTES
    probe = "rerun"

    def check(self, case: Case) -> Iterator[Finding]:
        slowest = self.setting(case, "step_seconds_max")
        for result in judged(case):
            steps, seconds = result.run.steps, result.run.train_seconds
            if steps is None or seconds is None or steps.value < 1:
                yield unproven(f"{name(result)}: the log does not give steps and training time.")
                continue
            pace = seconds.value / steps.value
            places = (result.run.place(seconds),)
            if pace > slowest:
                sentence = (
                    f"{name(result)}: {pace:.2f} s a step ({steps.value:,} steps), slower than any record on 8xH100."
                )
                yield warned(sentence, *places, seconds_per_step=round(pace, 4))
            else:
                yield passed(f"{name(result)}: {1000 * pace:.1f} ms a step.", *places, seconds_per_step=round(pace, 4))
        if not judged(case):
            yield unproven("No run stands behind the claim, so no pace can be told.")
