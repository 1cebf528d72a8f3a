"""Small git stores of our own: commits made from dictionaries, with a main and pull requests."""

import pygit2

Files = dict[str, bytes | str | tuple[int, str]]  # path -> content, or (mode, object id)
AUTHOR = ("A. Author", "a@example.org")
SCRIPT = "import torch\n"


class Store:
    """A bare repository; every commit is a whole tree."""

    def __init__(self, path):
        self.path = str(path)
        self.repo = pygit2.init_repository(self.path, bare=True, initial_head="main")
        self.seconds = 1_775_000_000  # 31 March 2026

    def tree(self, files: Files) -> pygit2.Oid:
        index = pygit2.Index()
        for path, content in files.items():
            if isinstance(content, tuple):
                mode, oid = content
                index.add(pygit2.IndexEntry(path, pygit2.Oid(hex=oid), mode))
            else:
                data = content.encode() if isinstance(content, str) else content
                index.add(pygit2.IndexEntry(path, self.repo.create_blob(data), pygit2.enums.FileMode.BLOB))
        return index.write_tree(self.repo)

    def commit(self, files: Files, *parents: pygit2.Oid, ref: str | None = None) -> pygit2.Oid:
        self.seconds += 86_400
        who = pygit2.Signature(*AUTHOR, self.seconds, 0)
        made = self.repo.create_commit(None, who, who, "commit", self.tree(files), list(parents))
        if ref:
            self.repo.references.create(ref, made, force=True)
        return made

    def main(self, files: Files, *parents: pygit2.Oid) -> pygit2.Oid:
        return self.commit(files, *parents, ref="refs/heads/main")

    def pull(self, number: int, files: Files, *parents: pygit2.Oid) -> pygit2.Oid:
        return self.commit(files, *parents, ref=f"refs/pull/{number}/head")

    def raw_tree(self, entries: list[tuple[str, bytes, pygit2.Oid]]) -> pygit2.Oid:
        """A tree object as written, names unchecked: (octal mode, name, id)."""
        data = b"".join(mode.encode() + b" " + name + b"\0" + oid.raw for mode, name, oid in entries)
        return self.repo.write(pygit2.enums.ObjectType.TREE, data)


def record(name: str, track: str = "track_10min_16mb", **more: str) -> Files:
    """The files of one record folder."""
    folder = f"records/{track}/{name}"
    return {
        f"{folder}/train_gpt.py": SCRIPT + f"# {name}\n",
        f"{folder}/README.md": f"# {name}\n",
        **{f"{folder}/{path}": text for path, text in more.items()},
    }
