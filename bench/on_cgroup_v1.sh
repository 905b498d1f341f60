#!/usr/bin/env bash
# bench/on_cgroup_v1.sh COMMAND…: runs COMMAND where only the v1 half of a hybrid hierarchy is seen, as root,
# in a mount namespace of its own. crun refuses hybrid hierarchies, and Hearth has then to do without cgroup.kill.
set -euo pipefail
exec unshare --mount --propagation private bash -euc '
  view=$(mktemp -d)
  mount -t tmpfs tmpfs "$view"
  for hierarchy in /sys/fs/cgroup/*; do
    [[ "$(stat -f -c %T "$hierarchy")" == cgroupfs ]] || continue
    mkdir "$view/${hierarchy##*/}"
    mount --bind "$hierarchy" "$view/${hierarchy##*/}"
  done
  mount --rbind "$view" /sys/fs/cgroup
  exec "$@"' "$0" "$@"
