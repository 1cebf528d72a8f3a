"""The output folder of a queue: rows of verdicts done, kept from one run to the next.

OUT/rows.jsonl        one line per verdict, appended as they come; the last line of a key counts
OUT/verdicts/*.json   the verdicts
OUT/pages/*.html      with --html
OUT/crashes/*.txt     what went wrong, one file each
"""

import dataclasses
import json
from pathlib import Path

from filelock import FileLock, Timeout

from verify.errors import BadInput
from verify.queue.work import Row

FOLDERS = ("verdicts", "pages", "crashes")
FIELDS = {field.name for field in dataclasses.fields(Row)}


class Store:
    """One queue at a time writes to a folder. Raises BadInput where it cannot be written or another one does."""

    def __init__(self, out: Path):
        self.out = out
        try:
            for name in FOLDERS:
                (out / name).mkdir(parents=True, exist_ok=True)
            self.lock = FileLock(out / ".lock", timeout=0)
            self.lock.acquire()
        except Timeout:
            raise BadInput(
                f"{str(out)!r} is being written by another queue. Wait for it, or give another --out."
            ) from None
        except OSError as error:
            raise BadInput(f"{str(out)!r} cannot be written: {error.strerror}. Give --out a folder that can.") from None
        self.rows_file = out / "rows.jsonl"

    def close(self) -> None:
        self.lock.release()

    def done(self, with_page: bool) -> dict[str, Row]:
        """Rows of earlier runs whose verdict (and page, if asked for) is still there, by key."""
        rows = {}
        try:
            lines = self.rows_file.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return {}
        for line in lines:
            row = row_from(line)
            if row is None or not (self.out / row.verdict).is_file():
                continue
            if not with_page or (row.page and (self.out / row.page).is_file()):
                rows[row.key] = row
        return rows

    def add(self, row: Row) -> None:
        with self.rows_file.open("a", encoding="utf-8", errors="replace") as file:
            file.write(json.dumps(dataclasses.asdict(row)) + "\n")

    def crash(self, key: str, text: str) -> Path:
        """Keep what went wrong, with the stack of a hang or of a broken process where there is one."""
        trace = self.out / "crashes" / f"{key}.trace"
        path = self.out / "crashes" / f"{key}.txt"
        stack = trace.read_text(errors="replace") if trace.exists() else ""
        path.write_text(f"{text}\n{stack}", encoding="utf-8", errors="replace")
        trace.unlink(missing_ok=True)
        return path

    def forget_crash(self, key: str) -> None:
        (self.out / "crashes" / f"{key}.txt").unlink(missing_ok=True)


def row_from(line: str) -> Row | None:
    """A row of a line that was written whole by this version; None of any other."""
    try:
        data = json.loads(line)
    except ValueError:
        return None
    return Row(**data) if isinstance(data, dict) and set(data) == FIELDS else None
