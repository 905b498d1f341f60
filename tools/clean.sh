#!/usr/bin/env bash
# tools/clean.sh [PRESET]: removes what builds made; build/cache holds downloads and stays.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ $# -gt 0 ]]; then
  if ! [[ "$1" =~ ^[a-z]+$ ]] || [[ ! -d "build/$1" ]]; then
    echo "clean: there is no build/$1" >&2
    exit 2
  fi
  rm -rf "build/$1"
elif [[ -d build ]]; then
  find build -mindepth 1 -maxdepth 1 ! -name cache -exec rm -rf {} +
fi
