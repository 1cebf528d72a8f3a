"""Verdicts made by hand: an ordinary one, one that lacks everything, and one whose every text is an attack."""

from collections.abc import Callable, Iterable
from itertools import cycle
from math import sin

from pydantic import BaseModel

from verify.finding import Finding, Place, Precedent, Status
from verify.verdict import (
    ClaimRow,
    Comparison,
    Curve,
    FileRow,
    Phase,
    RuleResult,
    SeedRow,
    SizeRow,
    SubmissionRow,
    Verdict,
)

SHA = "0123456789abcdef0123456789abcdef01234567"
LOCATION = "records/track_10min_16mb/2026-04-20_Example"
SEEDS = (42, 314, 999, 1337, 2024, 7, 1, 0)
# Texts that do something where they are not escaped: HTML, Markdown, rich, terminals, links, spreadsheets.
HOSTILE = (
    '"><script>alert(1)</script>',
    "</style><img src=x onerror=alert(1)>",
    "</title></details></table></svg><h1>owned</h1>",
    "javascript:alert(1)",
    "<!-- ' onmouseover='alert(1)' -->",
    "]]><b>&lt;i&gt;&#60;u&#62;",
    "{{ 7*7 }}{% include 'x' %}",
    "@openai/maintainers fixes #12 https://example.com www.example.com a@b.example GH-3",
    "[click](https://example.com) ![x](https://example.com/x.png) <https://example.com>",
    "| a | b |\n|---|---|\n| `c` | ``d`` |",
    "\n\n# Heading\n- [ ] task\n> quote\n```\ncode\n```\n~~~\n</details>",
    "[red]rich[/red] [link=https://example.com]x[/link] [/]",
    "\x1b[31mred\x1b]0;title\x07\x1b[2J\r\u202eevil\u2066\u200b",
    "name\udc80\udcff with broken bytes \x00 and \ufeff",
    "long" * 400,
    "=HYPERLINK(1)",
    "0123456789abcdef0123456789abcdef01234567 &amp; *bold* _i_ ~~s~~ $x$ \\",
)


def loss(step: int, steps: int, shift: float) -> float:
    """A loss curve of the usual shape, with a ripple that is the same each time."""
    ripple = sin(step / 70 + 900 * shift) + sin(step / 31 + 2000 * shift)
    return 2.6 + 5.0 * (1 + step / 40) ** -0.9 - 0.25 * step / steps + shift + 0.004 * ripple


def curve(seed: int | None, shift: float, steps: int = 4600, is_previous_record: bool = False) -> Curve:
    name = f"PR 1493, seed {seed}" if is_previous_record else f"seed {seed}"
    points = range(0, steps + 1, 25)
    return Curve(
        name=name,
        seed=seed,
        file=f"train_seed{seed}.log",
        train=tuple((step, loss(step, steps, shift)) for step in points),
        validation=tuple((step, loss(step, steps, shift + 0.01)) for step in (0, 1000, 2000, 3000, 4000, steps)),
        is_previous_record=is_previous_record,
    )


def seed_row(number: int, seed: int) -> SeedRow:
    logged = 1.0781 + 0.0004 * number
    claimed = round(logged, 4) + (0.003 if number == 1 else 0.0)
    return SeedRow(
        seed=seed,
        role="claimed",
        file=f"train_seed{seed}.log",
        line=412 + number,
        metric="quantized_ttt",
        claimed_bpb=claimed,
        logged_bpb=logged,
        logged_loss=2.785 + 0.001 * number,
        claimed_bytes=15_990_000 + 10 * number,
        logged_bytes=15_990_000 + 10 * number + (20_000 if number == 2 else 0),
        steps=4600 - number,
        ms_per_step=127.8 + 0.1 * number,
        train_seconds=588.0 + number,
        calibration_seconds=8.5,
        eval_seconds=402.0 + 30 * number,
        world_size=8,
        gpu="NVIDIA H100 80GB HBM3",
        val_tokens=40_540_160,
        implied_bytes=151_080_000.0,
        bpb_matches=number != 1,
        bytes_match=number != 2,
    )


