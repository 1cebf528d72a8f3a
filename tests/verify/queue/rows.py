"""Rows made by hand."""

from dataclasses import asdict

from verify.queue.features import Features
from verify.queue.work import Row


def row(
    name: str,
    pr: int | None = None,
    *,
    status: str = "pass",
    milliseconds: float = 100.0,
    codes=None,
    process: int = 1,
    **more,
) -> Row:
    found = Features(
        logs=more.pop("logs", {}),
        scores=more.pop("scores", ()),
        script=more.pop("script", None),
        code=more.pop("code", None),
        sketch=more.pop("sketch", ()),
    )
    location = f"records/track_10min_16mb/{name}"
    return Row(
        key=f"{pr}-{name}",
        name=name,
        location=location,
        pr=pr,
        sha=None,
        date=None,
        status=status,
        milliseconds=milliseconds,
        cpu_milliseconds=milliseconds,
        bytes_peak=more.pop("bytes_peak", 1000),
        process=process,
        verdict=f"verdicts/{pr}-{name}.json",
        codes=codes or {},
        features=asdict(found),
        **more,
    )
