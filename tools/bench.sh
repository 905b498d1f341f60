#!/usr/bin/env bash
# tools/bench.sh [ARGUMENTS]: builds the release preset and runs every benchmark program of bench/.
# Arguments go to each program (--benchmark_filter=…).
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
