"""The pgolf command as its users meet it: a process with standard output, standard error and an exit code."""

import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from pgolf.cli import cli
from pgolf.harness.resolve import as_json, digest, resolve
from tests.command import PGOLF, ROOT, environment, finished, pgolf, refused

PR1394, BASELINE, SMOKE = (ROOT / "recipes" / f"{name}.yaml" for name in ("pr1394", "baseline", "smoke"))
HEAVY = {"torch", "numpy", "pydantic", "yaml", "rich", "sentencepiece", "matplotlib", "huggingface_hub", "jinja2"}
HELP_SECONDS_MAX = 0.3


def commands(command: click.Command = cli, path: tuple[str, ...] = ()):
    yield path, command
    for name, inner in command.commands.items() if isinstance(command, click.Group) else ():
        yield from commands(inner, (*path, name))


COMMANDS = dict(commands())
assert len(COMMANDS) >= 14


def listing(folder: Path):
    return sorted((path.relative_to(folder).as_posix(), path.stat().st_mtime_ns) for path in folder.rglob("*"))


# Help


def test_help_comes_at_once():
    def seconds():
        started = time.perf_counter()
        assert pgolf("--help").returncode == 0
        return time.perf_counter() - started

    assert min(seconds() for _ in range(5)) < HELP_SECONDS_MAX


@pytest.mark.parametrize(
    "arguments", [("--help",), ("recipe", "show", "--help"), ("record", "--help"), ("completion", "bash")]
)
def test_help_and_completion_import_nothing_heavy(arguments):
    program = (
        "import sys\nfrom pgolf.cli import main\ntry:\n  main()\nexcept SystemExit:\n"
        "  print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = finished([sys.executable, "-c", program, *arguments])
    loaded = set(done.stderr.split())
    assert "click" in loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize(("path", "command"), COMMANDS.items(), ids=[" ".join(path) or "pgolf" for path in COMMANDS])
def test_every_command_and_every_option_says_what_it_is_for(path, command):
    assert command.help
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "pgolf")
def test_every_help_page_can_be_printed(path):
    with click.Context(COMMANDS[path], info_name=" ".join(("pgolf", *path))) as context:
        assert COMMANDS[path].get_help(context).startswith(f"Usage: pgolf {' '.join(path)}".rstrip())


# Completion


@pytest.mark.parametrize(
    ("shell", "sign"),
    [("bash", "complete -o nosort"), ("zsh", "#compdef pgolf"), ("fish", "complete --no-files --command pgolf")],
)
def test_completion_prints_the_script_of_the_shell(shell, sign):
    done = pgolf("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert sign in done.stdout
    assert f"_PGOLF_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("pgolf rec", ["recipe", "record"]),
        ("pgolf recipe ", ["show", "diff", "validate", "schema", "catalogue"]),
        ("pgolf recipe show --s", ["--set", "--scale"]),
        ("pgolf completion z", ["zsh"]),
    ],
)
def test_words_are_completed(words, found):
    count = str(len(words.split(" ")) - 1)
    done = pgolf(_PGOLF_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=count)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(line.removeprefix("plain,") for line in done.stdout.split()) == sorted(found)


# recipe


def test_show_prints_the_resolved_recipe():
    done = pgolf("recipe", "show", SMOKE, "--scale", "tiny", "--set", "model.layers=3")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == as_json(resolve(SMOKE, ["model.layers=3"], "tiny"))


def test_show_digest_prints_the_digest_alone():
    done = pgolf("recipe", "show", SMOKE, "--digest")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{digest(resolve(SMOKE))}\n")


