#!/usr/bin/env bash
# The checks as a suite of ./x test: first that each can fail, then the tree. clang-tidy gets more
# time than in a plain ./x check.
set -euo pipefail
cd "$(dirname "$0")/.."

status=0
/usr/bin/python3 -B tools/test_test.py || status=1
/usr/bin/python3 -B tools/check/main.py --tap --self-test || status=1
/usr/bin/python3 -B tools/check/main.py --tap --budget "${HEARTH_TIDY_SECONDS:-120}" || status=1
exit "$status"
