# The machine is what it is for: a pure cgroup v2 hierarchy with the controllers that Hearth uses.
controllers=$(cat /sys/fs/cgroup/cgroup.controllers)
echo "# $(uname -sr), controllers: $controllers"
for controller in cpu memory pids io; do
  echo "$controllers" | grep -qw "$controller"
  verdict $? "controllers.$controller"
done
! awk '$3 == "cgroup" { found = 1 } END { exit !found }' /proc/mounts
verdict $? "controllers.no_v1_hierarchy"
