"""`verify audit` from the command line's side: outputs, exit codes, what is refused."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests.verify.folders import record_folder
from tests.verify.git.stores import Store, record
from verify.cli import verify
from verify.errors import BadInput
from verify.git.tree import repository
from verify.report.as_json import from_json

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def run(*arguments: str) -> int:
    """The exit code; expected errors are raised."""
    return verify(["audit", *arguments], prog_name="verify", standalone_mode=False) or 0


@pytest.fixture(scope="module")
def legal(tmp_path_factory):
    return str(record_folder(tmp_path_factory.mktemp("legal")))


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A train log far over the time limit."""
    return str(record_folder(tmp_path_factory.mktemp("broken"), train_ms=655_000))


@pytest.fixture
def store(tmp_path):
    repository.cache_clear()
    made = Store(tmp_path / "store")
    base = made.main(record("Old"))
    made.pull(3, record("Old") | record("A") | record("B"), base)
    return made


def test_the_exit_code_is_that_of_the_verdict(legal, broken, capsys):
    for folder, codes in ((legal, {0, 3}), (broken, {1})):
        code = run(folder, "--json")
        verdict = from_json(capsys.readouterr().out)
        assert code == verdict.exit_code
        assert code in codes
    assert "train-time" in {result.rule for result in verdict.results if result.status == "fail"}


def test_several_outputs_at_once_are_written_whole(legal, tmp_path, capsys):
    paths = {kind: tmp_path / f"out.{kind}" for kind in ("json", "markdown", "html")}
    run(legal, *(part for kind, path in paths.items() for part in (f"--{kind}", str(path))))
    assert from_json(paths["json"].read_text()).submission.name in paths["html"].read_text()
    assert paths["markdown"].read_text().startswith(("#", "*", "<"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.html", "out.json", "out.markdown"]
    out = capsys.readouterr()
    assert "passed" in out.out  # the terminal's report too
    assert out.err.count("Written:") == 3


def test_standard_output_holds_the_one_format_asked_for(legal, tmp_path, capsys):
    run(legal, "--html", "-", "--json", str(tmp_path / "x.json"))
    out = capsys.readouterr().out
    assert out.lstrip().lower().startswith("<!doctype html>")
    with pytest.raises(BadInput, match="more than one"):
        run(legal, "--json", "-", "--markdown", "-")


def test_one_rule_alone_decides_when_asked(broken, capsys):
    assert run(broken, "--only", "train-time", "--json") == 1
    assert {result.rule for result in from_json(capsys.readouterr().out).results} == {"train-time"}
    assert run(broken, "--only", "seeds.count") == 0
    with pytest.raises(BadInput, match="no such rule"):
        run(broken, "--only", "nothing")


def test_the_headline_counts_what_is_waived(broken, capsys):
    run(broken, "--waive", "train-time.runs=a reason", "--waive", "seeds=another", "--json")
    verdict = from_json(capsys.readouterr().out)
    waived = sum(result.waiver is not None for result in verdict.results)
    assert f"{waived} checks waived (seeds, train-time)" in verdict.headline


def test_a_part_of_a_verdict_says_that_it_is_one(legal, capsys):
    run(legal, "--only", "seeds", "--only", "train-time.runs", "--json")
    assert from_json(capsys.readouterr().out).headline.startswith("Only seeds and train-time.runs: no rule")


def test_a_waived_rule_does_not_fail_and_says_why(broken, tmp_path, capsys):
    assert (
        run(broken, "--only", "train-time", "--waive", "train-time=slower node, agreed with the organisers", "--json")
        == 0
    )
    verdict = from_json(capsys.readouterr().out)
    assert {result.waiver for result in verdict.results} == {"slower node, agreed with the organisers"}
    file = tmp_path / "waivers.yaml"
    file.write_text("train-time: from a file\n")
    assert run(broken, "--only", "train-time", "--waivers", str(file)) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--pr", "3", "folder"),
        ("no/such/folder",),
        ("--pr", "9"),
        ("--pr", "3", "--folder", "C"),
        ("--pr", "3", "--remote", "/no/such/repository"),
        ("{legal}", "--policy", "no-such-policy"),
        ("{legal}", "--waive", "train-time"),
        ("{legal}", "--waive", "train-time= "),
        ("{legal}", "--waive", "no-such-rule=reason"),
        ("{legal}", "--waivers", "/no/such/file"),
        ("{legal}", "--json", "/no/such/folder/out.json"),
        ("{legal}", "--json", "{legal}"),
        ("{legal}", "--json", ""),
        ("{legal}", "--policy", ""),
        ("{legal}", "--folder", "A"),
        ("{legal}", "--remote", "/no/such/repository"),
        ("--pr", "3", "--remote", ""),
        ("",),
        ("x" * 5000,),
        ("{legal}", "--policy", "x" * 5000),
    ],
)
def test_bad_input_is_refused_in_one_sentence(arguments, legal, store):
    remote = ("--remote", store.path) if "--pr" in arguments and "--remote" not in arguments else ()
    with pytest.raises(BadInput) as caught:
        run(*(part.format(legal=legal) for part in arguments), *remote)
    assert str(caught.value).count("\n") == 0
    assert caught.value.exit_code == 2


