import hashlib
import json
import os
import shutil

import pytest

from pgolf.core.errors import DataError, InputError
from pgolf.harness.datafiles import CACHE, Files
from pgolf.harness.resolve import resolve
from tests.command import SMOKE
from tests.recipes import write_shard

RECIPE = resolve(SMOKE)  # all 8 training shards of the demo data
DATASET, MODEL = "datasets/fineweb10B_demo1024", "tokenizers/fineweb_demo1024_bpe.model"
TRAIN = [f"fineweb_train_{n:06d}.bin" for n in range(8)]
VAL = ["fineweb_val_000000.bin"]


@pytest.fixture
def data_dir(demo_dir, tmp_path):
    """A copy to be damaged."""
    shutil.copytree(demo_dir, tmp_path / "data")
    return tmp_path / "data"


def listing(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def stamp(path, seconds):
    os.utime(path, ns=(0, seconds * 10**9))


@pytest.mark.parametrize(
    ("split", "shown"),
    [
        ("train", [*(f"{DATASET}/{name}" for name in TRAIN), MODEL]),
        ("val", [*(f"{DATASET}/{name}" for name in VAL), MODEL]),
        (None, []),
    ],
)
def test_a_view_holds_the_split_it_was_made_for_and_nothing_else(demo_dir, tmp_path, split, shown):
    Files(RECIPE, demo_dir).show(tmp_path / "view", split)
    assert listing(tmp_path / "view") == shown


def caseops_recipe(*settings):
    return resolve(SMOKE, ["data.bytes={kind: sidecar}", *CASEOPS, *settings])


CASEOPS = ("data.variant=democaseops1024", "data.tokenizer=fineweb_democaseops1024_bpe.model")
SIDECAR = "datasets/fineweb10B_democaseops1024/fineweb_val_bytes_000000.bin"


@pytest.mark.parametrize(("split", "count", "is_shown"), [("train", 9, False), ("val", 3, True), (None, 0, False)])
def test_side_cars_are_shown_with_the_validation_shards_and_not_to_training(
    caseops_dir, tmp_path, split, count, is_shown
):
    Files(caseops_recipe(), caseops_dir).show(tmp_path / "view", split)
    shown = listing(tmp_path / "view")
    assert len(shown) == count
    assert (SIDECAR in shown) == is_shown


def test_side_cars_are_named_by_digest_like_the_other_files(caseops_dir):
    digests = Files(caseops_recipe(), caseops_dir).digests()
    assert len(digests) == 11
    assert digests["fineweb_val_bytes_000000.bin"] == sha256(caseops_dir / SIDECAR)


def test_a_missing_side_car_is_refused_with_the_command_that_makes_it(caseops_dir, tmp_path):
    place = tmp_path / "data"
    shutil.copytree(caseops_dir, place)
    (place / SIDECAR).unlink()
    with pytest.raises(DataError, match=r"side-cars .* hold no entries") as caught:
        Files(caseops_recipe(), place)
    assert str(caught.value).endswith(f"`pgolf data demo --vocab 1024 --caseops --data-dir {place}`.")


def test_pieces_of_transformed_text_are_not_counted_as_text(caseops_dir):
    """Marks would count three bytes each, and the score would be too good."""
    with pytest.raises(InputError, match=r"Set data.bytes: \{kind: sidecar\}"):
        Files(resolve(SMOKE, CASEOPS), caseops_dir)


def test_a_view_shows_the_bytes_of_the_files(demo_dir, tmp_path):
    Files(RECIPE, demo_dir).show(tmp_path / "view", "val")
    names = listing(tmp_path / "view")
    assert len(names) == 2
    assert [sha256(tmp_path / "view" / name) for name in names] == [sha256(demo_dir / name) for name in names]


def test_a_view_of_a_folder_named_from_here_is_good_anywhere(demo_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(demo_dir.parent)
    Files(RECIPE, demo_dir.relative_to(demo_dir.parent)).show(tmp_path / "view", "val")
    monkeypatch.chdir("/")
    assert all((tmp_path / "view" / name).is_file() for name in listing(tmp_path / "view"))


def test_a_run_sees_no_more_training_shards_than_its_recipe_says(demo_dir, tmp_path):
    Files(resolve(SMOKE, ["data.train_shards=3"]), demo_dir).show(tmp_path / "view", "train")
    assert listing(tmp_path / "view") == [*(f"{DATASET}/{name}" for name in TRAIN[:3]), MODEL]


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


DAMAGE = {
    "a training shard is missing": lambda data: (data / DATASET / TRAIN[3]).unlink(),
    "no validation shard": lambda data: (data / DATASET / VAL[0]).unlink(),
    "no tokenizer": lambda data: (data / MODEL).unlink(),
    "no data set": lambda data: shutil.rmtree(data / DATASET),
    "no folder at all": shutil.rmtree,
    "a training shard is cut off": lambda data: cut(data / DATASET / TRAIN[7]),
    "the validation shard is empty": lambda data: (data / DATASET / VAL[0]).write_bytes(b""),
    "the tokenizer is a text": lambda data: (data / MODEL).write_text("hello"),
}
assert len(DAMAGE) == 8


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_data_that_is_not_whole_is_refused_with_the_command_that_makes_it(data_dir, damage):
    damage(data_dir)
    with pytest.raises(DataError) as caught:
        Files(RECIPE, data_dir)
    assert str(caught.value).endswith(f"For this recipe: `pgolf data demo --vocab 1024 --data-dir {data_dir}`.")
    assert str(caught.value).startswith(str(data_dir))


def test_published_data_that_are_missing_are_refused_with_the_command_that_fetches_them(tmp_path):
    recipe = resolve(SMOKE.with_name("pr1394.yaml"))
    place = tmp_path / "my data"
    with pytest.raises(DataError) as caught:
        Files(recipe, place)
    command = (
        f"pgolf data fetch --variant sp8192 --train-shards 128 --repo kevclark/parameter-golf --data-dir '{place}'"
    )
    assert str(caught.value).endswith(f"For this recipe: `{command}`.")


def test_a_tokenizer_with_more_pieces_than_the_model_is_refused(demo_dir):
    with pytest.raises(DataError, match=r"1024 pieces.*at most model.vocab_size = 1023"):
        Files(resolve(SMOKE, ["model.vocab_size=1023"]), demo_dir)


def test_digests_name_every_file_of_the_run_by_its_content(data_dir):
    digests = Files(RECIPE, data_dir).digests()
    paths = [*(data_dir / DATASET / name for name in (*TRAIN, *VAL)), data_dir / MODEL]
    assert digests == {path.name: sha256(path) for path in paths}


def test_a_digest_is_not_computed_twice(data_dir):
    """Content changed behind the file's back, with size and time kept, shows that nobody reads it again."""
    path = data_dir / DATASET / TRAIN[0]
    stamp(path, 1)
    before = Files(RECIPE, data_dir).digests()
    write_shard(data_dir / DATASET, "train", 0, [1] * ((path.stat().st_size - 1024) // 2))
    stamp(path, 1)
    assert Files(RECIPE, data_dir).digests() == before


@pytest.mark.parametrize("seconds", [1, 2])
def test_the_digest_of_a_file_that_changed_is_computed_anew(data_dir, seconds):
    path = data_dir / DATASET / TRAIN[0]
    stamp(path, 1)
    before = Files(RECIPE, data_dir).digests()
    tokens = (path.stat().st_size - 1024) // 2
    write_shard(data_dir / DATASET, "train", 0, [1] * (tokens if seconds == 2 else tokens - 1))
    stamp(path, seconds)
    after = Files(RECIPE, data_dir).digests()
    assert after == before | {path.name: sha256(path)}
    assert after != before


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '"x"', "[1]"])
def test_a_damaged_memory_of_digests_is_made_anew(data_dir, text):
    (data_dir / CACHE).write_text(text)
    digests = Files(RECIPE, data_dir).digests()
    assert sorted(json.loads((data_dir / CACHE).read_text()).values()) == sorted(digests.values())
