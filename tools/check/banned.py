"""Calls and words that the code does without, and why."""

import re

import common
import selftest

NAME = "banned"
RULE = "something that this code does without"

# (pattern over blanked code, why, files that may, applies to tests)
CODE = [
    (r"\bstd::system\b|(?<![\w.>:])system\s*\(", "start processes through the launcher", (), True),
    (r"(?<![\w.>])s?rand\s*\(", "base/random.h draws from the kernel; pure code is handed values",
     (), True),
    (r"\bsleep_(for|until)\b|(?<![\w.>])(u|nano)?sleep\s*\(",
     "wait for an event or advance the clock; a sleep is too short or too long", (), True),
    (r"\bsteady_clock::now\b|\bclock_gettime\b|(?<![\w.>:])time\s*\(\s*(0|NULL|nullptr)",
     "base/clock.h reads the clock; pass `now`", ("src/base/clock.cc", "src/base/mailbox.h", "src/net/", "src/agent/launcher/helper/"), False),
    (r"\bsystem_clock::now\b", "base/clock.h reads the clock; pass `now`",
     ("src/base/clock.cc",), True),
    (r"\b(secure_)?getenv\b", "only main reads the environment; hand the value down",
     ("src/apps/",), False),
    (r"\bco_(await|return|yield)\b", "g++ 12 miscompiles coroutines (docs/adr)", (), True),
    (r"\bstd::v?format(_to)?\b", "g++ 12 has no <format>", (), True),
    (r"\bthread_local\b", "state has one owner", (), True),
    (r"^[ \t]*static\s+(?!(inline\s+)?(constexpr|const)\b)[^()\n]*(=|;|\{)",
     "no mutable statics: state has an owner",
     # The handlers of these two are bare functions, one a process.
     ("src/wire/protobuf_log.cc", "src/front/agentlink/grpc_log.cc"), True),
    (r"^[ \t]*(inline\s+)?static\s+\w[\w:<>]*\s*&\s*(instance|get_instance|singleton)\s*\(",
     "no singletons: pass a reference", (), True),
    (r"\busing\s+namespace\b", "names say where they come from", (), True),
    (r"\bDISABLED_\w+", "a test that does not run proves nothing", (), True),
    (r"\bstd::(auto_ptr|bind|rand)\b", "not needed", (), True),
    (r"(?<![\w.>:])(strcpy|strcat|sprintf|gets|strtok|mktemp|tmpnam)\s*\(", "unsafe", (), True),
    (r"(?<![\w.>:])v?fork\s*\(", "spawning is the launcher's; forking a threaded process is slow",
     ("src/agent/launcher/", "src/agent/sandbox/scratch_mount.cc"), False),
]
# (pattern over lines of any text file, why)
TEXT = [
    (r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))", "name the issue: TODO(#17)"),
    (r"(?<![\w.])/(root|farm|work/(main|shared|bin|wt-\w*|\.\w*))/", "a path of one machine"),
    (r"[ \t]+$", "white space at the end of the line"),
    (r"^(<<<<<<<|>>>>>>>) ", "a conflict left behind"),
]
TEXT_FILES = (*common.CXX, ".proto", ".py", ".sh", ".cmake", "CMakeLists.txt", ".md", ".yaml",
              ".yml", ".ts", ".json", ".toml")
# Names the words on purpose.
OWN = "tools/check/banned.py"


def run(tree, options):
    del options
    problems = []
    cxx = tree.cxx()
    for name in cxx:
        code = tree.code(name)
        for pattern, why, allowed, in_tests in CODE:
            if name.startswith(tuple(allowed)) or (common.is_test(name) and not in_tests):
                continue
            for match in re.finditer(pattern, code, re.MULTILINE):
                word = match.group(0).strip()
                problems.append(common.Problem(
                    name, common.line_of(code, match.start()), f"`{word}`: {why}"))
    text_files = [f for f in tree.select(*TEXT_FILES) if f != OWN]
    for name in text_files:
        for number, line in enumerate(tree.read(name).splitlines(), 1):
            for pattern, why in TEXT:
                if re.search(pattern, line):
                    problems.append(common.Problem(name, number, why))
    return problems, f"{len(text_files)} files"


def self_test():
    def case(text, expected, name="src/core/a.cc"):
        selftest.expect(run, {name: text}, expected)

    case("int system_error(int);\nauto x = my.system(1);\n", 0)
    case('void f() { std::system("ls"); }\n', 1)
    case("int x = rand();\n", 1)
    case("int x = operand(1);\n", 0)
    case("std::this_thread::sleep_for(1s);\n", 1)
    case("usleep(1);\n", 1)
    case("// usleep(1) would be wrong\n", 0)
    case('auto s = "usleep(1)";\n', 0)
    case("auto t = std::chrono::steady_clock::now();\n", 1)
    case("auto t = std::chrono::steady_clock::now();\n", 0, "src/base/clock.cc")
    case("auto t = std::chrono::steady_clock::now();\n", 0, "src/core/a_test.cc")
    case("auto t = std::chrono::system_clock::now();\n", 1, "src/core/a_test.cc")
    case('auto v = getenv("X");\n', 1)
    case('auto v = getenv("X");\n', 0, "src/apps/main.cc")
    case("co_await x;\n", 1, "tests/e2e/a.cc")
    case("static int counter = 0;\n", 1)
    case("  static std::map<int, int> cache;\n", 1)
    case("static constexpr int kMax = 3;\nstatic Result<> make(int x = 3);\n", 0)
    case("TEST(ATest, DISABLED_Works) {}\n", 1, "src/core/a_test.cc")
    case("pid_t p = fork();\n", 1)
    case("pid_t p = fork();\n", 0, "src/agent/launcher/a.cc")
    case("// TO" "DO later\n", 1)
    case("// TO" "DO(#12): later\n", 0)
    case("see /wo" "rk/main/a\n", 1, "docs/a.md")
    case("see /wo" "rk/main.js\n", 0, "docs/a.md")
    case("int x; \n", 1)