def test_nothing_is_written_where_one_place_is_wrong(legal, tmp_path):
    good, wrong = str(tmp_path / "good.json"), str(tmp_path / "none" / "x.html")
    with pytest.raises(BadInput, match="cannot be written"):
        run(legal, "--json", good, "--html", wrong)
    with pytest.raises(BadInput, match="the same file"):
        run(legal, "--json", good, "--html", good)
    assert not list(tmp_path.iterdir())


def test_a_folder_taken_for_the_output_is_told(legal):
    with pytest.raises(BadInput, match="FOLDER first"):
        run("--json", legal)


@pytest.mark.parametrize("text", ["a: [", "a: [\n b", "\xa2", "# a\nname the"])
def test_a_file_that_is_no_yaml_is_refused_in_one_line(text, legal, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(text.encode("latin-1"))
    for option in ("--policy", "--waivers"):
        with pytest.raises(BadInput, match=r"x\.yaml") as caught:
            run(legal, option, str(path))
        assert "\n" not in str(caught.value)


def test_a_pull_request_has_a_verdict_for_each_folder(store, capsys, tmp_path):
    assert run("--pr", "3", "--remote", store.path, "--json") == 1
    verdicts = json.loads(capsys.readouterr().out)
    assert [(verdict["submission"]["name"], verdict["submission"]["pr"]) for verdict in verdicts] == [
        ("A", 3),
        ("B", 3),
    ]
    run("--pr", "3", "--remote", store.path, "--folder", "B", "--json")
    assert json.loads(capsys.readouterr().out)["submission"]["name"] == "B"
    run("--pr", "3", "--remote", store.path, "--html", str(tmp_path / "page.html"))
    assert sorted(path.name for path in tmp_path.glob("page*")) == ["page-1-A.html", "page-2-B.html"]
    told = capsys.readouterr().err.replace("Written: ", "").split()
    assert told == [str(tmp_path / "page-1-A.html"), str(tmp_path / "page-2-B.html")]
    with pytest.raises(BadInput, match="2 folders make 2 pages"):
        run("--pr", "3", "--remote", store.path, "--html", "-")


def test_a_hostile_name_reaches_neither_the_terminal_nor_a_path(tmp_path, capsys):
    repository.cache_clear()
    store = Store(tmp_path / "store")
    base = store.main(record("Old"))
    name = "\x1b]0;owned\x07<script>alert(1)</script>"
    store.pull(3, record("Old") | record("../x".replace("/", "\u2215")) | record(name), base)
    run("--pr", "3", "--remote", store.path, "--html", str(tmp_path / "page.html"))
    out = capsys.readouterr()
    assert "\x1b]" not in out.out + out.err
    assert all(re.fullmatch(r"page-\d-[A-Za-z0-9._-]*\.html", path.name) for path in tmp_path.glob("page*"))
    assert "<script>alert(1)" not in "".join(path.read_text() for path in tmp_path.glob("page*"))


def test_an_error_of_the_program_is_one_line_and_exit_code_2(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "verify", "audit", str(tmp_path / "none")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("verify: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
@pytest.mark.parametrize("option", [(), ("--json",)])
@pytest.mark.parametrize("start", [("-m", "verify"), ("-c", "from pgolf.cli import main; main()", "verify")])
def test_output_that_cannot_be_written_is_one_line(legal, start, option):
    """By either door: 1 and 3 would be verdicts."""
    with open("/dev/full", "w") as full:
        command = [sys.executable, *start, "audit", legal, *option]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "No space left on device" in done.stderr


HEAVY = ("pydantic", "rich", "scipy", "pygit2", "jinja2", "yaml", "pebble")
FORBIDDEN = ("scipy", "numpy", "matplotlib", "torch", "pebble")


def imported(code: str, names: tuple[str, ...], *arguments: str) -> str:
    """Which of `names` a fresh interpreter has imported after `code`, as printed to standard error."""
    code = f"import sys\n{code}\nprint([name for name in {names!r} if name in sys.modules], file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return done.stderr.strip()


def test_nothing_heavy_is_imported_before_a_command_runs():
    assert imported("import verify.cli", HEAVY) == "[]"


def test_an_audit_imports_no_statistics_or_plotting_library(legal):
    code = "from verify.cli import verify\nverify(['audit', sys.argv[1], '--json'], standalone_mode=False)"
    assert imported(code, FORBIDDEN, legal) == "[]"