def test_diff_lists_the_changed_fields_and_no_others(tmp_path):
    """Off a terminal nothing is cut, however narrow it says it is."""
    other = tmp_path / "other.yaml"
    other.write_text(
        f"base: {PR1394}\nmodel: {{width: 256, attention: {{rope: {{train_tokens: null}}}}}}\naverage: {{kind: last}}\n"
    )
    done = pgolf("recipe", "diff", PR1394, other, "--fields", COLUMNS="20")
    assert (done.returncode, done.stderr) == (1, "")
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["model.width", "512", "256"],
        ["model.attention.rope.train_tokens", "2048", "null"],
        ["average.kind", '"ema"', '"last"'],
        ["average.decay", "0.997", "-"],
    ]


def test_diff_says_what_fields_mean_and_what_follows_from_them():
    """Recipes by name, as a reader of the pull requests would call them."""
    done = pgolf("recipe", "diff", "pr1285", "pr1331", COLUMNS="20")
    assert (done.returncode, done.stderr) == (1, "")
    rows = {line.split("  ")[0]: line.split() for line in done.stdout.splitlines()}
    assert rows["optim.matrix.lr"][1:] == ["0.02", "0.022"]
    assert rows["optim.matrix.weight_decay"][1:3] == ["0.09", "0.095"]
    assert rows["model.depth.first_layer"][1:3] == ["4", "3"]
    assert rows["published bpb"][2:] == ["1.09124", "1.08995"]
    assert "parameters" not in rows
    assert not any(name.startswith(("name", "title", "author")) for name in rows)


def test_diff_of_equal_recipes_prints_nothing(tmp_path):
    same = tmp_path / "[same].yaml"
    same.write_text(f"base: {PR1394}\n")
    done = pgolf("recipe", "diff", PR1394, same)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_validate_gives_a_line_for_every_good_recipe_and_every_fault_of_a_bad_one(tmp_path):
    bad, nowhere = tmp_path / "bad.yaml", tmp_path / "nowhere.yaml"
    bad.write_text(f"base: {PR1394}\nmodel:\n  widht: 3\nseeds: x\n")
    done = pgolf("recipe", "validate", BASELINE, bad, nowhere, SMOKE)
    valid = [f"{path}: valid, digest {digest(resolve(path))}" for path in (BASELINE, SMOKE)]
    assert done.stdout.splitlines() == valid
    assert [line[: line.index("; ")] for line in refused(done, 2).splitlines() if "; " in line] == [
        f'pgolf: {bad}:4: seeds: found "x"',
        f"pgolf: {bad}:3: model.widht: no such field",
    ]
    assert done.stderr.splitlines()[-1] == f"pgolf: {nowhere}: No such file or directory."


def test_schema_prints_the_file_in_recipes_and_writes_it(tmp_path):
    wanted = (ROOT / "recipes" / "recipe.schema.json").read_text()
    assert pgolf("recipe", "schema").stdout == wanted
    assert pgolf("recipe", "schema", "-o", tmp_path / "s.json").returncode == 0
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("s.json", wanted)]


# Bad input

