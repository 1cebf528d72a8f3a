"""Reading a whole submission: roles of files, the main script, its helpers, logs, requirements, and every attack."""

import hashlib
import time

import pytest

from tests.verify.folders import record_folder
from tests.verify.submission.trees import MemoryTree
from verify.folder import FolderTree
from verify.limits import SCRIPT_BYTES_MAX, TEXT_BYTES_MAX
from verify.submission.model import Submission
from verify.submission.read import read_submission
from verify.submission.text import printable

TRAIN = "import os, torch\nclass Hyperparameters:\n    seed = int(os.environ.get('SEED', 1337))\n"
LOG = "".join(f"step:{step} train_loss:{6 - step / 100:.4f} train_time:{step}ms\n" for step in range(50))


def read(files: dict, **options) -> Submission:
    return read_submission(MemoryTree(files, **options))


def sentences(submission: Submission) -> str:
    return "\n".join(f"{problem.file}: {problem.sentence}" for problem in submission.problems)


def test_a_legal_record_folder_is_read_without_a_problem(tmp_path):
    submission = read_submission(FolderTree(record_folder(tmp_path)))
    assert submission.problems == ()
    assert submission.track == "10min"
    assert submission.main is not None
    assert submission.main.path == "train_gpt.py"
    assert submission.scripts[0] is submission.main
    assert len(submission.logs) == 3
    assert [claim.seed for claim in submission.metadata.seed_results] == [42, 314, 999]
    assert [claim.seed for claim in submission.readme.seed_results] == [42, 314, 999]
    assert submission.readme.commands
    assert submission.requirements


def test_a_typical_folder_is_read_in_thirty_milliseconds(tmp_path):
    record_folder(
        tmp_path,
        extra={"train_gpt.py": TRAIN + "x = 1  # eval\n" * 4000, **{f"log{n}.log": LOG * 60 for n in range(4)}},
    )
    folder = next(tmp_path.glob("records/*/*"))
    read_submission(FolderTree(folder))
    seconds = []
    for _ in range(5):
        start = time.process_time()
        read_submission(FolderTree(folder))
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.06  # twice the target: machines differ


@pytest.mark.parametrize(
    ("location", "metadata", "track"),
    [
        ("records/track_10min_16mb/x", {}, "10min"),
        ("records/track_non_record_16mb/x", {"track": "10min_16mb"}, "non_record"),
        ("x", {"track": "10min_16mb"}, "10min"),
        ("x", {"track": "non-record-unlimited-compute-16mb"}, "non_record"),
        ("x", {"non_record": True}, "non_record"),
        ("x", {}, None),
    ],
)
def test_the_track_is_told_by_the_place_then_by_the_metadata(location, metadata, track):
    import json

    assert read({"submission.json": json.dumps(metadata)}, location=location).track == track


def test_train_gpt_is_the_main_script_and_its_helpers_are_followed():
    submission = read(
        {
            "train_gpt.py": TRAIN
            + "from parts.model import Gpt\nimport numpy as np, tools\nsrc = open('kernel.cu').read()\n",
            "parts/__init__.py": "",
            "parts/model.py": "from .layers import Block\n",
            "parts/layers.py": "x=1",
            "tools.py": "import json;import deeper",
            "deeper.py": "",
            "kernel.cu": '#include "util.h"\n',
            "util.h": "",
            "prepare_data.py": "import tools",
            "numpy_notes.py": "",
        }
    )
    assert submission.main is not None
    assert submission.main.path == "train_gpt.py"
    assert {script.path for script in submission.helpers} == {
        "parts/__init__.py",
        "parts/model.py",
        "parts/layers.py",
        "tools.py",
        "deeper.py",
        "kernel.cu",
        "util.h",
    }


@pytest.mark.parametrize(
    ("files", "main"),
    [
        ({"train_gpt_v5.py": TRAIN, "prepare.py": TRAIN}, "train_gpt_v5.py"),
        ({"train_gpt_human.py": TRAIN, "train_gpt_lzma.py": TRAIN}, "train_gpt_lzma.py"),
        ({"train_hnet.py": TRAIN, "plot.py": ""}, "train_hnet.py"),
        ({"a.py": TRAIN, "b.py": TRAIN, "README.md": "```\ntorchrun --nproc_per_node=8 b.py\n```"}, "b.py"),
        ({"a.py": TRAIN, "b.py": TRAIN, "run.sh": "torchrun --standalone ./b.py\n"}, "b.py"),
        ({"a.py": TRAIN, "b.py": TRAIN, "submission.json": '{"run_command": "torchrun b.py"}'}, "b.py"),
        (
            {
                "train_gpt.py": "exec(open(__file__.replace('train_gpt.py','train_gpt_decode.py')).read())",
                "train_gpt_decode.py": TRAIN,
            },
            "train_gpt_decode.py",
        ),
        ({"sub/train_gpt.py": TRAIN, "sub/helper.py": ""}, "sub/train_gpt.py"),
        ({"kernel.c": "int x;"}, None),
        ({"utils.py": "x = 1"}, None),
    ],
)
def test_what_stands_in_the_place_of_train_gpt_is_found(files, main):
    submission = read(files)
    assert (submission.main and submission.main.path) == main


