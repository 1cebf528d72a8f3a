import pytest

from tests.golden.load import FOLDER, INDEX, tensors

FILES = sorted(INDEX["files"])


def test_the_index_names_exactly_the_files_that_are_here():
    assert len(FILES) == 15
    assert sorted(path.stem for path in FOLDER.glob("*.safetensors")) == FILES


@pytest.mark.parametrize("file", FILES)
def test_every_file_holds_the_tensors_that_the_index_describes(file):
    stored = tensors(file)
    described = INDEX["files"][file]["keys"]
    found = {
        name: {"shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}
        for name, value in stored.items()
    }
    assert found == described
