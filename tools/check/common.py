"""What the checks share: the files of the tree, C++ text without comments and strings, results."""

import dataclasses
import functools
import pathlib
import re
import subprocess

CXX = (".cc", ".h")


@dataclasses.dataclass(frozen=True)
class Problem:
    path: str
    line: int
    message: str

    def __str__(self):
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where}: {self.message}"


class Tree:
    """A source tree and the files in it. Tests of the checks make small ones of their own."""

    def __init__(self, root, files=None):
        self.root = pathlib.Path(root).resolve()
        self.files = sorted(files if files is not None else self._listed())

    def _listed(self):
        """Tracked files and new ones that are not ignored."""
        out = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=self.root, check=True, capture_output=True).stdout.decode()
        return {name for name in out.split("\0") if name and (self.root / name).is_file()}

    def select(self, *suffixes, under=("",)):
        return [f for f in self.files if f.endswith(suffixes) and f.startswith(tuple(under))]

    def cxx(self):
        return self.select(*CXX, under=("src/", "tests/", "bench/"))

    @functools.lru_cache(maxsize=None)
    def read(self, name):
        return (self.root / name).read_text(encoding="utf-8", errors="replace")

    @functools.lru_cache(maxsize=None)
    def code(self, name):
        return blank_comments_and_strings(self.read(name))


def main_tree():
    return Tree(pathlib.Path(__file__).resolve().parents[2])


_TOKEN = re.compile(
    r'//(?:[^\\\n]|\\.|\\\n)*'
    r'|/\*.*?\*/'
    r'|R"([^()\\\s]{0,16})\(.*?\)\1"'
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|(?<![0-9a-fA-F])'(?:[^'\\\n]|\\.)*'",
    re.DOTALL)


def blank_comments_and_strings(text):
    """The same text with every comment, string and character literal blanked; lines stay lines.

    The quotes stay, so that `f("x")` still looks like a call with a string, and so do the paths of
    #include lines.
    """

    def blank(match):
        token = match.group(0)
        start = text.rfind("\n", 0, match.start()) + 1
        if token.startswith('"') and text[start:match.start()].lstrip().startswith("#include"):
            return token
        kept = re.sub(r"[^\n]", " ", token)
        if token.startswith(("'", '"')):
            kept = token[0] + kept[1:-1] + token[0]
        return kept

    return _TOKEN.sub(blank, text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def includes(tree, name):
    """(line, path, is_project) of every #include."""
    found = []
    for number, line in enumerate(tree.code(name).splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if match:
            found.append((number, match.group(2), match.group(1) == '"'))
    return found


def is_test(name):
    return (name.endswith("_test.cc") or "/testing/" in name or
            name.startswith(("tests/", "bench/")))
