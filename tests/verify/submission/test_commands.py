"""Run commands and the settings they take."""

from verify.submission.commands import in_file, in_lines


def settings_of(text: str) -> dict[str, str]:
    return {name: place.quote for name, place in in_file("run.sh", text)[1].items()}


def test_settings_before_a_command_and_exported_ones_count():
    text = (
        "#!/bin/bash\nexport A=1\n"
        "B='two words' C=\"x\" \\\n"
        "  D=./p \\\n  torchrun --nproc_per_node=8 train_gpt.py\n"
        "echo E=5\n"
    )
    commands, environment = in_file("run.sh", text)
    assert [(place.file, place.line) for place in commands] == [("run.sh", 3)]
    assert {name: place.quote for name, place in environment.items()} == {
        "A": "1",
        "B": "two words",
        "C": "x",
        "D": "./p",
    }


def test_settings_that_no_command_takes_do_not_count():
    assert settings_of("A=1\n") == {}
    assert settings_of("torchrun train_gpt.py\nA=1\n") == {}


def test_preparing_data_and_installing_are_no_run_commands():
    text = "python3 data/cached_challenge_fineweb.py --variant sp1024\npip install x.py\npython -m json.tool a.py\n"
    assert in_file("run.sh", text)[0] == ()


def test_prompts_comments_docker_and_powershell_are_understood():
    assert settings_of("$ SEED=42 python train_gpt.py") == {"SEED": "42"}
    assert settings_of("# SEED=42 python train_gpt.py") == {}
    assert settings_of("docker run -e SEED=42 image python train_gpt.py") == {"SEED": "42"}
    assert settings_of("$env:SEED='42'; python train_gpt.py") == {"SEED": "42"}


def test_lines_keep_the_numbers_they_are_given():
    commands, environment = in_lines("README.md", [(40, "A=1 \\"), (41, "python train_gpt.py")])
    assert (commands[0].line, commands[0].quote, environment["A"].line) == (40, "A=1 python train_gpt.py", 40)
