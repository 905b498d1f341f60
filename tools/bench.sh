#!/usr/bin/env bash
# tools/bench.sh [ARGUMENTS]: builds the release preset, runs every benchmark program of bench/ and, when
# there are no ARGUMENTS, whole jobs through the real programs. Arguments go to each program
# (--benchmark_filter=…).
set -euo pipefail
cd "$(dirname "$0")/.."

tools/build.sh --quiet release
found=
for program in build/release/*_bench; do
  [[ -x "$program" ]] || continue
  found=1
  echo "== ${program##*/}"
  "$program" "$@"
done
if [[ -z "$found" ]]; then
  echo "bench: build/release has no *_bench program" >&2
  exit 1
fi
if [[ $# -eq 0 ]]; then
  echo "== jobs"
  /usr/bin/python3 -B bench/jobs.py --build build/release
fi
