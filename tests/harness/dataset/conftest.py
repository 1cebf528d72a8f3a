"""One demo data set for the whole session, and a hub of our own that speaks what huggingface_hub asks for."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

REPO = "somebody/shards"
COMMIT = "c0ffee" + "0" * 34
COMMAND = """
import sys
from pgolf.commands.data import data
from pgolf.core.errors import PgolfError
try:
    data(prog_name="pgolf data")
except PgolfError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""
ROOT = Path(__file__).parents[3]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def demo_copy(demo_dir, tmp_path) -> Path:
    return Path(shutil.copytree(demo_dir, tmp_path / "data"))


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    quiet = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HOME": str(tmp_path / "hf"), "NO_PROXY": "127.0.0.1"}
    kept = {name: value for name, value in os.environ.items() if name not in ("HF_HUB_OFFLINE", "HF_TOKEN", "DATA_DIR")}
    return {**kept, **quiet, "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="session")
def command() -> list[str]:
    """`pgolf data`, as the top-level command runs it: an error of ours is one line and an exit code."""
    return [sys.executable, "-c", COMMAND]


@pytest.fixture
def pgolf_data(command, environment) -> Run:
    def run(*arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
        words = [*command, *map(str, arguments)]
        return subprocess.run(
            words, env=environment | settings, capture_output=True, text=True, timeout=60, check=False
        )

    return run


class Hub:
    """Files of one data set repository, the faults to be made with them, and the requests that came."""

    repo = REPO

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.sha256: dict[str, str] = {}  # path -> what the hub says, where it is not the truth
        self.cut_bytes: dict[str, int] = {}  # path -> the next answer breaks off after so many bytes
        self.stall_bytes: dict[str, int] = {}  # path -> the next answer stops there and waits
        self.stalled, self.go_on = threading.Event(), threading.Event()
        self.requests: list[tuple[str, str, str]] = []  # method, path, range
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                hub.answer(self)

            do_GET = do_HEAD

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def got(self, ending: str = "") -> list[tuple[str, str]]:
        """(path, range) of the bytes sent for files whose path ends so, without the manifest."""
        return [
            (path, span)
            for method, path, span in self.requests
            if method == "GET" and path.endswith(ending) and not path.endswith("manifest.json")
        ]

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        resolve = re.fullmatch(rf"/datasets/{REPO}/resolve/(main|{COMMIT})/(.+)", request.path)
        stored = re.fullmatch(r"/large/(.+)", request.path)
        path = resolve[2] if resolve else stored[1] if stored else ""
        if path not in self.files:
            request.send_response(404)
            request.send_header("X-Error-Code", "EntryNotFound" if resolve else "RepoNotFound")
            request.send_header("Content-Length", "0")
            request.end_headers()
        elif resolve and request.command == "GET" and path.endswith(".bin"):
            request.send_response(302)  # as the real hub sends large files elsewhere
            request.send_header("Location", f"{self.url}/large/{path}")
            request.send_header("Content-Length", "0")
            request.end_headers()
        else:
            self._send(request, path)

    def _send(self, request: BaseHTTPRequestHandler, path: str) -> None:
        data = self.files[path]
        digest = self.sha256.get(path, hashlib.sha256(data).hexdigest())
        span = request.headers.get("Range", "")
        self.requests.append((request.command, path, span))
        start = int(span.removeprefix("bytes=").removesuffix("-") or 0)
        request.send_response(206 if span else 200)
        if span:
            request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        request.send_header("X-Repo-Commit", COMMIT)
        request.send_header("ETag", f'"{digest}"')
        request.send_header("X-Linked-Etag", f'"{digest}"')
        request.send_header("X-Linked-Size", str(len(data)))
        request.send_header("Content-Length", str(len(data) - start))
        request.end_headers()
        if request.command == "HEAD":
            return
        end = start + self.cut_bytes.pop(path, self.stall_bytes.get(path, len(data)))
        request.wfile.write(data[start:end])
        request.wfile.flush()
        if self.stall_bytes.pop(path, 0):
            self.stalled.set()
            self.go_on.wait(30)
        request.close_connection = True


@pytest.fixture
def hub(demo_dir) -> Iterator[Hub]:
    """The demo data set as a published export."""
    yield from published(demo_dir)


@pytest.fixture
def caseops_hub(caseops_dir) -> Iterator[Hub]:
    """Its CaseOps twin, likewise."""
    yield from published(caseops_dir)


def published(demo_dir: Path) -> Iterator[Hub]:
    """Folder `datasets`, a manifest without sizes and digests, and a server."""
    files = {
        f"datasets/{path.relative_to(demo_dir).as_posix()}": path.read_bytes()
        for path in demo_dir.rglob("fineweb_*")
        if path.is_file()
    }
    manifest = json.loads((demo_dir / "manifest.json").read_text())
    for entry in [*manifest["datasets"], *manifest["tokenizers"]]:
        del entry["files"]
    files["datasets/manifest.json"] = json.dumps({**manifest, "version": "10B", "unknown": [1]}).encode()
    hub = Hub(files)
    thread = threading.Thread(target=hub.server.serve_forever, daemon=True)
    thread.start()
    yield hub
    hub.go_on.set()
    hub.server.shutdown()
    hub.server.server_close()
    thread.join()
