# The process monitor's tests on this kind of host, with files on the disk; what is about hosts
# without cgroups is left out.
others=*.CollectWithoutGroups*
for other in v2 hybrid v1 none; do
  [ "$other" = "$mode" ] || others="$others:*/$other"
done
grep -q "^/dev/[^ ]* /disk ext4 " /proc/mounts
verdict $? monitor.there_is_a_disk
if [ -x /hearth/hearth_monitor_test ]; then
  TMPDIR=/disk /hearth/hearth_monitor_test --gtest_filter="-$others"
  verdict $? monitor.program
else
  echo "not ok monitor.program # it is not in the image"
fi
