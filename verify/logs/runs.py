"""Puts the lines of one log together into runs: where one begins, what is set, which values count."""

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from verify.finding import QUOTE_CHARACTERS_MAX
from verify.logs import grammar
from verify.logs.model import Calibration, Event, Family, Metric, Point, Run, Size, Value

MEASURES = ("model_raw", "model", "code", "code_uncompressed", "total", "total_raw", "artifact")
INTEGER_FIELDS = frozenset({"seed", "iterations", "world_size", "val_tokens", "train_shards", "parameters"})
HEADER, WARMUP, TRAINING, FINAL = range(4)  # what a run has come to
PAIR = re.compile(r"([A-Za-z_]\w*)[:=](\S+)")
PAIRS = re.compile(r"[A-Za-z_]\w*[:=]\S+(?: +[A-Za-z_]\w*[:=]\S+)*")
BLOCK_LINE = re.compile(r"[ \t]+([A-Za-z_]\w*)[:=] ?(.*)")
SCORE_LIKE = re.compile(r"(?:bpb|bits[ _]per[ _]byte)\W{0,12}\d\.\d{3}", re.I)
SETTINGS_MAX = 2_000  # of one run
EVENTS_MAX = 20_000
POINTS_MAX = 200_000
SCORES_MAX = 5_000
COARSE_SECONDS = 6.1  # clocks are printed in tenths of minutes at worst
TAIL_POINTS = 50  # of a curve, enough to see whether there is a training loss
RUNS_MAX = 500  # of one file: what follows belongs to the last


@cache
def _labels() -> tuple[list[tuple[str, re.Pattern[str]]], re.Pattern[str], re.Pattern[str]]:
    data = grammar.load("labels")
    return (
        [(name, re.compile(pattern)) for name, pattern in data["families"]],
        re.compile(data["diagnostic"]),
        re.compile(data["progress"]),
    )


def family_of(label: str) -> Family:
    """The family that a label names."""
    return next((name for name, regex in _labels()[0] if regex.search(label)), "other")  # type: ignore[misc]


def is_diagnostic(label: str) -> bool:
    """Whether a label names an intermediate score."""
    return bool(_labels()[1].search(label))


