"""Verdicts that are kept by content: a file that passed, with everything it includes, passes again.

Only passes are kept. The cache is outside the tree, so that a fresh clone profits from it.
"""

import hashlib
import os
import pathlib

import common


class PassCache:
    def __init__(self, name, salt):
        home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        self._dir = pathlib.Path(home) / "hearth" / name
        self._salt = salt

    def key(self, tree, name):
        digest = hashlib.sha256(self._salt.encode())
        for file in sorted(closure(tree, name)):
            digest.update(f"\0{file}\0".encode())
            digest.update(tree.read(file).encode())
        return digest.hexdigest()

    def passed(self, key):
        return (self._dir / key).exists()

    def note_pass(self, key):
        self._dir.mkdir(parents=True, exist_ok=True)
        (self._dir / key).touch()


def closure(tree, name):
    """`name` and every project header it includes, directly or not, and the .proto files, which
    generated headers come from."""
    seen = set()
    todo = [name]
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        for _, path, is_project in common.includes(tree, file):
            if is_project and f"src/{path}" in tree.files:
                todo.append(f"src/{path}")
            elif path.endswith(".pb.h"):
                seen.update(tree.select(".proto"))
    return seen
