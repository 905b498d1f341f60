"""./x test: builds and runs the suites of tools/suites.py and sums them up.

  ./x test [--long] [--list] [--jobs N] [SUITE…]

The last line is `N passed, N failed, N skipped`; the exit code is 0 only if nothing failed. Skips
are listed with their reasons. With CI=true a suite that ran no test, or only skips, has failed.
Results are in build/results/SUITE/: output.txt, and one XML file per test program.
"""

import argparse
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

import suites

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULTS = ROOT / "build/results"


@dataclasses.dataclass
class Outcome:
    suite: suites.Suite
    passed: int = 0
    failures: list = dataclasses.field(default_factory=list)
    skips: list = dataclasses.field(default_factory=list)
    seconds: float = 0


def say(text):
    print(text, flush=True)


def run_bounded(command, seconds, log, environment):
    """Exit code, or None when it did not end in time; ends every process of its group."""
    started = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                               env=environment, start_new_session=True)
    try:
        return started.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        log.write(f"\nout of time after {seconds} s; still running:\n".encode())
        log.flush()
        subprocess.run(["ps", "-o", "pid,ppid,stat,wchan:20,etime,args", "--sid", str(started.pid)],
                       stdout=log, stderr=log, check=False)
        return None
    finally:
        try:
            os.killpg(started.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        started.wait()


def build(preset, targets):
    """Whether it was built; shows the log otherwise."""
    command = ["tools/build.sh", "--quiet", preset]
    if targets:
        command += ["--target", *targets]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def run_ctest(suite, outcome, options, folder, log, environment):
    if not build(suite.preset, (f"suite_{suite.label}",)):
        outcome.failures.append("build")
        return
    environment["GTEST_OUTPUT"] = f"xml:{folder}/"
    junit = folder / "ctest.junit"
    command = ["ctest", "--test-dir", f"build/{suite.preset}", "-L", f"^{suite.label}$", "-j",
               str(options.jobs), "--output-on-failure", "--output-junit", str(junit)]
    code = run_bounded(command, seconds_of(suite, options), log, environment)
    if code is None:
        outcome.failures.append(f"the whole suite: not done after {seconds_of(suite, options)} s")
    if junit.is_file():
        count_ctest(junit, folder, outcome)
    elif code is not None:
        outcome.failures.append(f"ctest ended with {code} and no report")
    if code not in (0, None) and not outcome.failures:
        outcome.failures.append(f"ctest ended with {code}")


def count_ctest(junit, folder, outcome):
    """A test program that wrote gtest's report counts case by case, any other one as one test."""
    for program in xml.parse(junit).getroot().iter("testcase"):
        name = program.get("name")
        status = program.get("status")
        report = folder / f"{name}.xml"
        before = len(outcome.failures)
        if report.is_file():
            count_gtest(report, outcome)
        elif status == "run":
            outcome.passed += 1
        elif status in ("notrun", "disabled"):
            outcome.skips.append(f"{name}: ctest did not run it")
        if status == "fail" and len(outcome.failures) == before:
            outcome.failures.append(f"{name}: {reason_of(program)}")


def reason_of(program):
    failure = program.find("failure")
    return (failure.get("message") if failure is not None else None) or "failed"


def count_gtest(report, outcome):
    for case in xml.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        skipped = case.find("skipped")
        if case.get("status") != "run":
            continue
        if case.find("failure") is not None:
            outcome.failures.append(name)
        elif skipped is not None:
            why = (skipped.get("message") or "no reason given").strip().splitlines()[-1]
            outcome.skips.append(f"{name}: {why}")
        else:
            outcome.passed += 1


def run_command(suite, outcome, options, folder, log, environment):
    if suite.needs and not build(*suite.needs):
        outcome.failures.append("build")
        return
    code = run_bounded(suite.command, seconds_of(suite, options), log, environment)
    if code is None:
        outcome.failures.append(f"the whole suite: not done after {seconds_of(suite, options)} s")
    log.flush()
    text = (folder / "output.txt").read_text(encoding="utf-8", errors="replace")
    for line in text.splitlines():
        found = re.match(r"(ok|not ok|skip) (.+)", line)
        if not found:
            continue
        if found.group(1) == "ok":
            outcome.passed += 1
        else:
            (outcome.failures if found.group(1) == "not ok" else outcome.skips).append(found.group(2))
    if code not in (0, None) and not outcome.failures:
        outcome.failures.append(f"ended with {code}")


def seconds_of(suite, options):
    return suite.seconds_long if options.long and suite.seconds_long else suite.seconds


def run_suite(suite, options):
    folder = RESULTS / suite.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    environment = dict(os.environ)
    if options.long:
        environment["HEARTH_TEST_LONG"] = "1"
    environment["HEARTH_TEST_LOGS"] = str(folder / "logs")
    outcome = Outcome(suite)
    started = time.monotonic()
    say(f"== {suite.name}: {suite.about}")
    with open(folder / "output.txt", "wb") as log:
        runner = run_command if suite.command else run_ctest
        runner(suite, outcome, options, folder, log, environment)
    outcome.seconds = time.monotonic() - started
    if os.environ.get("CI") and outcome.passed == 0 and not outcome.failures:
        outcome.failures.append("no test of this suite ran, and in CI that is a failure")
    if outcome.failures or suite.name == "vm":
        text = (folder / "output.txt").read_text(encoding="utf-8", errors="replace")
        say(text[-20000:])
    say(f"   {outcome.passed} passed, {len(outcome.failures)} failed, {len(outcome.skips)} skipped, "
        f"{outcome.seconds:.0f} s")
    return outcome


def sum_up(outcomes, not_run):
    say("\nsuite       passed  failed  skipped  seconds")
    for o in outcomes:
        say(f"{o.suite.name:10} {o.passed:7} {len(o.failures):7} {len(o.skips):8} {o.seconds:8.0f}")
    for suite in not_run:
        say(f"{suite.name:10} not run: only with --long")
    for outcome in outcomes:
        for skip in outcome.skips:
            say(f"SKIPPED {outcome.suite.name}: {skip}")
    for outcome in outcomes:
        for failure in outcome.failures:
            say(f"FAILED {outcome.suite.name}: {failure}")
        if outcome.failures:
            say(f"  its output: build/results/{outcome.suite.name}/output.txt")
            if (RESULTS / outcome.suite.name / "logs").is_dir():
                say(f"  what its programs said: build/results/{outcome.suite.name}/logs")


def main():
    parser = argparse.ArgumentParser(prog="./x test")
    parser.add_argument("names", nargs="*", metavar="SUITE")
    parser.add_argument("--long", action="store_true", help="the long forms and the sanitizers too")
    parser.add_argument("--list", action="store_true", help="name the suites")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    if options.list:
        for suite in suites.SUITES:
            say(f"{suite.name:8} {suite.about}{' (--long)' if suite.long_only else ''}")
        return 0
    unknown = set(options.names) - {suite.name for suite in suites.SUITES}
    if unknown:
        say(f"./x test: no such suite: {', '.join(sorted(unknown))} (--list names them)")
        return 2
    chosen = [s for s in suites.SUITES
              if s.name in options.names or (not options.names and (options.long or not s.long_only))]
    not_run = [s for s in suites.SUITES if s not in chosen and not options.names]
    outcomes = [run_suite(suite, options) for suite in chosen]
    sum_up(outcomes, not_run)
    passed = sum(o.passed for o in outcomes)
    failed = sum(len(o.failures) for o in outcomes)
    skipped = sum(len(o.skips) for o in outcomes)
    say(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
