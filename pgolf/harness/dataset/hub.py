"""One file of a Hugging Face data set: what the hub says about it, and its bytes, continued where a download stopped.

A partial file carries the hub's ETag in its name, so bytes of two versions are never joined, and it outlives the
process (huggingface_hub's own download deletes its partial files). HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE are obeyed.
"""

import hashlib
import re
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants, get_hf_file_metadata, get_session, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

from pgolf.core.errors import DataError, InputError

WAIT_SECONDS = (1.0, 2.0, 4.0, 8.0)  # before each new attempt; a received byte starts the count anew
RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


class Stopped(Exception):
    """Another file failed, or the user pressed Ctrl-C: not an error of this one."""


@dataclass(frozen=True)
class RemoteFile:
    """What the hub says about a file. sha256 is None for files that are not stored as large files."""

    path: str
    url: str
    commit: str
    etag: str
    size_bytes: int
    sha256: str | None

    def partial(self, path: Path) -> Path:
        """Where the bytes for `path` are collected: beside it, one name per version."""
        return path.with_name(f".{path.name}.{hashlib.sha256(self.etag.encode()).hexdigest()[:12]}.partial")


def describe(repo: str, path: str, revision: str = "main") -> RemoteFile:
    """Size, digest and commit of a file of the data set `repo`.

    Raises DataError when it is not there, empty, or the hub cannot be reached; InputError on an impossible repo name.
    """
    where = f"{constants.ENDPOINT}: data set {repo}"
    try:
        url = hf_hub_url(repo, path, repo_type="dataset", revision=revision)
        about = get_hf_file_metadata(url, retry_on_errors=revision != "main")
    except HFValidationError as error:
        raise InputError(f"--repo {repo}: {_first_line(error)}") from None
    except EntryNotFoundError:
        raise DataError(f"{where} has no file {path}. Check --variant, --prefix, --repo.") from None
    except RevisionNotFoundError:
        raise DataError(f"{where} has no revision {revision}. Run the command again.") from None
    except RepositoryNotFoundError:
        raise DataError(f"{where} does not exist, or needs a token. Check --repo, or set HF_TOKEN.") from None
    except (HTTPError, OSError) as error:
        raise DataError(_unreachable(error)) from None
    if not about.commit_hash or not about.etag or about.size is None:
        raise DataError(f"{where}: the answer for {path} lacks commit, ETag or size: not a hub. Check HF_ENDPOINT.")
    if about.size == 0:
        raise DataError(f"{where}: {path} has 0 bytes there, refused. Ask whoever published it.")
    sha256 = about.etag if re.fullmatch(r"[0-9a-f]{64}", about.etag) else None
    return RemoteFile(path, url, about.commit_hash, about.etag, about.size, sha256)


def download(remote: RemoteFile, partial: Path, received: Callable[[int], None], stop: threading.Event) -> None:
    """Bring `partial` to the full size of `remote`, from the byte it has reached.

    received   told of the bytes as they come: how many more there are now (fewer: negative, when it must start again)
    Raises DataError when the connection keeps failing, with what has come so far kept on the disk; Stopped on `stop`.
    """
    partial.parent.mkdir(parents=True, exist_ok=True)
    have_bytes = partial.stat().st_size if partial.exists() else 0
    free_bytes = shutil.disk_usage(partial.parent).free
    if remote.size_bytes - have_bytes > free_bytes:
        raise DataError(
            f"{partial.parent}: {free_bytes:,} bytes free, {remote.path} needs {remote.size_bytes - have_bytes:,}. "
            "Free the disk, or set --data-dir."
        )
    received(have_bytes)
    failures = 0
    while have_bytes != remote.size_bytes:
        reached_bytes = have_bytes
        problem: Exception | None = None
        try:
            _receive(remote, partial, have_bytes, received, stop)
        except HfHubHTTPError as error:
            if error.response.status_code not in RETRIED_STATUS:
                raise DataError(_unreachable(error)) from None
            problem = error
        except (HTTPError, OSError) as error:
            problem = error
        have_bytes = partial.stat().st_size if partial.exists() else 0
        failures = 0 if have_bytes > reached_bytes else failures + 1
        if have_bytes == remote.size_bytes:
            break
        if failures > len(WAIT_SECONDS):
            problem = problem or ConnectionError("the connection ended early")
            raise DataError(f"{_unreachable(problem)} Kept: {have_bytes:,} of {remote.size_bytes:,} of {remote.path}.")
        if stop.wait(WAIT_SECONDS[max(failures - 1, 0)]):
            raise Stopped


def _receive(
    remote: RemoteFile, partial: Path, have_bytes: int, received: Callable[[int], None], stop: threading.Event
) -> None:
    """One request for what is missing. Unbuffered, so that a killed process leaves every byte that came."""
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if 0 < have_bytes < remote.size_bytes:
        headers["Range"] = f"bytes={have_bytes}-"
    with get_session().stream(
        "GET", remote.url, headers=headers, follow_redirects=True, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT
    ) as response:
        hf_raise_for_status(response)
        continues = response.status_code == 206 and response.headers.get("Content-Range", "").startswith(
            f"bytes {have_bytes}-"
        )
        if have_bytes and not continues:
            received(-have_bytes)
        with partial.open("ab" if continues else "wb", buffering=0) as file:
            for chunk in response.iter_raw():  # as it comes: nothing waits in memory to be lost
                file.write(chunk)
                received(len(chunk))
                if stop.is_set():
                    raise Stopped


def _unreachable(error: Exception) -> str:
    status = f"status {error.response.status_code}" if isinstance(error, HfHubHTTPError) else type(error).__name__
    return (
        f"{constants.ENDPOINT}: cannot fetch ({status}: {_first_line(error)}). Check the network and HF_ENDPOINT, "
        "then run the command again: it continues where it stopped."
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0].rstrip(".")