def test_a_launcher_that_starts_the_main_script_is_its_helper():
    submission = read({"train_gpt.py": "import runpy\nrunpy.run_path('real.py')", "real.py": TRAIN})
    assert submission.main is not None
    assert submission.main.path == "real.py"
    assert [script.path for script in submission.helpers] == ["train_gpt.py"]


def test_logs_are_told_by_name_and_by_content():
    submission = read(
        {
            "train_seed42.log": "anything",
            "logs/seed 7.txt": LOG,
            "run.out": LOG,
            "nohup": LOG,
            "utf16.txt": LOG.encode("utf-16"),
            "bare16.log": LOG.encode("utf-16-le"),
            "empty.log": "",
            "model.log": bytes(range(256)) * 100,
            "notes.txt": "we ran step 1 and then rested\n" * 5,
            "requirements.txt": "torch\n",
            "commands.txt": "SEED=1 torchrun train_gpt.py\n",
            "README.txt": "val_bpb val_bpb val_bpb",
            "results.csv": LOG,
        }
    )
    assert {log.path for log in submission.logs} == {
        "train_seed42.log",
        "logs/seed 7.txt",
        "run.out",
        "nohup",
        "utf16.txt",
        "bare16.log",
    }
    by_path = {log.path: log for log in submission.logs}
    assert by_path["utf16.txt"].text == by_path["bare16.log"].text == LOG
    assert by_path["run.out"].sha256 == hashlib.sha256(LOG.encode()).hexdigest()


def test_requirements_are_read_from_files_readme_and_shell_scripts():
    submission = read(
        {
            "requirements.txt": (
                "# build\ntorch==2.9.1\nFlash_Attn_3 @ https://x/y.whl\n"
                "zstandard>=0.2 # fast\n-r other.txt\n"
                "git+https://github.com/a/kernels.git@main\n"
            ),
            "README.md": (
                "Needs `pip install brotli==1.1 'huggingface-hub[cli]' --no-deps`.\n"
                "\n    sudo apt-get install -y lrzip && rm -rf x\n"
            ),
            "setup.sh": "uv pip install --index-url https://x/whl triton\npip install -r requirements.txt\n",
        }
    )
    assert set(submission.requirements) == {
        "torch",
        "flash-attn-3",
        "zstandard",
        "kernels",
        "brotli",
        "huggingface-hub",
        "lrzip",
        "triton",
    }
    place = submission.requirements["zstandard"]
    assert (place.file, place.line, place.quote) == ("requirements.txt", 4, "zstandard>=0.2 # fast")


def test_tokenizers_and_command_files_are_found():
    submission = read(
        {
            "tok/sp.model": "x",
            "sp.vocab": "x",
            "tokenizer.json": "{}",
            "commands.txt": "SEED=1 torchrun train_gpt.py\n",
            "train_gpt.py": TRAIN,
        }
    )
    assert submission.tokenizers == ("sp.vocab", "tok/sp.model", "tokenizer.json")
    assert submission.readme.environment["SEED"].file == "commands.txt"


def test_a_folder_of_nothing_known_is_read():
    submission = read({"model.bin": b"\x00\x01"})
    assert (submission.main, submission.logs, submission.metadata.file, submission.readme.file) == (
        None,
        (),
        None,
        None,
    )


# Attacks, each by name.


def test_links_devices_and_missing_objects_are_reported_and_never_read():
    submission = read(
        {
            "README.md": None,
            "train_gpt.py": None,
            "train.log": ("other", None),
            "submission.json": ("absent", 100),
            "model.ptz": ("absent", None),
        }
    )
    assert "README.md: is a symbolic link" in sentences(submission)
    assert "train.log: is no regular file" in sentences(submission)
    assert "submission.json: is not in the git store" in sentences(submission)
    assert submission.main is None


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd.py",
        "/etc/passwd.py",
        "a/../../b.log",
        "\x1b[31mx.py",
        "a\nb.py",
        "\u202egpj.py",
        "caf\udce9.log",
    ],
)
def test_hostile_names_are_reported_and_printable(name):
    submission = read({name: TRAIN + LOG})
    assert "leads out of the folder" in sentences(submission)
    assert all("\x1b" not in printable(problem.file) for problem in submission.problems)


