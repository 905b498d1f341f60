"""./x check: runs the checks, two at a time, and prints one line for each and every problem.

  main.py [--all] [--list] [--self-test] [--tap] [NAME…]

--all makes the checks that keep a budget (tidy) look at everything. --self-test feeds each check
text that breaks its rule and text that does not, and fails if it tells them apart wrongly. --tap
prints `ok NAME`, `not ok NAME` for ./x test.
"""

import argparse
import concurrent.futures
import sys
import time

import banned
import common
import format as format_check
import headers
import layers
import lengths
import links
import scripts
import tidy

# Each has NAME, RULE (one sentence), run(tree, options) -> ([Problem], note) and self_test().
CHECKS = [format_check, layers, lengths, banned, links, scripts, headers, tidy]


def run_one(check, tree, options):
    started = time.monotonic()
    try:
        problems, note = check.run(tree, options)
    except Exception as error:  # a broken check is a failed check, with its name
        problems, note = [common.Problem(check.__file__, 0, f"the check itself broke: {error!r}")], ""
    return check, problems, note, time.monotonic() - started


def self_test_one(check):
    started = time.monotonic()
    problems = []
    try:
        check.self_test()
    except AssertionError as error:
        problems = [common.Problem(check.__file__, 0, f"self-test: {error}")]
    return check, problems, "", time.monotonic() - started


def report(results, tap, prefix):
    failed = False
    for check, problems, note, seconds in results:
        name = prefix + check.NAME
        failed |= bool(problems)
        if tap:
            print(f"{'not ok' if problems else 'ok'} {name}", flush=True)
        else:
            verdict = f"{len(problems)} problem(s)" if problems else "ok"
            print(f"{name:20} {verdict:14} {seconds:5.1f} s  {note}", flush=True)
        if problems:
            print(f"  {check.RULE}", flush=True)
        for problem in problems:
            print(f"  {problem}", flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser(prog="./x check")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--tap", action="store_true")
    parser.add_argument("--budget", type=float, default=40, help="seconds for clang-tidy")
    options = parser.parse_args()
    if options.list:
        for check in CHECKS:
            print(f"{check.NAME:10} {check.RULE}")
        return 0
    unknown = set(options.names) - {check.NAME for check in CHECKS}
    if unknown:
        print(f"./x check: no such check: {', '.join(sorted(unknown))} (--list names them)",
              file=sys.stderr)
        return 2
    chosen = [c for c in CHECKS if not options.names or c.NAME in options.names]
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        if options.self_test:
            failed = report(pool.map(self_test_one, chosen), options.tap, "self-test ")
        else:
            tree = common.main_tree()
            failed = report(pool.map(lambda c: run_one(c, tree, options), chosen), options.tap, "")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
