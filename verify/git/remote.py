"""Remotes by URL: pull-request heads and main, fetched by git into a cache of the user, and nothing else.

The cache is one bare repository per URL below $XDG_CACHE_HOME/pgolf/git (~/.cache/pgolf/git without it), locked while it
is written. Blobs over BLOB_BYTES_MAX are left out where the server can leave them out. Nothing is checked out, no hook and no
credential helper runs, nobody is asked for a password, and a fetch that ends early leaves no reference half-written.
"""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from verify.errors import BadInput, VerifyError

SCHEMES = ("https", "http", "ssh", "git", "file")
URL = re.compile(rf"(?:{'|'.join(SCHEMES)})://[^\s\x00-\x1f]+")
BLOB_BYTES_MAX = 32_000_000
FETCH_SECONDS_MAX = 1_800.0
LIST_SECONDS_MAX = 60.0
LOCK_SECONDS_MAX = 600.0
TERMINATE_SECONDS = 5.0
STALL = {"GIT_HTTP_LOW_SPEED_LIMIT": "1000", "GIT_HTTP_LOW_SPEED_TIME": "30"}  # bytes per second, seconds
# Set by a git that calls us (a hook, an alias), they would point every command at its repository.
REPOSITORY_VARIABLES = frozenset(
    f"GIT_{name}"
    for name in ("DIR", "WORK_TREE", "INDEX_FILE", "OBJECT_DIRECTORY", "ALTERNATE_OBJECT_DIRECTORIES", "NAMESPACE")
)
SETTINGS = (
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "credential.helper=", "gc.auto=0", "maintenance.auto=false",
    "protocol.version=2",
)  # fmt: skip
HARMLESS = tuple(part for setting in SETTINGS for part in ("-c", setting))


def local_repository(remote: str, numbers: Sequence[int]) -> str:
    """Path of a local repository that has main and these pull requests: `remote` itself, or the cache of a URL, fetched now.

    Pull requests that a URL does not have are left out, unless none is left. Raises BadInput where the remote is neither a
    folder nor a URL, cannot be reached, or has none of them.
    """
    if remote and os.path.isdir(remote):
        return remote
    if not URL.fullmatch(remote):
        raise BadInput(
            f"remote {remote!r} is no folder and no URL ({', '.join(f'{scheme}://' for scheme in SCHEMES)}). "
            "Give a local repository or a URL."
        )
    cache = cache_path(remote)
    cache.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(f"{cache}.lock", timeout=LOCK_SECONDS_MAX):
            offered = _offered(remote, numbers)
            _make(cache, remote)
            _fetch(cache, remote, offered)
    except Timeout:
        raise VerifyError(
            f"{cache} has been locked for {LOCK_SECONDS_MAX:.0f} s by another run. Wait for it, or end it."
        ) from None
    return str(cache)


def cache_path(url: str) -> Path:
    """Where a URL is cached: named for people, and by digest."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    address = url.partition("://")[2]
    label = re.sub(r"[^A-Za-z0-9.-]+", "-", address.rpartition("@")[2])[-60:].strip("-.")
    return root / "pgolf" / "git" / f"{label}-{hashlib.sha256(url.encode()).hexdigest()[:12]}.git"


def _make(cache: Path, url: str) -> None:
    """An empty bare repository at `cache`, complete or not there."""
    if cache.is_dir():
        return
    made = Path(tempfile.mkdtemp(dir=cache.parent, prefix=".new-"))
    try:
        _git(["init", "--quiet", "--bare", "--template=", str(made)], LIST_SECONDS_MAX)
        for key, value in (
            ("remote.origin.url", url),
            ("remote.origin.promisor", "true"),
            ("remote.origin.partialclonefilter", f"blob:limit={BLOB_BYTES_MAX}"),
        ):
            _git([f"--git-dir={made}", "config", key, value], LIST_SECONDS_MAX)
        made.rename(cache)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _offered(url: str, numbers: Sequence[int]) -> list[int]:
    """Which of these pull requests the remote has."""
    patterns = [f"refs/pull/{numbers[0]}/head"] if len(numbers) == 1 else ["refs/pull/*/head"]
    done = _git(["ls-remote", "--quiet", url, "refs/heads/main", *patterns], LIST_SECONDS_MAX)
    if done.returncode:
        raise BadInput(
            f"{url}: cannot be read: {_reason(done)}. Check the address and the network, or give a local repository."
        )
    names = [line.partition("\t")[2] for line in done.stdout.splitlines()]
    if "refs/heads/main" not in names:
        raise BadInput(
            f"{url}: has no branch main to compare a pull request with. Give the challenge's own repository."
        )
    wanted = set(numbers)
    there = [int(found[1]) for name in names if (found := re.fullmatch(r"refs/pull/([0-9]{1,9})/head", name))]
    offered = sorted(wanted.intersection(there))
    if not offered:
        asked = f"pull request {numbers[0]}" if len(numbers) == 1 else f"any of {len(numbers)} pull requests"
        raise BadInput(f"{url}: does not have {asked}. Name one that its list of pull requests shows.")
    return offered


def _fetch(cache: Path, url: str, numbers: Sequence[int]) -> None:
    references = ["refs/heads/main", *(f"refs/pull/{number}/head" for number in numbers)]
    command = [
        f"--git-dir={cache}", "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-gc",
        "--atomic", f"--filter=blob:limit={BLOB_BYTES_MAX}", "--stdin", "origin",
    ]  # fmt: skip
    done = _git(command, FETCH_SECONDS_MAX, "".join(f"+{name}:{name}\n" for name in references))
    if done.returncode:
        for left in (cache / "objects" / "pack").glob("tmp_*"):
            left.unlink(missing_ok=True)
        raise BadInput(
            f"{url}: cannot be fetched: {_reason(done)}. Check the network and try again, or give a local repository."
        )


def _reason(done: subprocess.CompletedProcess) -> str:
    """The first thing git complains of, which is the cause of what follows; without what could steer a terminal."""
    lines = [
        line.strip() for line in done.stderr.splitlines() if line.strip() and not line.startswith(("warning:", "hint:"))
    ]
    first = lines[0] if lines else f"git ended with {done.returncode}"
    return re.sub(r"[^\x20-\x7e]", "?", re.sub(r"^(remote: )?(fatal|error): ", "", first)).rstrip(".")[:300]


def _git(arguments: list[str], seconds_max: float, typed: str = "") -> subprocess.CompletedProcess:
    """Run git in a group of its own, which is ended as a whole when the time is over: first asked, then killed."""
    environment = {key: value for key, value in os.environ.items() if key not in REPOSITORY_VARIABLES}
    environment |= {
        "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true", "SSH_ASKPASS": "true",
        "GIT_ALLOW_PROTOCOL": ":".join(SCHEMES), "LC_ALL": "C",
        "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh") + " -oBatchMode=yes", **STALL,
    }  # fmt: skip
    try:
        process = subprocess.Popen(
            ["git", *HARMLESS, *arguments], env=environment, text=True, errors="replace", start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
    except FileNotFoundError:
        raise VerifyError(
            "git is not installed, and a remote by URL needs it. Install git, or give a local repository."
        ) from None
    try:
        out, error = process.communicate(typed, timeout=seconds_max)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(arguments, 124, "", f"fatal: no end within {seconds_max:.0f} s")
    finally:
        if process.poll() is None:
            _end(process)
    return subprocess.CompletedProcess(arguments, process.returncode, out, error)


def _end(process: subprocess.Popen) -> None:
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, signal_number)
            process.communicate(timeout=TERMINATE_SECONDS)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