def test_a_script_cannot_read_files_outside_the_folder(tmp_path):
    (tmp_path / "secret.py").write_text("secret = 1")
    folder = tmp_path / "x"
    folder.mkdir()
    for path in ("../secret.py", str(tmp_path / "secret.py"), "link.py"):
        (folder / "train_gpt.py").write_text(TRAIN + f"exec(open({path!r}).read())")
        (folder / "link.py").unlink(missing_ok=True)
        (folder / "link.py").symlink_to(tmp_path / "secret.py")
        submission = read_submission(FolderTree(folder))
        assert "secret = 1" not in "".join(script.source for script in submission.scripts)


def test_a_log_of_ten_sparse_gigabytes_is_cut_and_reported(tmp_path, monkeypatch):
    monkeypatch.setattr("verify.submission.log_files.LOG_BYTES_MAX", 1_000_000)
    with open(tmp_path / "train.log", "wb") as file:
        file.write(LOG.encode() * 100)
        file.truncate(10 << 30)
    submission = read_submission(FolderTree(tmp_path))
    assert submission.logs[0].is_cut
    assert submission.logs[0].bytes == 10 << 30
    assert len(submission.logs[0].text) == 1_000_000
    assert "longer than can be read" in sentences(submission)


def test_many_logs_share_one_limit(monkeypatch):
    monkeypatch.setattr("verify.submission.log_files.LOGS_BYTES_MAX", 3 * len(LOG))
    submission = read({f"{n}.log": LOG for n in range(9)})
    assert sum(len(log.text) for log in submission.logs) <= 3 * len(LOG)
    assert "longer than can be read" in sentences(submission)


def test_a_line_of_twenty_megabytes_is_survived(tmp_path):
    (tmp_path / "train.log").write_bytes(b"step:1 train_loss:1 " * 1_000_000)
    (tmp_path / "README.md").write_bytes(b"bpb 1.08 " * 2_500_000)
    (tmp_path / "submission.json").write_bytes(b'"' + b"a" * 20_000_000)
    (tmp_path / "train_gpt.py").write_bytes(b"x = '" + b"a" * 20_000_000 + b"'")
    start = time.process_time()
    submission = read_submission(FolderTree(tmp_path))
    assert time.process_time() - start < 4
    assert len(submission.readme.text) == TEXT_BYTES_MAX
    assert submission.main is None or len(submission.main.text) == SCRIPT_BYTES_MAX
    assert sentences(submission).count("the rest was not read") == 3


def test_broken_utf8_everywhere_is_replaced_and_reported():
    submission = read(
        {
            "README.md": b"# caf\xe9\n",
            "submission.json": b'{"name": "caf\xe9"}',
            "train_gpt.py": TRAIN.encode() + b"# \xff",
            "a.log": b"caf\xe9\n",
        }
    )
    assert sentences(submission).count("is not UTF-8") == 4
    assert submission.metadata.name == "caf\ufffd"


def test_two_submission_files_with_one_broken_are_read_by_name():
    submission = read({"submission.json": "{", "submission_2.json": '{"val_bpb": 1.0}'})
    assert submission.metadata.file == "submission.json"
    assert read({"submission_binary.json": '{"val_bpb": 1.0}', "x/submission.json": "{}"}).metadata.val_bpb == 1.0


def test_a_folder_of_too_many_scripts_is_cut_and_reported(monkeypatch):
    monkeypatch.setattr("verify.submission.scripts.SCRIPTS_MAX", 3)
    submission = read({f"s{n}.py": "" for n in range(9)} | {"train_gpt.py": TRAIN})
    assert "3 were read" in sentences(submission)
    assert submission.main is not None


def test_imports_in_a_circle_end():
    submission = read({"train_gpt.py": TRAIN + "import a", "a.py": "import b, train_gpt", "b.py": "import a"})
    assert {script.path for script in submission.helpers} == {"a.py", "b.py"}


def test_scripts_that_execute_one_another_end():
    submission = read({"train_gpt.py": "exec(open('a.py').read())", "a.py": "exec(open('train_gpt.py').read())"})
    assert submission.main is not None


@pytest.mark.parametrize(
    "text",
    [
        "import " + "a," * 60_000,
        "from x import (" + "a,\n" * 40_000,
        "'" * 100_000,
        '#include "' * 20_000,
        "\n" * 200_000,
        ":" + " " * 200_000,
        "import a;" * 20_000,
        "'a.py'" * 20_000,
    ],
)
def test_bait_for_the_import_reader_is_read_in_linear_time(text):
    start = time.process_time()
    read(
        {
            "train_gpt.py": TRAIN + text,
            "k.cu": text,
            "a.py": text,
            "a.log": text,
            "b.txt": text,
            "run.sh": text,
            "requirements.txt": text,
        }
    )
    assert time.process_time() - start < 4
