#!/usr/bin/env python3
"""The coverage suite: which part of each library's lines its unit tests run, against a floor.

  tools/coverage.py [--long] [--print]

The pure libraries decide everything, so they have the high floor, and theirs alone are looked at in
the short form, with only their own tests. --long (HEARTH_TEST_LONG=1) runs all unit tests, looks at
all libraries and writes a report: build/results/coverage/index.html, cobertura.xml. --print shows
what is reached without judging it. A library without a floor has failed: write one.
Only lines outside of tests and testing/ count. Nothing is excluded: the line of a HEARTH_CHECK
counts as run when its condition was looked at.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build/coverage"
RESULTS = ROOT / "build/results/coverage"
JOBS = str(os.cpu_count() or 1)

# Percent of lines. Raise a floor when you have raised what is reached; never lower one to get by.
PURE = {"auth": 95, "model": 95, "sched": 95, "core": 95, "agent/core": 95}
# A child between fork and exec counts nothing, so the launcher's is low; the commands and programs
# are run by tests/e2e, which this does not see.
OTHERS = {
    "agent/cgroup": 92, "agent/host": 92, "agent/launcher": 77, "agent/link": 95, "agent/loop": 94,
    "agent/runtimes": 89, "api": 94, "apps": 50, "archive": 97, "base": 93, "cli": 47, "client": 92, "config": 96,
    "front/agentlink": 94, "front/rest": 94, "local": 96, "net": 94, "output": 93, "store": 94,
    "tls": 92, "wire": 97,
}
UNREACHABLE = 101  # for the self-test


def program_of(library):
    return "hearth_" + library.replace("/", "_")


def build(targets):
    return subprocess.run(["tools/build.sh", "--quiet", "coverage", "--target", *targets], cwd=ROOT,
                          check=False).returncode == 0


def forget_earlier_runs():
    for counts in BUILD.rglob("*.gcda"):
        counts.unlink()


def run_programs(libraries):
    """Whether all tests passed."""
    good = True
    for library in libraries:
        program = BUILD / f"{program_of(library)}_test"
        with open(RESULTS / f"{program.name}.log", "wb") as log:
            code = subprocess.run([str(program), "--gtest_brief=1"], cwd=ROOT, stdout=log,
                                  stderr=log, check=False).returncode
        if code != 0:
            print(f"not ok tests of {library}: see build/results/coverage/{program.name}.log")
            good = False
    return good


def run_all():
    with open(RESULTS / "ctest.log", "wb") as log:
        code = subprocess.run(["ctest", "--test-dir", str(BUILD), "-L", "^unit$", "-j", JOBS,
                               "--output-on-failure"], cwd=ROOT, stdout=log, stderr=log,
                              check=False).returncode
    if code != 0:
        print("not ok unit tests: see build/results/coverage/ctest.log")
    return code == 0


def lines_of(folders, reports):
    """{file: (lines run, lines)} of what the objects below `folders` were made from."""
    summary = RESULTS / "summary.json"
    command = ["gcovr", "--root", str(ROOT), "--filter", r"src/", "--exclude", r".*_test\.cc$",
               "--exclude", r".*/testing/.*", "--exclude", r"build/.*", "-j", JOBS,
               "--json-summary", str(summary)]
    if reports:
        command += ["--html-details", str(RESULTS / "index.html"),
                    "--xml", str(RESULTS / "cobertura.xml")]
    subprocess.run(command + [str(folder) for folder in folders], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL)
    files = json.loads(summary.read_text(encoding="utf-8"))["files"]
    return {file["filename"]: (file["line_covered"], file["line_total"]) for file in files}


def library_of(path):
    parts = path.removeprefix("src/").split("/")
    return "/".join(parts[:2]) if parts[0] in ("agent", "front") else parts[0]


def by_library(lines):
    sums = {}
    for path, (covered, total) in lines.items():
        run, all_lines = sums.get(library_of(path), (0, 0))
        sums[library_of(path)] = (run + covered, all_lines + total)
    return sums


def judge(sums, floors):
    """One (ok, library, sentence) for each floor, and for each library that lacks one."""
    verdicts = []
    for library in sorted(set(floors) | set(sums)):
        covered, total = sums.get(library, (0, 0))
        percent = 100 * covered / total if total else 0.0
        floor = floors.get(library)
        said = f"{percent:5.1f} % of {total} lines, floor {floor} %"
        verdicts.append((floor is not None and total > 0 and percent >= floor, library, said))
    return verdicts


def self_test(sums):
    """That a floor can be missed, and so can be a library's row."""
    library = next(iter(sorted(sums)))
    missed = judge({library: sums[library]}, {library: UNREACHABLE})
    absent = judge({library: (0, 0)}, {library: 1})
    unlisted = judge({library: sums[library]}, {})
    met = judge({library: (1, 1)}, {library: 100})
    good = not missed[0][0] and not absent[0][0] and not unlisted[0][0] and met[0][0]
    print(f"{'ok' if good else 'not ok'} selftest")
    return good


def show_worst(lines, library):
    files = [(total - covered, path) for path, (covered, total) in lines.items()
             if library_of(path) == library and covered < total]
    for missing, path in sorted(files, reverse=True)[:5]:
        print(f"  {path}: {missing} lines are not run")


def main():
    parser = argparse.ArgumentParser(prog="tools/coverage.py")
    parser.add_argument("--long", action="store_true",
                        default=bool(os.environ.get("HEARTH_TEST_LONG")))
    parser.add_argument("--print", action="store_true")
    options = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    floors = {**PURE, **OTHERS} if options.long else PURE
    if not build(["suite_unit"] if options.long else [f"{program_of(name)}_test" for name in PURE]):
        print("not ok build")
        return 1
    forget_earlier_runs()
    good = run_all() if options.long else run_programs(PURE)
    folders = [BUILD / "src"] if options.long else [
        BUILD / f"src/{name}/CMakeFiles/{program_of(name)}.dir" for name in PURE]
    lines = lines_of(folders, options.long)
    sums = by_library(lines)
    if not options.long:
        sums = {name: counts for name, counts in sums.items() if name in PURE}
    good &= self_test(sums)
    for ok, library, said in judge(sums, floors):
        print(f"{'ok' if ok or options.print else 'not ok'} {library}\n  {said}")
        if not ok or options.print:
            show_worst(lines, library)
        good &= ok
    return 0 if good or options.print else 1


if __name__ == "__main__":
    sys.exit(main())
