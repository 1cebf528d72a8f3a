"""The data files of a run: found, named by digest, and shown to a stage one split at a time."""

import hashlib
import json
import os
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pgolf.core.errors import DataError
from pgolf.data.bytes.pieces import load_tokenizer
from pgolf.data.shards import find_shards, open_shard
from pgolf.harness import atomic
from pgolf.harness.schema.recipe import Recipe

CACHE = ".pgolf-digests.json"


def sha256_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Files:
    """Training shards, validation shards and tokenizer of a recipe in a data folder. DataError when one is missing."""

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
            load_tokenizer(self.tokenizer, recipe.model.vocab_size)
        except DataError as error:
            raise DataError(f"{error} For this recipe: `{self.fetch_command(recipe)}`.") from None

    def fetch_command(self, recipe: Recipe) -> str:
        """What puts the recipe's data where they were looked for."""
        if recipe.data.variant.startswith("demo"):
            what = f"demo --vocab {recipe.model.vocab_size}"
        else:
            what = f"fetch --variant {recipe.data.variant} --train-shards {recipe.data.train_shards}"
            what += f" --repo {recipe.data.repo}" if recipe.data.repo else ""
        return f"pgolf data {what} --data-dir {shlex.quote(str(self.root))}"

    def show(self, view: Path, split: str | None) -> None:
        """Make `view` a data folder that holds the tokenizer and one split (or nothing), as links to the files."""
        folder = view / "datasets" / self.name
        folder.mkdir(parents=True)
        if split:
            for path in self.splits[split]:
                os.symlink(path, folder / path.name)
            (view / "tokenizers").mkdir()
            os.symlink(self.tokenizer, view / "tokenizers" / self.tokenizer.name)

    def digests(self) -> dict[str, Any]:
        """{file name: sha256} of everything; digests of unchanged files are remembered in the data folder."""
        paths = [*self.splits["train"], *self.splits["val"], self.tokenizer]
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
