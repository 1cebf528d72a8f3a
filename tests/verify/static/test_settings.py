"""Where a setting's value comes from: log over command over default."""

import pytest

from tests.verify.static.written import program, whole

READS = {
    "a = int(os.environ.get('A', '3'))": 3,
    "a = bool(int(os.environ.get('A', '0')))": False,
    "a = os.environ.get('A', '1') == '1'": True,
    "a = os.getenv('A', 'off').lower() in ('on', 'true')": False,
    "a = float(os.environ.get('A', 1e-4))": 1e-4,
    "a = 2 * int(os.environ.get('A', 4)) + 1": 9,
    "a = env_int('A', 5)": 5,
    "a: int = 7": 7,
}


def config(line: str) -> str:
    helper = "def env_int(name, default):\n    return int(os.environ.get(name, default))\n"
    use = "def main():\n    args = Hyperparameters()\n    print(args.a)\nmain()\n"
    return f"import os\n{helper}\nclass Hyperparameters:\n    {line}\n\n{use}"


@pytest.mark.parametrize(("line", "value"), READS.items())
def test_a_default_is_read(line, value):
    setting = program(config(line)).settings["a"]
    assert (setting.value, setting.source) == (value, "default")


def test_the_run_command_goes_before_the_default():
    setting = program(config("a = int(os.environ.get('A', '3'))"), A="9").settings["a"]
    assert (setting.value, setting.source, setting.place.file) == (9, "command", "README.md")


def test_the_log_goes_before_the_run_command():
    setting = program(config("a = int(os.environ.get('A', '3'))"), settings={"a": "12"}, A="9").settings["a"]
    assert (setting.value, setting.source) == (12, "log")


def test_a_logged_truth_value_is_read_as_one():
    setting = program(config("a = bool(int(os.environ.get('A', '1')))"), settings={"a": "False"}).settings["a"]
    assert setting.value is False


def test_a_setting_that_the_program_changes_is_not_known():
    source = config("a = int(os.environ.get('A', '3'))").replace("print(args.a)", "args.a = guess()")
    assert program(source).settings["a"].value is None


def test_options_of_argparse_are_settings():
    source = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--slow-mode", action="store_true")
parser.add_argument("--rounds", type=int, default=4)
args = parser.parse_args()
"""
    found = program(source).settings
    assert (found["slow_mode"].value, found["rounds"].value) == (False, 4)


def test_a_default_that_cannot_be_folded_is_unknown():
    assert program(config("a = int(open('x').read())")).settings["a"].value is None


def test_the_starter_settings_are_found():
    assert {"train_files", "val_files", "epochs", "adapt_enabled"} <= set(program(whole()).settings)


@pytest.mark.parametrize("place", ["module", "function"])
def test_a_short_name_for_the_environment_is_followed(place):
    alias = "read = os.environ.get\n"
    inner = "    read = os.environ.get\n"
    source = f"""import os
{alias if place == "module" else ""}
def extra():
    return 1

def main():
{inner if place == "function" else ""}    if int(read("EXTRA_ON", "0")):
        extra()

main()
"""
    (extra,) = [function for function in program(source).functions if function.name == "extra"]
    (switched,) = [function for function in program(source, EXTRA_ON="1").functions if function.name == "extra"]
    assert (extra.reached, switched.reached) == (False, True)