@dataclass
class RunBuilder:
    """Takes the lines of a log one after the other; `runs` are those that are over."""

    file: str
    runs: list[Run] = field(default_factory=list)
    unknown_lines: int = 0
    unknown_scores: int = 0

    def __post_init__(self) -> None:
        self.matcher = grammar.Matcher()
        self._open(1)

    def _open(self, line: int) -> None:
        self.run = Run(self.file, len(self.runs), line, line)
        self.phase = HEADER
        self.facts = 0
        self.in_block = False
        self.gpus: dict[int, str] = {}
        self.gpu_line: tuple[int, str] = (line, "")
        self.calibration_data: str | None = None
        self.stop: tuple[dict[str, Any], int, str] | None = None
        self.precise: dict[int, Point] = {}  # points with a clock in milliseconds
        self.is_sliding = False

    def next_run(self, line: int) -> None:
        """What follows belongs to another run, if this one has come to anything."""
        if self.facts:
            self.close()
        self._open(line)

    def source(self, first_line: int) -> None:
        """A script begins here: a run prints its source before it does anything else."""
        if self.phase > HEADER:
            self.next_run(first_line)

    def line(self, number: int, text: str, unix_seconds: float | None) -> None:
        """One line outside of scripts."""
        stripped = text.strip()
        if not stripped:
            return
        if self._take(number, text, stripped) and unix_seconds is not None:
            self.run.unix_seconds[number] = unix_seconds

    def _take(self, number: int, text: str, stripped: str) -> bool:
        """Whether a grammar knows the line."""
        if self.in_block and (setting := BLOCK_LINE.fullmatch(text)):
            self._setting(setting[1], setting[2].strip(), number, text)
            return False
        taken = self.matcher.match(stripped)
        if taken is None:
            if self.phase < TRAINING and PAIRS.fullmatch(stripped):
                for name, value in PAIR.findall(stripped):
                    self._setting(name, value.rstrip(","), number, stripped)
                return True
            if self.phase < TRAINING and len(PAIR.findall(stripped)) > 1:
                facts = self.facts
                self._promoted_pairs(stripped, number)
                self.facts = facts  # a line of a launcher makes no run
            self.unknown_lines += 1
            self.unknown_scores += _looks_like_score(stripped)
            return False
        pattern, found = taken
        if pattern.as_ == "skip":
            return False
        self.in_block = False
        self._boundary(pattern, found, number)
        getattr(self, "_" + pattern.as_)(pattern, found, number, stripped[:QUOTE_CHARACTERS_MAX])
        self.run.last_line = number
        return True

    def _boundary(self, pattern: grammar.LinePattern, found: dict[str, Any], number: int) -> None:
        begins = pattern.as_ in ("start", "block") or pattern.starts
        if pattern.as_ == "point":
            # A curve that starts anew is another run; one that falls back to an earlier step was resumed. Validations that are
            # printed again after the score are a summary.
            curve, step = self.run.curve, found["step"]
            begins = bool(curve) and step <= 1 < curve[-1].step
            if self.phase == FINAL:
                begins = step <= 1 and "train_loss" in found and self._has_trained()
        elif pattern.kind == "warmup" and found.get("step") == 1 and not found.get("name"):
            begins = self.phase >= TRAINING
        elif begins:
            begins = self.phase == FINAL or (self.phase == TRAINING and (pattern.as_ == "block" or pattern.starts))
        if begins and len(self.runs) < RUNS_MAX:
            self.next_run(number)

    # One method for each `as:` of the grammars.

    def _start(self, pattern, found, number, text) -> None:
        pass

    def _block(self, pattern, found, number, text) -> None:
        self.in_block = True

    def _set(self, pattern, found, number, text) -> None:
        for name, value in found.items():
            self._fill(name, value, number, text)
        self._promoted_pairs(text, number)

    def _promoted_pairs(self, text: str, number: int) -> None:
        """Settings of known names among the name:value pairs of a line that holds other things too."""
        for name, value in PAIR.findall(text):
            if name.lower() in grammar.promoted():
                self._setting(name, value, number, text)

    def _setting(self, pattern_or_name, found_or_value, number, text) -> None:
        if isinstance(pattern_or_name, grammar.LinePattern):
            name, value = found_or_value["name"], found_or_value.get("value", "")
        else:
            name, value = pattern_or_name, found_or_value
        name = name.lower()
        if len(self.run.settings) < SETTINGS_MAX and (name not in self.run.settings):
            self.run.settings[name] = Value(value, number, text.strip()[:QUOTE_CHARACTERS_MAX])
        if name in grammar.promoted():
            self._fill(grammar.promoted()[name], value, number, text.strip()[:QUOTE_CHARACTERS_MAX])

    def _fill(self, name: str, value: Any, number: int, text: str) -> None:
        """Set a field of the run, unless it is set: what is printed first is what was asked for."""
        if name in INTEGER_FIELDS and isinstance(value, str):
            if not re.fullmatch(r"\d{1,18}", value):
                return
            value = int(value)
        if name == "max_wallclock_seconds" and isinstance(value, str):
            if not (seconds := re.fullmatch(r"(\d{1,12}(?:\.\d*)?)s?", value)):
                return
            value = float(seconds[1])
        if name == "world_size" and value == 0:
            return
        if hasattr(self.run, name) and getattr(self.run, name) is None:
            setattr(self.run, name, Value(value, number, text))
            self.facts += 1
        elif name == "dataset":
            self.run.settings.setdefault("dataset", Value(value, number, text))

    def _gpu(self, pattern, found, number, text) -> None:
        if not self.gpus:
            self.gpu_line = (number, text)
        self.gpus[found["index"]] = found["gpu"]

    def _has_trained(self) -> bool:
        return self.stop is not None or any(point.train_loss is not None for point in self.run.curve[-TAIL_POINTS:])

    def _point(self, pattern, found, number, text) -> None:
        point = Point(
            found["step"],
            number,
            found.get("train_loss"),
            found.get("val_loss"),
            found.get("val_bpb"),
            found.get("seconds", found.get("coarse_seconds")),
            found.get("ms_per_step"),
        )
        curve = self.run.curve
        if curve and point.step == curve[-1].step and (point.train_loss is None) == (curve[-1].train_loss is None):
            return  # the same line printed twice
        if curve and point.step < curve[-1].step and self.phase != FINAL:
            self.run.events.append(Event("resume", {"step": point.step, "after_step": curve[-1].step}, number, text))
        if (self.phase == FINAL and self._has_trained()) or len(curve) >= POINTS_MAX:
            return  # a loop over steps after the score is no training
        self.phase = TRAINING  # a score before the first step was a check
        self.facts += 1
        curve.append(point)
        if "seconds" in found:
            self.precise[len(curve) - 1] = point
        self._texts[number] = text
        if "iterations" in found:
            self._fill("iterations", found["iterations"], number, text)

    @property
    def _texts(self) -> dict[int, str]:
        """Lines of the curve: only the last ones are asked for."""
        texts = self.__dict__.setdefault("_curve_texts", {})
        if len(texts) > 8:
            for old in list(texts)[:-8]:
                del texts[old]
        return texts

    def _stop(self, pattern, found, number, text) -> None:
        self.stop = (found, number, text)
        self.facts += 1

    def _metric(self, pattern, found, number, text) -> None:
        label = found.get("label", "")
        if _labels()[2].search(label):
            return  # progress
        if len(self.run.metrics) >= SCORES_MAX:
            del self.run.metrics[SCORES_MAX // 2]
        family = family_of(label)
        if family == "post_quant" and self.is_sliding:
            family = "sliding"
        metric = Metric(
            label, family, found.get("val_loss"), found.get("val_bpb"), found.get("eval_seconds"), number, text
        )
        self.run.metrics.append(self._timed(metric))
        self.facts += 1
        if family != "pre_quant":
            self.phase = FINAL

    def _timed(self, metric: Metric) -> Metric:
        """With the time of the same score printed before it in fewer digits."""
        if metric.eval_seconds is not None or not self.run.metrics:
            return metric
        plain = re.sub(r"_exact$|_x$", "", metric.label)
        for other in reversed(self.run.metrics[-3:]):
            same = other.label in (plain, f"{plain}:done") or (other.val_bpb and _rounds(metric.val_bpb, other.val_bpb))
            if same and other.eval_seconds is not None and plain != metric.label:
                return Metric(
                    metric.label,
                    metric.family,
                    metric.val_loss,
                    metric.val_bpb,
                    other.eval_seconds,
                    metric.line,
                    metric.text,
                )
        return metric

    def _size(self, pattern, found, number, text) -> None:
        for measure in MEASURES:
            if measure in found and len(self.run.sizes) < SCORES_MAX:
                self.run.sizes.append(Size(measure, found.get("label", ""), found[measure], number, text))  # type: ignore[arg-type]
                self.facts += 1
                if measure in ("total", "model"):
                    self.phase = max(self.phase, TRAINING)

    def _total_eval(self, pattern, found, number, text) -> None:
        self.run.total_eval_seconds = Value(found["seconds"], number, text)

    def _calibration(self, pattern, found, number, text) -> None:
        data = found.get("data")
        if pattern.stage == "generate" or (
            pattern.stage == "start" and (data is not None or self.calibration_data is None)
        ):
            self.calibration_data = data
        if len(self.run.calibrations) < SCORES_MAX:
            seconds = found.get("seconds", found.get("post_seconds"))
            of = data or self.calibration_data
            self.run.calibrations.append(Calibration(seconds, of, number, text, pattern.stage))  # type: ignore[arg-type]
        self.facts += 1

    def _event(self, pattern, found, number, text) -> None:
        if pattern.kind == "warmup":
            self.phase = max(self.phase, WARMUP)
            self.facts += 1
            if found["step"] < found["steps"]:
                return
        if pattern.kind == "mixture":
            score = {"label": found["label"], "val_bpb": found["mix_bpb"]}
            self._metric(pattern, score, number, text)
        if pattern.kind == "eval_mode":
            self.is_sliding = "sliding" in str(found.get("mode", ""))
        if len(self.run.events) < EVENTS_MAX:
            self.run.events.append(Event(pattern.kind, found, number, text))
        self.facts += pattern.kind != "crash"

    def close(self) -> None:
        """The run is over: settle what only its whole tells."""
        run = self.run
        if self.gpus:
            names = sorted(set(self.gpus.values()))
            run.gpu = Value(
                ", ".join(f"{list(self.gpus.values()).count(name)}x {name}" for name in names), *self.gpu_line
            )
        self._settle_training()
        self._settle_sizes()
        if run.curve and run.curve[-1].val_bpb is not None:
            last = run.curve[-1]
            text = self._texts.get(last.line, "")
            run.metrics.insert(0, Metric("last step", "step", last.val_loss, last.val_bpb, None, last.line, text))
        scored = any(metric.family not in ("step", "pre_quant") for metric in run.metrics)
        run.is_complete = scored or run.total is not None
        has_trained = self.stop is not None or any(point.train_loss is not None for point in run.curve)
        if run.of_kind("eval_only") or (
            scored and not has_trained and not run.sizes_of("model_raw") and not run.of_kind("resume")
        ):
            run.kind = "eval_only"
        elif not has_trained and not scored:
            run.kind = "fragment"
        run.dialect = self._dialect()
        self.runs.append(run)

    def _settle_training(self) -> None:
        run, last = self.run, self.run.curve[-1] if self.run.curve else None
        found, number, text = self.stop or ({}, 0, "")
        known = last.seconds or 0.0 if last is not None else 0.0
        if "seconds" in found and found["seconds"] < known - COARSE_SECONDS:
            pass  # the stop line and the curve contradict each other
        elif "seconds" in found:
            run.train_seconds = Value(found["seconds"], number, text)
        elif self.precise and max(self.precise) == len(run.curve) - 1 and last is not None and self._is_last(last):
            run.train_seconds = Value(last.seconds or 0.0, last.line, self._texts.get(last.line, ""))
        if "step" in found:
            run.steps = Value(found["step"], number, text)
        elif last is not None and self._is_last(last):
            run.steps = Value(last.step, last.line, self._texts.get(last.line, ""))
        if self.stop:
            run.stopped_by_clock = Value("wallclock" in str(found.get("reason", "wallclock")), number, text)
        elif run.steps and run.iterations and run.steps.value == run.iterations.value:
            run.stopped_by_clock = Value(False, run.steps.line, run.steps.text)
        if run.train_seconds and run.steps and run.steps.value > 0:
            of = run.train_seconds
            run.ms_per_step = Value(round(1000 * of.value / run.steps.value, 3), of.line, of.text)

    def _is_last(self, point: Point) -> bool:
        """Whether the loop ended here: a validation that is followed by something else, or the last step asked for."""
        if self.run.iterations and point.step == self.run.iterations.value:
            return True
        return (
            point.val_loss is not None
            and (self.stop is not None or self.phase == FINAL or bool(self.run.sizes))
            and point.step > 0
        )

    def _settle_sizes(self) -> None:
        """Tell the sum with the uncompressed model from the artifact."""
        raw = next((size.bytes for size in self.run.sizes if size.measure == "model_raw"), None)
        codes = {size.bytes for size in self.run.sizes if size.measure in ("code", "code_uncompressed")}
        if raw is not None:
            self.run.sizes = [
                Size("total_raw", size.label, size.bytes, size.line, size.text)
                if size.measure == "total" and any(size.bytes - raw == code for code in codes)
                else size
                for size in self.run.sizes
            ]

    def _dialect(self) -> str:
        run = self.run
        if run.kind == "eval_only":
            return "evaluation"
        if any(
            value.text.startswith("Hyperparameters") or re.match(r"\w+: ", value.text)
            for value in list(run.settings.values())[:3]
        ):
            return "hyper-parameter block"
        return "starter" if run.tokenizer or run.curve else "other"


def _looks_like_score(line: str) -> bool:
    if not ("bpb" in line or "BPB" in line or "its per" in line or "its_per" in line):
        return False
    return bool(SCORE_LIKE.search(line)) and not _labels()[2].search(line[:QUOTE_CHARACTERS_MAX])


def _rounds(exact: float | None, rounded: float) -> bool:
    return exact is not None and abs(exact - rounded) <= 0.000051
