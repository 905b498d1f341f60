# The machine is what it is for.
echo "# $(uname -sr), cgroups: $mode"
grep cgroup /proc/mounts
for controller in cpu memory pids; do
  case "$mode" in
    v2) grep -qw "$controller" "$cgroups/cgroup.controllers" ;;
    *) grep -q " $cgroups/$controller cgroup " /proc/mounts ;;
  esac
  verdict $? "controllers.$controller"
done
# v1 mounts, then v2 mounts.
expected=0+1
[ "$mode" = hybrid ] && expected=8+1
[ "$mode" = v1 ] && expected=8+0
found=$(awk '$3 == "cgroup" { one++ } $3 == "cgroup2" { two++ } END { print one + 0 "+" two + 0 }' /proc/mounts)
[ "$found" = "$expected" ]
verdict $? "controllers.hierarchies_are_those_of_$mode"
