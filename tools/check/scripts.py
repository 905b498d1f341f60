"""Shell scripts parse and say what they need; Python files compile."""

import subprocess

import common
import selftest

NAME = "scripts"
RULE = "shell scripts parse and stop at the first failure (set -euo pipefail); Python compiles"


def run(tree, options):
    del options
    problems = []
    scripts = [f for f in tree.files if _is_bash(tree, f)]
    for name in scripts:
        done = subprocess.run(["bash", "-n", name], cwd=tree.root, capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            problems.append(common.Problem(name, 0, done.stderr.strip()))
        if "set -euo pipefail" not in tree.read(name):
            problems.append(common.Problem(name, 0, "lacks `set -euo pipefail`"))
    for name in tree.select(".py"):
        try:
            compile(tree.read(name), name, "exec")
        except SyntaxError as error:
            problems.append(common.Problem(name, error.lineno or 0, str(error)))
    return problems, f"{len(scripts)} shell scripts"


def _is_bash(tree, name):
    if "." in name.rsplit("/", 1)[-1] and not name.endswith(".sh"):
        return False
    with open(tree.root / name, "rb") as file:
        first = file.readline(64)
    return first.startswith(b"#!") and b"bash" in first


def self_test():
    head = "#!/usr/bin/env bash\nset -euo pipefail\n"
    selftest.expect(run, {"x": head + "echo\n", "a.py": "x = 1\n"}, 0)
    selftest.expect(run, {"x": head + "if true; then\n"}, 1)
    selftest.expect(run, {"tools/a.sh": "#!/bin/bash\necho\n"}, 1)
    selftest.expect(run, {"a.py": "def f(:\n"}, 1)
