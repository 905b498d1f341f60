# The process monitor's tests on this kind of host; what needs a disk is left out, since this machine
# has none, and what is about hosts without cgroups.
others=*.CollectSeesIo/*:*.CollectWithoutGroups*
for other in v2 hybrid v1 none; do
  [ "$other" = "$mode" ] || others="$others:*/$other"
done
if [ -x /hearth/hearth_monitor_test ]; then
  /hearth/hearth_monitor_test --gtest_filter="-$others"
  verdict $? monitor.program
else
  echo "not ok monitor.program # it is not in the image"
fi
