"""What the README says exists, and what exists is in the README."""

import re
import shlex

import click
import pytest

from pgolf.cli import cli
from pgolf.core.errors import PgolfError
from pgolf.harness.resolve import resolve
from tests.command import ROOT

README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = re.findall(r"^([a-z][a-z-]*):(?!=)(.*)$", MAKEFILE, re.MULTILINE)
FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CODE = [*FENCED.findall(README), *re.findall(r"`([^`\n]+)`", FENCED.sub("", README))]
COMMAND_LINES = [line.removeprefix(".venv/bin/") for text in CODE for line in text.splitlines()]
PAGES = sorted(
    path for path in ROOT.rglob("*.md") if not {".venv", "records", "runs", "data"} & set(path.relative_to(ROOT).parts)
)
assert len(TARGETS) >= 10
assert len(COMMAND_LINES) >= 20
assert len(PAGES) >= 4


def leaves(command: click.Command = cli, path: tuple[str, ...] = ("pgolf",)):
    if not isinstance(command, click.Group):
        return [path]
    return [leaf for name, inner in command.commands.items() for leaf in leaves(inner, (*path, name))]


COMMANDS = leaves()
assert len(COMMANDS) >= 11


def mentioned(path: tuple[str, ...]) -> bool:
    """As `pgolf data check`, or in a line that has another command of its group: `pgolf data fetch`, `demo`, `check`."""
    group, name = " ".join(path[:-1]), path[-1]
    in_full = re.compile(rf"{group} {name}(?![\w-])")
    return any(in_full.search(line) or (f"`{group} " in line and f"`{name}`" in line) for line in README.splitlines())


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_is_in_the_readme(path):
    assert mentioned(path)


def test_a_command_that_is_not_in_the_readme_would_be_noticed():
    assert not mentioned(("pgolf", "recipe", "forget"))


@pytest.mark.parametrize("line", [line for line in COMMAND_LINES if line.startswith("pgolf ")])
def test_every_command_line_of_the_readme_is_one(line):
    command: click.Command = cli
    words = shlex.split(line.partition("#")[0])[1:]
    for word in words:
        if isinstance(command, click.Group):
            assert word in command.commands
            command = command.commands[word]
    known = {name for option in command.params for name in option.opts}
    assert {word for word in words if word.startswith("-")} <= known


SETTINGS = re.findall(r"--set ('[^']+'|[\w.=\-]+)", README)
assert len(SETTINGS) >= 2


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_of_the_readme_fits_a_recipe(setting):
    assert resolve(ROOT / "recipes" / "pr1394.yaml", [setting.strip("'")]).name == "pr1394"


def test_every_make_target_of_the_readme_exists():
    named = {name for line in COMMAND_LINES for name in re.findall(r"^make ([a-z-]+)", line)}
    assert len(named) >= 3
    assert named - {name for name, _ in TARGETS} == set()


@pytest.mark.parametrize(("name", "rest"), TARGETS, ids=[name for name, _ in TARGETS])
def test_every_make_target_says_what_it_does_and_is_no_file(name, rest):
    assert re.search(r"## [A-Z].{10,}", rest)
    assert name in re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split()


def errors(root: type[PgolfError] = PgolfError):
    return {root, *(error for sub in root.__subclasses__() for error in errors(sub))}


def test_every_exit_code_is_in_the_readme_and_in_the_help():
    codes = {error.exit_code for error in errors()} | {0, 130}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)} == codes
    assert {int(code) for code in re.findall(r"(\d+) [a-z]", cli.help.partition("Exit codes:")[2])} == codes


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(page):
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