def results() -> tuple[RuleResult, ...]:
    precedent = Precedent(pr=1835, text="ruled not eligible at 16,071,321 bytes", url="")
    broken = Finding(
        status=Status.FAIL,
        sentence="seed 999 logs 16,010,020 bytes, 10,020 over the cap of 16,000,000",
        places=(
            Place(
                file="train_seed999.log",
                line=431,
                quote="Total submission size: 16010020 bytes",
                note="the logged total",
            ),
            Place(file="submission.json", line=7, quote='"bytes_total": 15990020'),
        ),
        precedents=(precedent,),
        measured={"bytes": 16_010_020, "over": 10_020, "measure": "as logged", "nothing": None},
    )
    suspicion = Finding(
        status=Status.UNPROVEN,
        lead=True,
        probe="update-trace",
        sentence="the loop over validation chunks steps the optimiser before the chunk is scored",
        places=(
            Place(file="train_gpt.py", line=811, quote="optimizer.step()", note="updates the weights", unpacked=True),
            Place(
                file="train_gpt.py",
                line=823,
                quote="loss_sum += nll.sum()",
                note="scores the same tokens",
                unpacked=True,
            ),
        ),
    )
    unknown = Finding(status=Status.UNPROVEN, sentence="no log says on which GPUs it ran", probe="rerun")
    warning = Finding(
        status=Status.WARN,
        sentence="training stopped at 600.1 s, 0.1 s over the budget, at the first step after the clock ran out",
        places=(
            Place(
                file="train_seed42.log", line=402, quote="stopping_early: wallclock_cap train_time: 600101ms step: 4600"
            ),
        ),
        precedents=(
            Precedent(pr=1019, text="accepted at 600,137 ms", url="https://github.com/openai/parameter-golf/pull/1019"),
        ),
    )
    let_go = Finding(
        status=Status.PASS,
        noted=True,
        sentence="the script as shipped makes 16,019,000 bytes; the policy counts the one logged",
        places=(Place(file="train_gpt.py", note="121,000 bytes"),),
    )
    fine = Finding(status=Status.PASS, sentence="eight seeds, each with its own log")

    def result(code: str, sentence: str, status: Status, *findings: Finding, **more) -> RuleResult:
        return RuleResult(
            code=code,
            rule=code.partition(".")[0],
            sentence=sentence,
            remedy=more.pop("remedy", "Log what was measured, and name it."),
            status=status,
            found=more.pop("found", status),
            findings=findings,
            **more,
        )

    return (
        result(
            "artifact-bytes.logged",
            "Code and model fit in 16,000,000 bytes.",
            Status.FAIL,
            broken,
            remedy="Lower quant.bits.",
        ),
        result("c3-score-first.order", "A token is scored before any update uses it.", Status.UNPROVEN, suspicion),
        result("hardware.gpu", "Runs use eight H100 SXM.", Status.UNPROVEN, unknown),
        result("train-time.clock", "Training ends within 600 s.", Status.WARN, warning, found=Status.FAIL, cap="warn"),
        result("seeds.number", "At least three seeds.", Status.PASS, fine),
        result(
            "significance.margin",
            "Better than the record of the day.",
            Status.EXEMPT,
            waiver="speed-up alone, ruled in PR 1",
        ),
        result("code-bytes.shipped", "The script that is counted is the one that is shipped.", Status.PASS, let_go),
        result("packages.declared", "Imports are declared.", Status.PASS, fine),
    )


def comparison() -> Comparison:
    return Comparison(
        against="SP8192 with depth recurrence",
        against_pr=1493,
        n_new=8,
        n_old=3,
        mean_new=1.0795,
        mean_old=1.08100,
        gain_bpb=0.0015,
        gain_nats_per_token=0.00387,
        t=2.9,
        df=5.5,
        p=0.0152,
        p_margin_token=0.712,
        p_margin_byte=0.998,
        new=tuple(1.0781 + 0.0004 * number for number in range(8)),
        old=(1.08079, 1.08103, 1.08118),
        ci=(0.0005, 0.0025),
        notes=("seeds are not paired",),
    )


