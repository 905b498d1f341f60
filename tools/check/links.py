"""Links and names of tests in the documents lead somewhere, and every library says what it is."""

import re

import common
import layers
import selftest

NAME = "links"
RULE = ("relative links resolve; a test named `file.cc:Suite.Name` exists; each library has a README "
        "of at most 25 lines")
README_MAX = 25

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")

_TEST = re.compile(r"`([\w/]+\.cc):(\w+)\.(\w+)`")


def run(tree, options):
    del options
    problems = []
    files = tree.select(".md")
    for name in files:
        text = re.sub(r"```.*?```", lambda m: re.sub(r"[^\n]", " ", m.group(0)), tree.read(name),
                      flags=re.DOTALL)
        for match in _LINK.finditer(text):
            why = _broken(tree, name, match.group(1) or match.group(2))
            if why:
                problems.append(common.Problem(name, common.line_of(text, match.start()), why))
        for match in _TEST.finditer(text):
            if not _has_test(tree, *match.groups()):
                problems.append(common.Problem(name, common.line_of(text, match.start()),
                                               f"{match.group(0)}: there is no such test"))
    return problems + _library_readmes(tree), f"{len(files)} documents"


def _has_test(tree, name, suite, test):
    file = tree.root / name
    return file.is_file() and re.search(rf"^TEST(_[FP])?\({suite},\s*{test}\)",
                                        file.read_text(encoding="utf-8"), re.MULTILINE) is not None


def _broken(tree, name, target):
    if re.match(r"[a-z]+:", target):
        return None
    path, _, anchor = target.partition("#")
    file = ((tree.root / name).parent / path).resolve() if path else tree.root / name
    if not file.exists():
        return f"{target}: there is no such file"
    if anchor and file.suffix == ".md" and anchor not in _anchors(file.read_text(encoding="utf-8")):
        return f"{target}: no heading has this anchor"
    return None


def _anchors(text):
    """GitHub's: lower case, punctuation gone, spaces to dashes."""
    headings = re.findall(r"^#+\s+(.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in headings}


def _library_readmes(tree):
    problems = []
    libraries = {layers.library_of(f.removeprefix("src/"))
                 for f in tree.select(*common.CXX, under=("src/",))}
    for library in sorted(libraries - {None}):
        readme = f"src/{library}/README.md"
        if not (tree.root / readme).is_file():
            problems.append(common.Problem(readme, 0, "missing: purpose, main types, who includes it"))
        elif tree.read(readme).count("\n") > README_MAX:
            problems.append(common.Problem(readme, 0, f"more than {README_MAX} lines"))
    return problems


def self_test():
    def case(text, expected, **more):
        selftest.expect(run, {"docs/a.md": text, "docs/b.md": "# A Title, here\n", **more}, expected)

    case("[b](b.md) [b](b.md#a-title-here) [w](https://example.com) [up](../docs/b.md)", 0)
    case("[c](c.md)", 1)
    case("![c](c.svg)", 1)
    case("[b](b.md#none)", 1)
    case("```\n[c](c.md)\n```\n", 0)
    tests = {"tests/a_test.cc": "TEST_F(ATest, Holds) {\n}\n"}
    case("`tests/a_test.cc:ATest.Holds`", 0, **tests)
    case("`tests/a_test.cc:ATest.Hold`", 1, **tests)
    case("`tests/b_test.cc:ATest.Holds`", 1, **tests)
    case("", 1, **{"src/base/a.h": ""})
    case("", 0, **{"src/base/a.h": "", "src/base/README.md": "Base.\n"})
    case("", 1, **{"src/base/a.h": "", "src/base/README.md": "x\n" * (README_MAX + 1)})
