#!/usr/bin/env python3
"""Tests of ./x test itself: that it counts rightly, cannot pass without tests, and ends what hangs.
And of ./x run: whom it takes for a Hearth, and what it says when it cannot start one."""

import http.server
import importlib.util
import io
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import threading
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import suites  # noqa: E402


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


runner = load("runner", HERE / "test.py")
vm = load("vm", HERE.parent / "tests/vm/run.py")

JUNIT = """<testsuite>
  <testcase name="a_test" status="run"/>
  <testcase name="crashed_test" status="fail"><failure message="Segmentation fault"/></testcase>
  <testcase name="script" status="run"/>
  <testcase name="absent" status="notrun"/>
</testsuite>"""
GTEST = """<testsuites><testsuite>
  <testcase name="Works" classname="A" status="run"/>
  <testcase name="Breaks" classname="A" status="run"><failure message="x"/></testcase>
  <testcase name="Lacks" classname="A" status="run"><skipped message="a.cc:1&#x0A;no cgroup here"/></testcase>
  <testcase name="FilteredOut" classname="A" status="notrun"/>
</testsuite></testsuites>"""


class RunnerTest(unittest.TestCase):
    def setUp(self):
        self._scratch = tempfile.TemporaryDirectory(prefix="hearth_test_")
        self.folder = pathlib.Path(self._scratch.name)
        self.addCleanup(self._scratch.cleanup)

    def test_counts_cases_of_gtest_and_programs_otherwise(self):
        (self.folder / "ctest.junit").write_text(JUNIT, encoding="utf-8")
        (self.folder / "a_test.xml").write_text(GTEST, encoding="utf-8")
        outcome = runner.Outcome(suites.SUITES[0])
        runner.count_ctest(self.folder / "ctest.junit", self.folder, outcome)
        self.assertEqual(outcome.passed, 2)
        self.assertEqual(outcome.failures, ["A.Breaks", "crashed_test: Segmentation fault"])
        self.assertEqual(outcome.skips, ["A.Lacks: no cgroup here", "absent: ctest did not run it"])

    def test_counts_the_lines_of_a_command(self):
        script = "echo ok one; echo 'not ok two'; echo 'skip three: why'; echo okay"
        outcome = self.run_script(script)
        self.assertEqual(
            (outcome.passed, outcome.failures, outcome.skips), (1, ["two"], ["three: why"]))

    def test_a_command_that_fails_without_a_word_has_failed(self):
        self.assertEqual(self.run_script("echo ok one; exit 7").failures, ["ended with 7"])

    def test_ends_a_command_that_hangs_with_all_it_started(self):
        outcome = self.run_script("trap '' TERM; (trap '' TERM; exec tail -f /dev/null) & "
                                  "echo child $!; wait", seconds=1)
        self.assertIn("not done after 1 s", outcome.failures[0])
        text = (self.folder / "output.txt").read_text(encoding="utf-8")
        child = int(text.split("child ")[1].split()[0])
        self.assertIn("out of time after 1 s", text)
        self.assertTrue(ends(child), text)

    def run_script(self, script, seconds=30):
        suite = suites.Suite("x", "", seconds, command=("bash", "-c", script))
        outcome = runner.Outcome(suite)
        options = type("Options", (), {"long": False, "jobs": 1})()
        with open(self.folder / "output.txt", "wb") as log:
            runner.run_command(suite, outcome, options, self.folder, log, dict(os.environ))
        return outcome


class VmTest(unittest.TestCase):
    def test_judges_the_console(self):
        console = vm.plain("\x1b[2Jok a\r\n[       OK ] S.B (3 ms)\r\n[  FAILED  ] S.C/v2, where x = 1 (4 ms)\r\n"
                           "[  SKIPPED ] S.D (0 ms)\r\nnot ok e # why\r\n[  FAILED  ] S.C/v2\r\nokay\r\n")
        self.assertEqual(vm.judge(console), ["ok a", "ok S.B", "not ok S.C/v2", "not ok S.D",
                                             "not ok e # why"])


class Health(http.server.BaseHTTPRequestHandler):
    """Answers every request with the server's `answer`, as another program on Hearth's port might."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, *arguments):
        pass


class RunScriptTest(unittest.TestCase):
    """tools/run.sh over a `hearth` that only says how it was called and cannot come up."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="hearth_run_")
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        self.script("tools/build.sh", "exit 0")
        self.script("tools/run.sh", (HERE / "run.sh").read_text(encoding="utf-8"))
        self.script("build/release/hearth",
                    '[[ $1 == up ]] && { echo "the port is taken" >&2; exit 1; }; echo "called: $*"')
        self.server = http.server.HTTPServer(("127.0.0.1", 0), Health)
        self.addCleanup(self.server.server_close)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.shutdown)

    def script(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if text.startswith("#!") else f"#!/bin/bash\n{text}\n", encoding="utf-8")
        path.chmod(0o755)

    def run_it(self, answer, url=None):
        self.server.answer = answer
        url = url or f"http://127.0.0.1:{self.server.server_port}"
        return subprocess.run([self.folder / "tools/run.sh", "--", "true"], capture_output=True,
                              text=True, timeout=60, check=False,
                              env={**os.environ, "HEARTH_URL": url})

    def test_a_hearth_that_is_there_is_used(self):
        done = self.run_it(b'{"status":"ok","version":"0.1.0"}')
        self.assertEqual((done.returncode, done.stdout), (0, "called: run -- true\n"), done.stderr)

    def test_another_program_on_the_port_is_no_hearth(self):
        done = self.run_it(b"healthy")
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        self.assertIn("the port is taken", done.stderr)
        self.assertIn("HEARTH_URL=http://127.0.0.1:PORT", done.stderr)
        self.assertIn("HEARTH_DATA=DIR", done.stderr)

    def test_an_address_it_does_not_understand_is_named(self):
        for url in ("https://127.0.0.1:1", "http://127.0.0.1", "127.0.0.1:7070"):
            done = self.run_it(b"", url)
            self.assertEqual(done.returncode, 125)
            self.assertIn(url, done.stderr)


def ends(pid):
    """Whether the process is gone or on its way: SIGKILL takes a moment."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 10)[0])
    finally:
        os.close(handle)


def main():
    """Prints `ok NAME` or `not ok NAME`, as ./x test reads it."""
    report = io.StringIO()
    cases = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(stream=report, verbosity=2).run(cases)
    print(report.getvalue())
    print(f"{'ok' if result.wasSuccessful() else 'not ok'} self-test of ./x test and run")
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
