"""Helps the checks prove that they can fail."""

import pathlib
import tempfile

import common


class Scratch:
    """A small source tree for one assertion."""

    def __init__(self, files):
        self._dir = tempfile.TemporaryDirectory(prefix="hearth_check_")
        root = pathlib.Path(self._dir.name)
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.tree = common.Tree(root, files=set(files))

    def __enter__(self):
        return self.tree

    def __exit__(self, *unused):
        self._dir.cleanup()


def expect(check, files, expected, options=None):
    """`expected`: how many problems `check` must find in a tree of `files`."""
    with Scratch(files) as tree:
        problems, _ = check(tree, options)
    found = [str(problem) for problem in problems]
    assert len(found) == expected, (
        f"expected {expected} problem(s) in {sorted(files)}, found {found}")
