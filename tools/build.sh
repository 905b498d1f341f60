#!/usr/bin/env bash
# tools/build.sh [--quiet] [PRESET] [cmake --build arguments]: configures once, then builds.
# --quiet shows one line, and the whole log only when the build fails.
set -euo pipefail
cd "$(dirname "$0")/.."

quiet=
if [[ "${1:-}" == --quiet ]]; then
  quiet=1
  shift
fi
preset=release
if [[ $# -gt 0 && "$1" != -* ]]; then
  preset=$1
  shift
fi
if [[ "$preset" =~ ^(clang|fuzz)$ && -z "${HEARTH_NO_INSTALL:-}" ]]; then
  tools/install.sh clang
fi

build() {
  # A cache without a build file is what an interrupted first configuration leaves behind.
  if [[ ! -f "build/$preset/build.ninja" ]]; then
    cmake --preset "$preset" || return
  fi
  cmake --build --preset "$preset" "$@"
}

if [[ -z "$quiet" ]]; then
  build "$@"
  exit
fi

mkdir -p "build/$preset"
log=build/$preset/build.log
build "$@" > "$log" 2>&1 &
builder=$!
trap 'kill "$builder" 2> /dev/null || true' INT TERM
# One line that moves on a terminal; nothing but start and end elsewhere.
if [[ -t 2 ]]; then
  while kill -0 "$builder" 2> /dev/null; do
    step=$(grep -o '^\[[0-9]*/[0-9]*\]' "$log" | tail -n 1 || true)
    printf '\rbuilding %s %s ' "$preset" "$step" >&2
    # Ends at once with the builder; otherwise after half a second.
    timeout 0.5 tail --pid="$builder" -f /dev/null || true
  done
  printf '\r\033[K' >&2
else
  echo "building $preset" >&2
fi
if ! wait "$builder"; then
  cat "$log" >&2
  echo "the build failed; its log is $log" >&2
  exit 1
fi
