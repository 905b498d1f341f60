#!/usr/bin/env bash
# tools/fresh_root.sh [COMMAND…]: proves that a fresh Debian 12 with nothing but git is enough.
#
# Makes a minimal root with debootstrap (cached in build/cache), unpacks it anew below build/, clones
# the committed state of this repository into it and runs COMMAND there (default: ./x run with a job
# that must end with exit code 3), in mount and pid namespaces of its own. Needs root, debootstrap
# and the network; takes several minutes, so it is no part of ./x test.
set -euo pipefail
cd "$(dirname "$0")/.."

[[ $(id -u) -eq 0 ]] || { echo "fresh_root: needs root (debootstrap, chroot)" >&2; exit 2; }
if ! command -v debootstrap > /dev/null; then
  DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends debootstrap
fi

mirror=$(apt-cache policy | sed -n 's/^ *[0-9]* \(http[^ ]*\) bookworm\/main amd64 Packages$/\1/p' | head -n 1)
base=$PWD/build/cache/fresh_root.tar
root=$PWD/build/fresh_root

if [[ ! -f "$base" ]]; then
  mkdir -p build/cache
  scratch=$(mktemp -d -p build/cache)
  debootstrap --variant=minbase --include=git,ca-certificates bookworm "$scratch" ${mirror:+"$mirror"}
  tar -C "$scratch" -cf "$base.part" .
  rm -rf "$scratch"
  mv "$base.part" "$base"
fi

rm -rf "$root"
mkdir -p "$root"
tar -C "$root" -xf "$base"
cp -L /etc/resolv.conf /etc/hosts "$root/etc/" 2> /dev/null || true
git clone -q --no-local . "$root/hearth"

if [[ $# -eq 0 ]]; then
  set -- bash -c './x run -- sh -c "for i in 1 2 3; do echo \$i; sleep 1; done; exit 3"; [[ $? -eq 3 ]]'
fi
cat > "$root/enter.sh" << 'TEXT'
set -eu
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup 2> /dev/null || true
cd /hearth
exec "$@"
TEXT
start=$(date +%s)
status=0
unshare --mount --pid --fork --kill-child bash -euc '
  root=$1; shift
  mount --make-rprivate /
  mount -t tmpfs -o size=512k tmpfs "$root/dev"
  for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
  mkdir "$root/dev/shm"
  ln -s /proc/self/fd "$root/dev/fd"
  exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
    chroot "$root" /bin/bash /enter.sh "$@"
' fresh_root "$root" "$@" || status=$?
echo "fresh_root: '$*' ended with $status after $(($(date +%s) - start)) s"
# After a failure the root stays for a look.
[[ "$status" -ne 0 ]] || rm -rf "$root"
exit "$status"
