"""lrzip, an external program whose ZPAQ back end mixes the predictions of many contexts: slow both ways, and the smallest.

One thread: with more the program cuts its input into more pieces, so the same file would differ between machines.
From    the back end of parameter-golf PR 1855
"""

import subprocess
import tempfile
from pathlib import Path

from pgolf.codec.byte_shuffle import shuffle, unshuffle
from pgolf.core.errors import ArtifactError, InputError


def run(data: bytes, *options: str) -> bytes:
    """What lrzip makes of `data`."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in"), Path(folder, "out")
        source.write_bytes(data)
        argv = ["lrzip", "-Q", "-p", "1", *options, "-o", str(target), str(source)]
        try:
            done = subprocess.run(argv, check=False, capture_output=True)
        except FileNotFoundError:
            raise InputError(
                "the program lrzip is not installed. Install it (Debian: apt-get install lrzip), or choose another codec."
            ) from None
        if done.returncode or not target.is_file():
            said = (done.stderr + done.stdout).decode(errors="replace").strip()
            raise ArtifactError(f"lrzip failed with exit code {done.returncode}: {said}")
        return target.read_bytes()


def compress(cfg, data: bytes, layout) -> list[bytes]:
    return [run(shuffle(data, cfg.shuffle), "-z", "-L", str(cfg.level))]


def decompress(cfg, sections, layout, size: int) -> bytes | bytearray:
    (section,) = sections
    if int.from_bytes(section[6:14], "little") != size:  # what the header says, before anything is written to the disk
        return b""
    return unshuffle(run(section, "-d"), cfg.shuffle)