BAD = {
    "no command": ((), "Usage: pgolf"),
    "unknown command": (("recrod",), "No such command 'recrod'"),
    "unknown command of a group": (("recipe", "shwo"), "No such command 'shwo'"),
    "group alone": (("data",), "Usage: pgolf data"),
    "no recipe": (("record",), "Missing argument 'RECIPE'"),
    "too many arguments": (("recipe", "show", "a", "b"), "unexpected extra argument"),
    "unknown option": (("run", "a.yaml", "--sed", "1"), "No such option '--sed'"),
    "text for a seed": (("run", "a.yaml", "--seed", "x"), "'x' is not a valid integer"),
    "missing recipe": (("record", "nowhere.yaml"), "pgolf: nowhere.yaml: No such file or directory.\n"),
    "a folder for a recipe": (("recipe", "show", "."), "pgolf: .: Is a directory.\n"),
    "a recipe that is none": (("recipe", "show", "Makefile"), "pgolf: Makefile:"),
    "unknown scale": (("run", str(SMOKE), "--scale", "x"), "pgolf: --scale: found 'x'; allowed: tiny.\n"),
    "setting without value": (
        ("bundle", str(SMOKE), "--set", "seeds"),
        "pgolf: --set seeds: found no '='; allowed: FIELD=VALUE",
    ),
    "seed not in the recipe": (
        ("run", str(SMOKE), "--seed", "5"),
        "pgolf: --seed 5: not a seed of the recipe; allowed: 42, 314, 999.\n",
    ),
    "unknown shell": (("completion", "tcsh"), "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
    "no data": (
        ("run", str(PR1394), "--data-dir", "/nowhere", "--runs-dir"),
        "pgolf data fetch --variant sp8192 --train-shards 128",
    ),
}
assert len(BAD) == 16


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_input_ends_with_code_2_and_a_message_on_standard_error(arguments, message, tmp_path):
    if arguments[-1:] == ("--runs-dir",):
        arguments = (*arguments, tmp_path)
    done = finished([*PGOLF, *map(str, arguments)], cwd=ROOT)
    assert message in refused(done, 2)
    assert done.stdout == ""


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    done = pgolf("recipe", "schema", "-o", tmp_path / "nowhere" / "s.json")
    assert str(tmp_path / "nowhere" / "s.json") in refused(done, 3)


# Pipes


@pytest.mark.parametrize(
    "arguments",
    [("recipe", "show", PR1394), ("recipe", "diff", PR1394, BASELINE), ("run", SMOKE, "--dry-run"), ("--help",)],
)
def test_a_reader_that_has_gone_is_no_reason_to_complain(arguments):
    process = subprocess.Popen(
        [*PGOLF, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), text=True
    )
    process.stdout.close()
    with process:
        assert process.stderr.read() == ""


def test_the_first_line_of_a_recipe_can_be_taken_through_a_pipe():
    words = [*PGOLF, "recipe", "show", str(PR1394)]
    quoted = " ".join(f"'{word}'" for word in words)
    done = finished(["bash", "-c", f"{quoted} | head -1"])
    assert (done.stdout, done.stderr) == ("{\n", "")


# --dry-run


@pytest.mark.parametrize("verb", ["run", "record"])
def test_a_dry_run_says_what_would_run_and_writes_nothing(verb, tmp_path):
    done = finished([*PGOLF, verb, str(SMOKE), "--dry-run", "--seed", "42", "--seed", "999"], cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    recipe, script, machine, *stages = done.stdout.splitlines()
    assert recipe == f"recipe smoke, digest {digest(resolve(SMOKE))}"
    assert script.startswith("script runs/smoke/train_gpt.py: ")
    assert machine.endswith("; hardware.world_size 1")
    names = ["1_train", "2_quantize", "3_package", "4_evaluate", "5_diagnose"]
    folders = [f"runs/smoke/{seed}/{name}" for seed in (42, 999) for name in names]
    assert [line.split(":")[0] for line in stages] == [f"would  {folder}" for folder in folders]
    assert stages[3].endswith("SEED=42 python -u train_gpt.py evaluate   (sees val)")
    assert listing(tmp_path) == []


def test_a_dry_run_tells_what_is_done_from_what_is_not(tmp_path):
    (tmp_path / "runs" / "smoke" / "42" / "1_train").mkdir(parents=True)
    before = listing(tmp_path)
    done = finished([*PGOLF, "run", str(SMOKE), "--dry-run", "--seed", "42"], cwd=tmp_path)
    assert [line.split()[0] for line in done.stdout.splitlines()[3:]] == ["done", "would", "would", "would", "would"]
    assert listing(tmp_path) == before


def test_a_dry_run_shows_the_launcher_of_several_processes():
    done = pgolf("run", PR1394, "--dry-run", "--seed", "1")
    train = next(line for line in done.stdout.splitlines() if "1_train" in line)
    launcher = (
        "SEED=1 python -m torch.distributed.run --standalone --nproc_per_node=8 train_gpt.py train   (sees train)"
    )
    assert train.endswith(launcher)
