"""Every header compiles by itself."""

import concurrent.futures
import subprocess

import cached
import common
import selftest

NAME = "headers"
RULE = "a header that needs an include before it"
COMPILER = "g++-12"
FLAGS = ["-std=c++23", "-fsyntax-only", "-x", "c++", "-Isrc", "-I.", "-isystem", "build/dev/proto",
         "-DBOOST_ASIO_NO_DEPRECATED"]


def run(tree, options):
    del options
    cache = cached.PassCache("headers", COMPILER + " ".join(FLAGS))
    # A .cc that includes its own header first (layers sees to that) has proved it by compiling.
    todo = [name for name in tree.select(".h", under=("src/", "tests/", "bench/"))
            if name.removesuffix(".h") + ".cc" not in tree.files]
    keyed = [(name, cache.key(tree, name)) for name in todo]
    stale = [(name, key) for name, key in keyed if not cache.passed(key)]

    def check(item):
        name, key = item
        done = subprocess.run([COMPILER, *FLAGS, "-"], cwd=tree.root, text=True,
                              input=f'#include "{tree.root / name}"\n', capture_output=True,
                              check=False)
        if done.returncode == 0:
            cache.note_pass(key)
            return []
        errors = [line for line in done.stderr.splitlines() if " error: " in line]
        return [common.Problem(name, 0, (errors or ["does not compile"])[0])]

    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        problems = [p for found in pool.map(check, stale) for p in found]
    return problems, f"{len(todo)} headers without a .cc, {len(stale)} compiled"


def self_test():
    selftest.expect(run, {"src/a.h": "#include <string>\nstd::string f();\n"}, 0)
    selftest.expect(run, {"src/a.h": "std::string f();\n"}, 1)
    selftest.expect(run, {"src/a.h": "std::string f();\n", "src/a.cc": ""}, 0)