def verdict(**changes) -> Verdict:
    """An ordinary submission with eight seeds, one rule broken, a lead, a warning, and all charts."""
    sizes, phases = [], []
    for number, seed in enumerate(SEEDS):
        log = f"train_seed{seed}.log"
        model = 15_870_000 + 4_000 * number
        for measure, code in (("as logged", 28_000), ("script as shipped", 121_000)):
            sizes.append(
                SizeRow(
                    seed=seed,
                    measure=measure,
                    code_bytes=code,
                    model_bytes=model,
                    total_bytes=code + model,
                    source=f"{log}:431",
                )
            )
        for name, seconds, budget in (
            ("training", 588.0 + number, "train"),
            ("calibration (train)", 8.5, "train"),
            ("quantized_ttt", 402.0 + 30 * number, "eval"),
            ("compile warm-up", 96.0, "outside"),
            ("quantized_sliding_window", 91.0, "outside"),
        ):
            phases.append(Phase(seed=seed, name=name, seconds=seconds, budget=budget, file=log, line=400))
    fields = dict(
        tool_version="0.1.0",
        policy="board-2026-05",
        policy_version=3,
        policy_title="As the board was judged in May 2026",
        status=Status.FAIL,
        headline="1 rule broken: artifact-bytes; 1 lead for a probe, 1 rule unproven, 1 warning, 3 checks passed.",
        submission=SubmissionRow(
            name="2026-04-20_Example",
            location=LOCATION,
            track="10min",
            pr=1835,
            sha=SHA,
            date="2026-04-20",
            title="An example with depth recurrence",
            author="someone",
            files=(
                FileRow(path="README.md", bytes=4_120, role="readme"),
                FileRow(path="submission.json", bytes=900, role="metadata"),
                FileRow(path="train_gpt.py", bytes=121_000, role="script", is_packed=True, unpacked_bytes=400_000),
                *(FileRow(path=f"train_seed{seed}.log", bytes=88_000, role="log") for seed in SEEDS),
            ),
            problems=("requirements.txt: is not UTF-8: the first broken character is on line 2",),
        ),
        claim=ClaimRow(
            statistic="mean",
            value=1.0792,
            std=0.0009,
            recomputed=1.0795,
            std_sample=0.00098,
            std_population=0.00092,
            matches=False,
            metric="quantized_ttt",
        ),
        seeds=tuple(seed_row(number, seed) for number, seed in enumerate(SEEDS)),
        curves=(
            *(curve(seed, 0.002 * number) for number, seed in enumerate(SEEDS)),
            *(curve(seed, 0.02 + 0.002 * number, 4500, True) for number, seed in enumerate((42, 314, 999))),
        ),
        sizes=tuple(sizes),
        cap_bytes=16_000_000,
        phases=tuple(phases),
        train_seconds_max=600.0,
        eval_seconds_max=600.0,
        comparisons=(comparison(),),
        results=results(),
        milliseconds=87.4,
    )
    return Verdict(**(fields | changes))  # type: ignore[arg-type]


def bare() -> Verdict:
    """A folder that says nothing: no claim, no log, no rule that could tell."""
    nothing = SubmissionRow(
        name="empty",
        location="empty",
        track=None,
        pr=None,
        sha=None,
        date=None,
        title="empty",
        author=None,
        files=(),
        problems=(),
    )
    return verdict(
        status=Status.UNPROVEN,
        headline="No rule found broken; 1 rule unproven (hardware), 0 checks passed.",
        submission=nothing,
        claim=ClaimRow(
            statistic=None,
            value=None,
            std=None,
            recomputed=None,
            std_sample=None,
            std_population=None,
            matches=None,
            metric=None,
        ),
        seeds=(),
        curves=(),
        sizes=(),
        phases=(),
        comparisons=(),
        results=tuple(result for result in results() if result.code == "hardware.gpu"),
        milliseconds=None,
    )


FIXED = {"status", "found", "cap", "budget", "schema", "level", "role"}  # not written by a submission


def with_texts(model: BaseModel, text: Callable[[str], str]) -> dict:
    """The model as a dict in which every free text is `text(what it was)`."""

    def changed(key: str, value):
        if isinstance(value, dict):
            if key == "measured":
                # Names stay different from each other, or the last would stand for all.
                return {
                    text(name) + f" {n}": text(v) if isinstance(v, str) else v
                    for n, (name, v) in enumerate(value.items())
                }
            return {name: changed(name, inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [changed(key, inner) for inner in value]
        return text(value) if isinstance(value, str) and key not in FIXED else value

    return {name: changed(name, value) for name, value in model.model_dump().items()}


def filled(texts: Iterable[str]) -> Verdict:
    """The ordinary verdict with these texts in turn in every field, so that each field gets each of them over many calls."""
    turn = cycle(texts)
    return Verdict.model_validate(with_texts(verdict(), lambda _: next(turn)))


def harmless(attack: Verdict) -> Verdict:
    """The same verdict with a plain word for each different text: what the structure of its report must equal.

    Words sort as the texts do, since reports group and sort by texts.
    """
    seen: set[str] = set()
    with_texts(attack, lambda old: seen.add(old) or old)  # type: ignore[func-returns-value]
    words = {old: f"word{rank:05d}" if old else "" for rank, old in enumerate(sorted(seen))}
    return Verdict.model_validate(with_texts(attack, words.__getitem__))


def hostile() -> Verdict:
    """The ordinary verdict with an attack in every text."""
    return filled(HOSTILE)
