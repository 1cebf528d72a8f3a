"""Scripts that carry their modules in a dictionary and import from it."""

import base64
import zlib

from pgolf.harness.bundle import modules, packed
from pgolf.harness.resolve import resolve
from tests.command import ROOT
from verify.submission.unpack import unpack


def script(pieces: list[str], target: str = "*S,START", split: str = r"\n\n") -> str:
    body = base64.b85encode(zlib.compress("\n\n".join(pieces).encode())).decode()
    return (
        f'import base64,zlib\n{target}=zlib.decompress(base64.b85decode("{body}")).decode().split("{split}")\n'
        "SOURCES=dict(zip(S[::2],S[1::2]))\nexec(START)\n"
    )


def test_modules_in_a_dictionary_are_read_by_name():
    found = unpack("train_gpt.py", script(["a.b", "x = 1", "a.c", "y = 2", "import a.b"]), lambda path: None)
    assert (found.source, found.members) == ("import a.b", {"a.b": "x = 1", "a.c": "y = 2"})
    assert [layer.how for layer in found.layers] == ["base85+zlib"]


def test_a_starred_target_takes_what_the_others_leave():
    found = unpack("train_gpt.py", script(["import a", "a", "x = 1"], "START,*S"), lambda path: None)
    assert (found.source, found.members) == ("import a", {"a": "x = 1"})


def test_fewer_pieces_than_targets_run_nothing_that_can_be_told():
    found = unpack("train_gpt.py", script(["a"], "START,A,B,*S"), lambda path: None)
    assert not found.members
    assert found.problems == ()


def test_what_is_no_module_name_is_no_member():
    found = unpack("train_gpt.py", script(["../a", "x = 1", "a b", "y = 2", "import a"]), lambda path: None)
    assert (found.source, found.members) == ("import a", {})


def test_a_bundle_of_pgolf_shows_every_module_it_runs():
    recipe = resolve(ROOT / "recipes" / "smoke.yaml")
    found = unpack("train_gpt.py", packed(recipe), lambda path: None)
    assert set(found.members) == set(modules(recipe))
    assert "main(RECIPE)" in found.source
    assert found.problems == ()
