# How children get into their groups, and what the filter of system calls refuses, by this kernel.
# gtest's lines are counted by the host.
tests=*
# On v1 there is no group to be born in.
[ "$mode" = v1 ] && tests=-GroupsTest.*
if [ -x /hearth/hearth_launcher_helper_test ]; then
  /hearth/hearth_launcher_helper_test "--gtest_filter=$tests"
  verdict $? launcher_helper.program
else
  echo "not ok launcher_helper.program # it is not in the image"
fi
