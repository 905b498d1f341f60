"""clang-tidy-19 with the checks of .clang-tidy, all of them errors.

The whole tree takes minutes, so verdicts are kept by content and a plain run has a budget: files
that differ from main first, then the latest committed; what is left is said. --all has no budget.
"""

import concurrent.futures
import json
import pathlib
import re
import subprocess
import time

import cached
import common
import selftest

NAME = "tidy"
RULE = "clang-tidy-19 finds fault (.clang-tidy says with what it looks)"
TOOL = "clang-tidy-19"
# Options of g++ that clang does not know.
EXTRA = ["--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-Wno-error"]
SECONDS_PER_FILE_MAX = 300


def run(tree, options):
    database = tree.root / "build/dev/compile_commands.json"
    if not database.is_file():
        subprocess.run(["cmake", "--preset", "dev"], cwd=tree.root, check=True,
                       stdout=subprocess.DEVNULL)
    entries = {str(pathlib.Path(e["file"]).relative_to(tree.root)): e["command"]
               for e in json.loads(database.read_text(encoding="utf-8"))
               if pathlib.Path(e["file"]).is_relative_to(tree.root)}
    files = [name for name in _by_urgency(tree) if name in entries]
    cache = cached.PassCache("tidy", TOOL + tree.read(".clang-tidy") + "".join(EXTRA))
    keyed = [(name, cache.key(tree, name)) for name in files]
    stale = [(name, key) for name, key in keyed if not cache.passed(key)]
    if stale:
        _generate(tree)
    deadline = time.monotonic() + options.budget
    problems = []
    left = []

    def check(item):
        name, key = item
        if not options.all and time.monotonic() > deadline:
            left.append(name)
            return []
        found = tidy_one(tree, name, database.parent)
        if not found:
            cache.note_pass(key)
        return found

    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for found in pool.map(check, stale):
            problems += [problem for problem in found if problem not in problems]
    note = f"{len(files)} files: {len(files) - len(stale)} known, {len(stale) - len(left)} checked"
    if left:
        note += f"; OUT OF TIME for {len(left)} (./x check --all tidy)"
    return problems, note


def _by_urgency(tree):
    def git(*arguments):
        done = subprocess.run(["git", *arguments], cwd=tree.root, capture_output=True, text=True,
                              check=False)
        return done.stdout.splitlines() if done.returncode == 0 else []

    order = git("ls-files", "--modified", "--others", "--exclude-standard")
    order += git("log", "--format=", "--name-only", "-n", "200")
    known = set(f for f in tree.cxx() if f.endswith(".cc"))
    return list(dict.fromkeys([f for f in order if f in known] + sorted(known)))


def _generate(tree):
    """Sources include generated headers; without them nothing parses."""
    subprocess.run(["cmake", "--build", "--preset", "dev", "--target", "hearth_proto_headers"],
                   cwd=tree.root, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def tidy_one(tree, name, database):
    try:
        done = subprocess.run([TOOL, "--quiet", "-p", str(database), *EXTRA, name], cwd=tree.root,
                              capture_output=True, text=True, check=False,
                              timeout=SECONDS_PER_FILE_MAX)
    except subprocess.TimeoutExpired:
        return [common.Problem(name, 0, f"{TOOL} took more than {SECONDS_PER_FILE_MAX} s")]
    problems = []
    for match in re.finditer(r"^(\S+?):(\d+):\d+: (?:error|warning): (.*)$", done.stdout, re.MULTILINE):
        path = pathlib.Path(match.group(1))
        shown = path.relative_to(tree.root) if path.is_relative_to(tree.root) else path
        problems.append(common.Problem(str(shown), int(match.group(2)), match.group(3)))
    if done.returncode != 0 and not problems:
        problems.append(common.Problem(name, 0, f"{TOOL} failed: {done.stderr.strip()[-500:]}"))
    return problems


def self_test():
    config = common.main_tree().read(".clang-tidy")

    def case(text, expected):
        with selftest.Scratch({".clang-tidy": config, "src/a.cc": text}) as tree:
            command = f"g++-12 -std=c++23 -c {tree.root}/src/a.cc"
            (tree.root / "compile_commands.json").write_text(json.dumps(
                [{"directory": str(tree.root), "file": f"{tree.root}/src/a.cc",
                  "command": command}]), encoding="utf-8")
            found = tidy_one(tree, "src/a.cc", tree.root)
        assert bool(found) == expected, f"{text!r}: expected {expected}, found {found}"

    case("int twice(int value) {\n  return 2 * value;\n}\n", False)
    case("int twice(int value) {\n  if (value > 0) return 2 * value;\n  return 0;\n}\n", True)
    case("#include <string>\n#include <utility>\nstd::string g(std::string s) {\n"
         "  std::string t = std::move(s);\n  return t + s;\n}\n", True)
    case("class Wrong_name {};\nint f(Wrong_name*);\nint f(Wrong_name*) {\n  return 0;\n}\n", True)
