# The contract suite of the driver for this kind of host, and of nothing else: the others run in
# machines of their own. gtest's lines are counted by the host.
others=
for other in v2 hybrid v1 none; do
  [ "$other" = "$mode" ] || others="$others:*/$other"
done
if [ -x /hearth/hearth_agent_cgroup_test ]; then
  /hearth/hearth_agent_cgroup_test --gtest_filter="-${others#:}"
  verdict $? cgroup_contract.program
else
  echo "not ok cgroup_contract.program # it is not in the image"
fi
