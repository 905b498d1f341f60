#!/usr/bin/env bash
# tools/install.sh ROLE…: installs the packages of tools/packages.txt that have one of the roles and
# are not installed yet. Instant when all are there.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ $# -eq 0 ]]; then
  echo "usage: tools/install.sh ROLE… (roles: see tools/packages.txt)" >&2
  exit 2
fi

wanted=()
while read -r package role _; do
  [[ -z "$package" || "$package" == \#* ]] && continue
  for asked in "$@"; do
    [[ "$role" == "$asked" ]] && wanted+=("$package")
  done
done < tools/packages.txt
if [[ ${#wanted[@]} -eq 0 ]]; then
  echo "install: no package has the role(s) '$*'; tools/packages.txt lists them" >&2
  exit 2
fi

if ! command -v dpkg-query > /dev/null; then
  echo "install: this system has no dpkg, so nothing can be installed for you. Needed: ${wanted[*]}" >&2
  exit 1
fi

missing=()
installed=$(dpkg-query -W -f '${binary:Package} ${db:Status-Status}\n' 2> /dev/null |
  sed -n 's/\(:[a-z0-9]*\)\{0,1\} installed$//p')
for package in "${wanted[@]}"; do
  grep -qxF -- "$package" <<< "$installed" || missing+=("$package")
done
[[ ${#missing[@]} -eq 0 ]] && exit 0

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  if ! command -v sudo > /dev/null; then
    echo "install: missing ${missing[*]}; run as root or with sudo installed, or: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
    -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" > "$log" 2>&1 < /dev/null
}
echo "installing ${#missing[@]} packages: ${missing[*]}" >&2
if ! apt install --no-install-recommends "${missing[@]}"; then
  # Most often the package lists are missing or older than the mirror.
  echo "refreshing the package lists" >&2
  if ! apt update || ! apt install --no-install-recommends "${missing[@]}"; then
    cat "$log" >&2
    echo "install: apt-get could not install: ${missing[*]}" >&2
    exit 1
  fi
fi
