"""The test suites: what ./x test runs, in this order."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Suite:
    name: str
    about: str
    seconds: int  # the whole suite is ended after this
    # Either the tests with this ctest label, built by this preset …
    label: str = ""
    preset: str = "dev"
    # … or a command that prints `ok NAME`, `not ok NAME` and `skip NAME: why`.
    command: tuple = ()
    needs: tuple = ()  # (preset, targets) the command needs built
    long_only: bool = False
    seconds_long: int = 0


SUITES = (
    Suite("check", "format, layers, lengths, banned calls, links, clang-tidy, and that each can fail",
          420, command=("tools/check_suite.sh",)),
    Suite("unit", "the libraries, beside their sources", 300, label="unit"),
    Suite("sim", "the cluster in one process on simulated time, many seeds", 300, label="sim",
          preset="release", seconds_long=3600),
    Suite("fuzz", "what others' bytes reach, by libFuzzer: each corpus, then five seconds of new inputs",
          240, command=("tools/fuzz.py",), needs=("fuzz", ("suite_fuzz",)), seconds_long=5400),
    Suite("coverage", "that the tests of the pure libraries run their lines; with --long of all of them",
          600, command=("tools/coverage.py",), seconds_long=3600),
    Suite("e2e", "the release programs as a user runs them", 600, label="e2e", preset="release",
          seconds_long=5400),
    Suite("attack", "hostile jobs against the release programs: what they get, and what they leave", 180,
          label="attack", preset="release"),
    Suite("vm", "cgroup v2, hybrid and v1 with every controller, each in a small virtual machine", 360,
          command=("tests/vm/run.py", "--build", "build/release"),
          needs=("release", ("hearth", "hearth-launcher", "hearth_agent_cgroup_test",
                             "hearth_monitor_test", "hearth_launcher_helper_test"))),
    Suite("instructions", "instructions of fixed pieces of work, held against bench/instructions.toml", 120,
          command=("bench/instructions.py",), needs=("release", ("hearth_instructions",))),
    Suite("asan", "the unit tests under the address and undefined-behaviour sanitizers", 1200,
          label="unit", preset="asan", long_only=True),
    Suite("tsan", "the unit tests under the thread sanitizer", 1200, label="unit", preset="tsan",
          long_only=True),
)
