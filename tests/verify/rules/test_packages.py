"""What a script needs beside Python, and whether the folder says so."""

from tests.verify.folders import SCRIPT, record_folder
from tests.verify.rules.judged import FAIL, PASS, WARN, check, worst_of


def with_line(line):
    return SCRIPT.replace("import brotli\n", f"import brotli\n{line}\n")


def test_an_import_that_is_declared_nowhere_is_noted(tmp_path):
    finding = worst_of(check("packages.declared", record_folder(tmp_path, script=with_line("import zstandard"))))
    assert finding.noted
    assert "zstandard" in finding.sentence
    assert finding.places[0].file == "train_gpt.py"


def test_declared_tried_and_own_modules_are_fine(tmp_path):
    lines = ["import zstandard", "try:\n    import pyminify\nexcept ImportError:\n    pyminify = None", "import helper"]
    script = with_line("\n".join(lines))
    files = {"requirements.txt": lambda text: text + "zstandard>=0.22\n"}
    folder = record_folder(tmp_path, script=script, edit=files, extra={"helper.py": "A = 1\n"})
    assert not worst_of(check("packages.declared", folder)).noted


def test_a_system_program_is_declared_or_a_warning(tmp_path):
    call = 'import subprocess\nsubprocess.run(["lrzip", "-q", "model.bin"], check=True)'
    folder = record_folder(tmp_path, script=with_line(call))
    assert check("packages.binaries", folder).status is WARN
    said = {"README.md": lambda text: text + "\napt-get install lrzip\n"}
    declared = record_folder(tmp_path / "b", script=with_line(call), edit=said)
    assert check("packages.binaries", declared).status is PASS


def test_a_program_in_code_that_is_never_called_is_no_need(tmp_path):
    dead = 'import subprocess\ndef unused():\n    subprocess.run(["lrzip", "x"], check=True)'
    assert check("packages.binaries", record_folder(tmp_path, script=with_line(dead))).status is PASS


def test_a_compiled_file_in_the_folder_is_a_warning(tmp_path):
    folder = record_folder(tmp_path, extra={"kernels/fused.cpython-312-x86_64-linux-gnu.so": b"\x7fELF"})
    result = check("packages.compiled", folder)
    assert result.status is WARN
    assert worst_of(result).places[0].file.endswith(".so")
    assert check("packages.compiled", record_folder(tmp_path / "b")).status is PASS


def test_a_script_that_installs_while_it_runs_is_a_warning(tmp_path):
    call = 'import subprocess, sys\nsubprocess.check_call([sys.executable, "-m", "pip", "install", "brotli"])'
    folder = record_folder(tmp_path, script=with_line(call))
    assert check("packages.installs", folder).status is WARN
    assert check("packages.installs", folder, "strict").status is FAIL
