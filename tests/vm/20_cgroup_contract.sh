# The cgroup contract suite on the real v2 hierarchy. gtest's own lines are counted by the host.
if [ -x /hearth/hearth_agent_cgroup_test ]; then
  HEARTH_TEST_ENFORCEMENT=v2 /hearth/hearth_agent_cgroup_test
  verdict $? "cgroup_contract.program"
else
  echo "not ok cgroup_contract.program # it is not in the image"
fi
