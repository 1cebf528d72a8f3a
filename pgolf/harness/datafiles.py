"""The data files of a run: found, named by digest, and shown to a stage one split at a time."""

import hashlib
import json
import os
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pgolf.core.errors import DataError, InputError
from pgolf.data.bytes.pieces import load_tokenizer
from pgolf.data.bytes.sidecar import find_sidecars
from pgolf.data.shards import find_shards, open_shard
from pgolf.harness import atomic
from pgolf.harness.dataset.caseops import TITLE
from pgolf.harness.dataset.layout import is_caseops
from pgolf.harness.schema.recipe import Recipe

CACHE = ".pgolf-digests.json"


def sha256_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Files:
    """Training shards, validation shards (with side-cars, if the recipe counts bytes by them) and tokenizer of a recipe in a
    data folder. DataError when one is missing."""

    def __init__(self, recipe: Recipe, data_dir: Path):
        self.root = data_dir.resolve()
        self.name = f"fineweb10B_{recipe.data.variant}"
        self.folder = self.root / "datasets" / self.name
        self.tokenizer = self.root / "tokenizers" / recipe.data.tokenizer
        try:
            self.splits = {
                "train": find_shards(self.folder, "train", recipe.data.train_shards)[: recipe.data.train_shards],
                "val": find_shards(self.folder, "val"),
            }
            for paths in self.splits.values():
                for path in paths:
                    open_shard(path)
            self.sidecars = find_sidecars(self.folder) if recipe.data.bytes.kind == "sidecar" else []
            tokenizer = load_tokenizer(self.tokenizer, recipe.model.vocab_size)
        except DataError as error:
            raise DataError(f"{error} For this recipe: `{self.fetch_command(recipe)}`.") from None
        if recipe.data.bytes.kind == "pieces" and tokenizer.piece_to_id(TITLE) != tokenizer.unk_id():
            raise InputError(
                f"{self.tokenizer}: has the marks of CaseOps, which data.bytes {{kind: pieces}} would count as text and so make "
                "the score too good. Set data.bytes: {kind: sidecar}."
            )

    def fetch_command(self, recipe: Recipe) -> str:
        """What puts the recipe's data where they were looked for."""
        if recipe.data.variant.startswith("demo"):
            what = f"demo --vocab {recipe.model.vocab_size}"
            what += " --caseops" if is_caseops(recipe.data.variant) else ""
        else:
            what = f"fetch --variant {recipe.data.variant} --train-shards {recipe.data.train_shards}"
            what += f" --repo {recipe.data.repo}" if recipe.data.repo else ""
        return f"pgolf data {what} --data-dir {shlex.quote(str(self.root))}"

    def show(self, view: Path, split: str | None) -> None:
        """Make `view` a data folder that holds the tokenizer and one split (or nothing), as links to the files.

        Side-cars say how long the text behind each validation token is: they come and go with the validation shards.
        """
        folder = view / "datasets" / self.name
        folder.mkdir(parents=True)
        if split:
            for path in [*self.splits[split], *(self.sidecars if split == "val" else [])]:
                os.symlink(path, folder / path.name)
            (view / "tokenizers").mkdir()
            os.symlink(self.tokenizer, view / "tokenizers" / self.tokenizer.name)

    def digests(self) -> dict[str, Any]:
        """{file name: sha256} of everything; digests of unchanged files are remembered in the data folder."""
        paths = [*self.splits["train"], *self.splits["val"], *self.sidecars, self.tokenizer]
        cache_file = self.root / CACHE
        try:
            cache = dict(json.loads(cache_file.read_text()))
        except (OSError, ValueError, TypeError):
            cache = {}
        keys = {path: f"{path}:{(s := path.stat()).st_size}:{s.st_mtime_ns}" for path in paths}
        todo = [path for path in paths if keys[path] not in cache]
        with ThreadPoolExecutor() as pool:
            cache |= dict(zip([keys[path] for path in todo], pool.map(sha256_of, todo), strict=True))
        if todo and os.access(self.root, os.W_OK):
            atomic.write_json(cache_file, cache)
        return {path.name: cache[keys[path]] for path in paths}
