"""Trees in memory: a submission's files without a disk."""

from verify.tree import FileInfo, Kind


class MemoryTree:
    """Files by path. A value of None is a listed symlink; a pair (kind, bytes or None) any other kind."""

    pr = sha = date = None

    def __init__(
        self,
        files: dict[str, str | bytes | tuple[Kind, int | None] | None],
        location: str = "records/track_10min_16mb/x",
    ):
        self.location = location
        self.name = location.rpartition("/")[2]
        self.data = {path: value.encode() if isinstance(value, str) else value for path, value in files.items()}

    def files(self) -> tuple[FileInfo, ...]:
        return tuple(self.info(path) for path in sorted(self.data))

    def info(self, path: str) -> FileInfo:
        value = self.data[path]
        if isinstance(value, bytes):
            return FileInfo(path, len(value))
        return FileInfo(path, None, "symlink") if value is None else FileInfo(path, value[1], value[0])

    def read(self, path: str, bytes_max: int) -> bytes:
        value = self.data[path]
        if not isinstance(value, bytes):
            raise AssertionError(f"{path} is not a file and was read")
        return value[:bytes_max]
