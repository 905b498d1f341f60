#!/usr/bin/env python3
"""The fuzz suite: each target of tests/fuzz runs over its corpus and then goes on by itself.

  tools/fuzz.py [--seconds N] [--keep] [TARGET…]

First a target with a planted defect must be found out and its twin without one must not, so that a
suite that cannot fail is seen. Prints `ok NAME`, `not ok NAME`; what a failure was found with stays
in build/results/fuzz, with the command that runs it again. Build with: ./x build fuzz --target
suite_fuzz. --keep adds what was found on the way to tests/data/fuzz, as much of it as reaches code
that no input there reaches.
"""

import argparse
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build/fuzz"
CORPORA = ROOT / "tests/data/fuzz"
RESULTS = ROOT / "build/results/fuzz"
SECONDS = 5
SECONDS_LONG = 300
# The short form takes the same way each time, so that a finding is everybody's and not of one run;
# the long one goes where nobody was.
SEED_SHORT = 1
# An input has a few KiB: who needs more memory than this for it lets others decide how much.
MALLOC_MB_MAX = 64
RSS_MB_MAX = 1536
INPUT_BYTES_MAX = 4096
KEPT_INPUTS_MAX = 64  # of a target, by --keep: the repository holds them for ever

DICTIONARIES = {
    "http_request": "http", "http_connection": "http", "http_response": "http",
    "job_request": "json", "batch": "json", "text": "text", "query": "text", "config": "config",
    "archive": "archive",
}
NOT_TARGETS = {"entry", "replay", "selftest"}


def targets():
    names = {path.stem for path in (ROOT / "tests/fuzz").glob("*.cc")}
    return sorted(names - NOT_TARGETS)


def command(target, seconds, corpora):
    seed = SEED_SHORT if seconds <= SECONDS else 0  # 0: another one each time
    arguments = [str(BUILD / f"fuzz_{target}"), f"-max_total_time={seconds}", f"-seed={seed}", "-timeout=60",
                 f"-rss_limit_mb={RSS_MB_MAX}", f"-malloc_limit_mb={MALLOC_MB_MAX}",
                 f"-max_len={INPUT_BYTES_MAX}", f"-artifact_prefix={RESULTS}/{target}-",
                 "-print_final_stats=1"]
    if target in DICTIONARIES:
        arguments.append(f"-dict={ROOT}/tests/fuzz/dict/{DICTIONARIES[target]}.dict")
    return arguments + [str(folder) for folder in corpora]


def artifacts(target):
    return sorted(RESULTS.glob(f"{target}-*-*"))


def run(target, seconds):
    """(whether it ended without a finding, its last words)"""
    found = RESULTS / f"{target}.corpus"
    shutil.rmtree(found, ignore_errors=True)
    found.mkdir(parents=True)
    for old in artifacts(target):
        old.unlink()
    seeds = CORPORA / target
    corpora = [found] + ([seeds] if seeds.is_dir() else [])
    with open(RESULTS / f"{target}.log", "wb") as log:
        try:
            ended = subprocess.run(
                command(target, seconds, corpora), cwd=ROOT, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, timeout=seconds + 120, check=False,
                env={"ASAN_SYMBOLIZER_PATH": "/usr/bin/addr2line", **os.environ})
            code = ended.returncode
        except (subprocess.TimeoutExpired, OSError) as error:
            return False, str(error)
    return code == 0 and not artifacts(target), (RESULTS / f"{target}.log").read_text(
        encoding="utf-8", errors="replace")


def summary_of(log):
    stats = dict(line.removeprefix("stat::").split(":", 1)
                 for line in log.splitlines() if line.startswith("stat::") and ":" in line[6:])
    return f"{stats.get('number_of_executed_units', '?').strip()} runs"


def report(target, ok, log):
    print(f"{'ok' if ok else 'not ok'} {target}", flush=True)
    if ok:
        print(f"  {summary_of(log)}", flush=True)
        return
    print("\n".join(log.splitlines()[-60:]))
    for path in artifacts(target):
        relative = path.relative_to(ROOT)
        print(f"  the input is kept; run it again: build/fuzz/fuzz_{target} {relative}", flush=True)


def self_test():
    """Whether a planted defect is found, and only where it is."""
    found, log = run("selftest", 60)
    is_found = not found and "the planted defect" in log and artifacts("selftest")
    sound, _ = run("selftest_sound", 1)
    good = bool(is_found) and sound
    for path in artifacts("selftest"):
        path.unlink()
    print(f"{'ok' if good else 'not ok'} selftest", flush=True)
    if not good:
        print(log[-4000:] if not is_found else "  a target without a defect failed", flush=True)
    return good


def keep(target):
    """Adds the smallest inputs that reach what no kept one reaches; how many are kept then."""
    seeds = CORPORA / target
    merged = RESULTS / f"{target}.merged"
    shutil.rmtree(merged, ignore_errors=True)
    shutil.copytree(seeds, merged)
    subprocess.run([str(BUILD / f"fuzz_{target}"), "-set_cover_merge=1", str(merged),
                    str(RESULTS / f"{target}.corpus")], cwd=ROOT, check=True, capture_output=True)
    known = {path.name for path in seeds.iterdir()}
    new = sorted((path for path in merged.iterdir() if path.name not in known),
                 key=lambda path: path.stat().st_size)
    for path in new[:max(0, KEPT_INPUTS_MAX - len(known))]:
        shutil.copy(path, seeds / path.name)
    return len(list(seeds.iterdir()))


def main():
    parser = argparse.ArgumentParser(prog="tools/fuzz.py")
    parser.add_argument("names", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=int,
                        default=SECONDS_LONG if os.environ.get("HEARTH_TEST_LONG") else SECONDS)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    unknown = set(options.names) - set(targets())
    if unknown:
        print(f"tools/fuzz.py: no such target: {', '.join(sorted(unknown))}; there are "
              f"{', '.join(targets())}")
        return 2
    good = self_test()
    with concurrent.futures.ThreadPoolExecutor(max_workers=options.jobs) as pool:
        chosen = options.names or targets()
        for target, (ok, log) in zip(chosen, pool.map(lambda t: run(t, options.seconds), chosen)):
            good &= ok
            report(target, ok, log)
            if options.keep and ok:
                print(f"  {keep(target)} inputs are kept", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
