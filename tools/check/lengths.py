"""Files and functions stay short enough to read in one go."""

import re

import common
import selftest

NAME = "lengths"
RULE = "files of at most 800 lines (500 is worth a thought), functions of at most 70"
FILE_MAX = 800
FILE_WARN = 500
HEADER_WARN = 200
FUNCTION_MAX = 70

# What stands between `)` and `{` of a function's body.
_FUNCTION = re.compile(r"\)(const|noexcept(\([^()]*\))?|override|final|mutable|try|&{1,2}"
                       r"|->\s*[\w:<>,&*\s]+|\s)*$")
_SCOPE = re.compile(r"\b(namespace|class|struct|enum|union|extern)\b[^()]*$")
_INITIALISERS = re.compile(r"\)\s*(noexcept\s*)?:[^:]")


def run(tree, options):
    del options
    problems = []
    long_files = 0
    for name in tree.cxx() + tree.select(".py", ".sh"):
        lines = tree.read(name).count("\n")
        if lines > FILE_MAX:
            problems.append(common.Problem(name, 0, f"{lines} lines, more than {FILE_MAX}: split it"))
        long_files += lines > (HEADER_WARN if name.endswith(".h") else FILE_WARN)
        if name.endswith(common.CXX):
            for line, length in functions(tree.code(name)):
                if length > FUNCTION_MAX:
                    problems.append(common.Problem(
                        name, line, f"a function of {length} lines, more than {FUNCTION_MAX}"))
    return problems, f"{long_files} file(s) past {FILE_WARN} lines (headers {HEADER_WARN})"


def functions(code):
    """(first line, number of lines) of the outermost function bodies of blanked code."""
    code = re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", lambda m: re.sub(r"[^\n]", " ", m.group(0)),
                  code, flags=re.MULTILINE)
    stack = []  # of "function", "member" (the braces of `A() : member_{1}`) and "other"
    statement_start = 0
    body_start = 0
    for match in re.finditer(r"[{};]", code):
        at = match.start()
        if match.group(0) == "{":
            kind = _kind(code[statement_start:at]) if "function" not in stack else "other"
            if kind == "function":
                body_start = at
            stack.append(kind)
            if kind == "member":
                continue  # what follows belongs to the same head
        elif match.group(0) == "}":
            kind = stack.pop() if stack else "other"
            if kind == "member":
                continue
            if kind == "function":
                first = common.line_of(code, body_start)
                yield first, common.line_of(code, at) - first + 1
        statement_start = at + 1


def _kind(head):
    if _INITIALISERS.search(head):
        return "member" if re.search(r"[\w>]$", head) else "function"
    if _SCOPE.search(head) or not _FUNCTION.search(head):
        return "other"
    return "function"


def self_test():
    def body(lines):
        return "{\n" + "  call();\n" * (lines - 2) + "}\n"

    def case(text, expected):
        selftest.expect(run, {"src/a.cc": text}, expected)

    case("void f() " + body(FUNCTION_MAX), 0)
    case("void f() " + body(FUNCTION_MAX + 1), 1)
    case("namespace n {\nint A::f(int x) const noexcept " + body(100) + "}\n", 1)
    case("A::A(int x) : x_(x), y_{2} " + body(100), 1)
    case("auto f() -> std::vector<int> " + body(100), 1)
    case("TEST(ATest, Works) " + body(100), 1)
    case("class A {\n" + "  int f();\n" * 100 + "};\n", 0)
    case("enum class E : int {\n" + "  X,\n" * 100 + "};\n", 0)
    case("void f() {\n  auto g = [] " + body(100).replace("}\n", "};\n") + "}\n", 1)
    case('void f() {\n  g("{");\n}\nvoid h() ' + body(40) + "void i() " + body(40), 0)
    case("int x;\n" * FILE_MAX, 0)
    case("int x;\n" * (FILE_MAX + 1), 1)
