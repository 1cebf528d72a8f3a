"""What a person sees while a run goes on, made from its events: one live line for the stage, one printed line when it ends."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from pgolf.harness import events
from pgolf.harness.events import AnyEvent
from pgolf.harness.schema.recipe import Recipe


class Watcher:
    """Shows stages on a console. Off a terminal only the finished lines are printed."""

    def __init__(self, console: Console, recipe: Recipe):
        self.console, self.recipe = console, recipe

    def live(self, event: AnyEvent) -> tuple[str, float | None, float | None]:
        """(note, done, total) for the live line; an empty note changes nothing. A timed run is measured in seconds."""
        note, done, total = live(event)
        if isinstance(event, events.TrainStep | events.Progress) and event.seconds is not None:
            train, budgets = self.recipe.train, self.recipe.budgets
            if isinstance(event, events.Progress):
                note += f" {event.done * train.batch_tokens / event.seconds:,.0f} tok/s"
                total = train.stop.steps
            if train.stop.kind == "seconds":
                done, total = event.seconds, budgets.train_seconds - budgets.calibration_reserve_seconds
        return note, done, total

    @contextmanager
    def stage(self, seed: int, name: str, done: bool) -> Iterator[Callable[[AnyEvent], None]]:
        """Shows one stage; yields what to call with its events."""
        head = f"seed {seed:<6} {name:<9}"
        if done:
            self.console.print(f"[dim]{head} done before[/dim]", highlight=False)
            yield lambda event: None
            return
        started = time.monotonic()
        seen: list[AnyEvent] = []
        columns = (
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(12), TimeElapsedColumn(), TextColumn("left"),
            TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
        )  # fmt: skip
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as progress:
            task = progress.add_task(head, total=None, note="starting")

            def watch(event: AnyEvent) -> None:
                seen.append(event)
                note, done, total = self.live(event)
                if note:
                    progress.update(task, note=note, completed=done, total=total)

            yield watch
        seconds = time.monotonic() - started
        self.console.print(f"{head} {seconds:7.1f} s   {summary(seen)}", highlight=False)


def live(event: AnyEvent) -> tuple[str, float | None, float | None]:
    """(note, done, total) for the live line; an empty note changes nothing."""
    match event:
        case events.WarmupStep():
            return f"warm-up {event.step}/{event.steps}", None, None
        case events.TrainStep():
            rate = f"{event.tokens_per_second:,.0f} tok/s"
            return (
                f"step {event.step}/{event.steps} loss {event.loss_nats_per_token:.4f} {rate}",
                event.step,
                event.steps,
            )
        case events.Progress() if event.stage == "train":
            return f"step {event.done} loss {event.loss_nats_per_token:.4f}", event.done, None
        case events.Progress():
            return f"{event.done:,}/{event.total:,} tokens", event.done, event.total
        case events.Clock():
            return event.phase, None, None
    return "", None, None


def summary(seen: list[AnyEvent]) -> str:
    """What a finished stage has to say, in one line."""
    parts = []
    for event in seen:
        match event:
            case events.TrainEnd():
                loss = next((e.loss_nats_per_token for e in reversed(seen) if isinstance(e, events.TrainStep)), None)
                parts.append(
                    f"{event.step} steps in {event.seconds:.1f} s" + (f", loss {loss:.4f} nats" if loss else "")
                )
            case events.Calibrated() if event.hessians:
                parts.append(f"{event.hessians} Hessians in {event.seconds:.1f} s")
            case events.Quantized():
                parts.append(f"{event.payload_bytes:,} bytes before compression")
            case events.Packaged():
                parts.append(f"{event.code_bytes:,} code + {event.model_bytes:,} model = {event.total_bytes:,} bytes")
            case events.Score():
                parts.append(f"{event.label} {event.val_bpb:.5f} bpb")
    return ", ".join(parts)
