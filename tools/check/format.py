"""C++ and protobuf sources look as .clang-format says, by the pinned clang-format-14."""

import concurrent.futures
import re
import subprocess
import sys

import common
import selftest

NAME = "format"
RULE = "run ./x fmt: the source is not as clang-format-14 and .clang-format have it"
TOOL = "clang-format-14"
CHUNK = 25


def run(tree, options):
    del options
    files = tree.select(*common.CXX, under=("src/", "tests/", "bench/"))
    chunks = [files[i:i + CHUNK] for i in range(0, len(files), CHUNK)]
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        problems = [p for found in pool.map(lambda c: _check(tree, c), chunks) for p in found]
    return problems, f"{len(files)} files"


def _check(tree, files):
    done = subprocess.run([TOOL, "--dry-run", "--style=file", "--ferror-limit=1", *files],
                          cwd=tree.root, capture_output=True, text=True, check=False)
    found = {}
    for match in re.finditer(r"^(\S+?):(\d+):\d+: warning: ", done.stderr, re.MULTILINE):
        found.setdefault(match.group(1), int(match.group(2)))
    if done.returncode != 0 and not found:
        return [common.Problem("", 0, f"{TOOL} failed: {done.stderr.strip()}")]
    return [common.Problem(name, line, "not formatted") for name, line in found.items()]


def self_test():
    style = "BasedOnStyle: Google\n"
    good = "int main() { return 0; }\n"
    selftest.expect(run, {".clang-format": style, "src/a.cc": good}, 0)
    selftest.expect(run, {".clang-format": style, "src/a.cc": good, "src/b.cc": "int  x ;\n"}, 1)


def _changed(tree):
    out = subprocess.run(["git", "status", "--porcelain", "-z", "--untracked-files=all"],
                         cwd=tree.root, check=True, capture_output=True, text=True).stdout
    dirty = {entry[3:] for entry in out.split("\0") if entry}
    ahead = subprocess.run(["git", "diff", "--name-only", "-z", "main...HEAD"], cwd=tree.root,
                           check=False, capture_output=True, text=True).stdout
    return dirty | set(ahead.split("\0"))


def fix(arguments):
    tree = common.main_tree()
    known = tree.select(*common.CXX, under=("src/", "tests/", "bench/"))
    if "--all" in arguments:
        files = known
    elif arguments:
        files = arguments
    else:
        changed = _changed(tree)
        files = [name for name in known if name in changed]
    if files:
        subprocess.run([TOOL, "-i", "--style=file", *files], cwd=tree.root, check=True)
    print(f"formatted {len(files)} file(s)")


if __name__ == "__main__":
    fix([argument for argument in sys.argv[1:] if argument != "--fix"])
