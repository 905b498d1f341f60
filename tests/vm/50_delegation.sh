# An agent that is not root, in a sub-tree that was delegated to its user as a service manager would
# do it (systemd's Delegate=), and in those that were not, or not far enough.
if [ "$mode" = v2 ]; then
  # What systemd gives away, and nothing else: the limits of the sub-tree itself stay root's.
  delegate() {
    mkdir "$1" && chown agent "$1" "$1/cgroup.procs" "$1/cgroup.threads" "$1/cgroup.subtree_control"
  }
  # Runs the rest as the user `agent`, beginning in group $1.
  as_agent_in() {
    echo 0 > "$1/cgroup.procs"
    shift
    exec su agent -c "exec $*"
  }

  own=$cgroups/system.slice/hearth.service
  mkdir "$cgroups/system.slice"
  sed 's/\([a-z]\+\)/+\1/g' "$cgroups/cgroup.controllers" > "$cgroups/system.slice/cgroup.subtree_control"
  delegate "$own"
  (as_agent_in "$own" /hearth/hearth up --data /tmp/own) > /tmp/ready 2> /tmp/up.log &
  up=$!
  wait_for_ready delegation.ready
  /hearth/hearth agents --json | grep -q '"enforcement": *"v2"'
  verdict $? delegation.agent_enforces_v2
  /hearth/hearth run --memory 64 --cpu-limit 0.5 -- sh -c '
    group=/sys/fs/cgroup$(cut -d : -f 3 /proc/self/cgroup)
    id -un; dirname "$(dirname "$group")"; cd "$group" && cat memory.max cpu.max memory.oom.group io.stat' \
    > /tmp/out 2> /tmp/err
  cat /tmp/out /tmp/err
  [ "$(cat /tmp/out)" = "agent
$own
67108864
50000 100000
1" ]
  verdict $? delegation.jobs_are_the_users_and_have_limits
  /hearth/hearth run --memory 64 -- sh -c '
    setsid sleep 1000 & dd if=/dev/zero of=/dev/null bs=200000000 count=1; sleep 1000' > /tmp/out 2> /tmp/err
  [ $? -eq 137 ] && tail -n 1 /tmp/err | grep -q oom && ! pidof sleep dd > /dev/null
  verdict $? delegation.memory_limit_ends_the_whole_group
  busy=$(/hearth/hearth submit --cpu 0.1 --cpu-limit 0.1 --memory 64 -- sh -c 'while :; do :; done')
  throttled_worker "$busy" | grep -q '"throttledPercent":[1-9]'
  verdict $? delegation.a_busy_worker_is_throttled
  /hearth/hearth cancel "$busy" > /dev/null
  stop_up delegation.sigterm_ends_it
  [ "$(find "$own" -mindepth 1 -type d)" = "$own/hearth-agent" ]
  verdict $? delegation.no_group_is_left

  # All that a driver has to do, as that user.
  delegate "$cgroups/contract"
  (as_agent_in "$cgroups/contract" /hearth/hearth_agent_cgroup_test \
    "--gtest_filter=*/v2:-*.ManyGroupsComeAndGo/*") > /tmp/contract 2>&1
  status=$?
  sed 's/CgroupContract\./CgroupContractAsUser./' /tmp/contract
  [ "$status" -eq 0 ] && grep -q 'OK .*TheProcessLimitHolds/v2' /tmp/contract
  verdict $? delegation.contract_as_user

  # The agent stays in one group of the sub-tree, its jobs are beside it.
  delegate "$cgroups/tree"
  mkdir "$cgroups/tree/agents"
  chown agent "$cgroups/tree/agents/cgroup.procs"
  (as_agent_in "$cgroups/tree/agents" /hearth/hearth up --data /tmp/tree --cgroup-root /tree) \
    > /tmp/ready 2> /tmp/up.log &
  up=$!
  wait_for_ready delegation.cgroup_root_ready
  /hearth/hearth run -- sh -c 'dirname "$(dirname "$(cut -d : -f 3 /proc/self/cgroup)")"' > /tmp/out 2> /tmp/err
  cat /tmp/out /tmp/err
  [ "$(cat /tmp/out)" = /tree ]
  verdict $? delegation.cgroup_root_is_where_jobs_are
  stop_up delegation.cgroup_root_sigterm_ends_it

  # Refusals. The agent is outside the sub-tree; the sub-tree is root's; nothing was said about one.
  mkdir "$cgroups/outside"
  for root in tree system.slice; do
    (as_agent_in "$cgroups/outside" /hearth/hearth up --data /tmp/outside --cgroup-root "/$root") \
      > /tmp/out 2> /tmp/err
    [ $? -eq 1 ] && grep -q "no cgroups can be made below --cgroup-root /$root" /tmp/err &&
      grep -q "Delegate=yes" /tmp/err && grep -q "run the agent as root" /tmp/err
    verdict $? "delegation.refuses_${root}_from_outside"
    cat /tmp/err
  done
  (as_agent_in "$cgroups/outside" /hearth/hearth up --data /tmp/outside) > /tmp/ready 2> /tmp/up.log &
  up=$!
  wait_for_ready delegation.without_ready
  /hearth/hearth agents --json | grep -q '"enforcement": *"none"' &&
    grep "no limits are enforced" /tmp/up.log | grep "Delegate=yes" | grep -q "run the agent as root"
  verdict $? delegation.without_it_says_that_nothing_is_enforced
  stop_up delegation.without_sigterm_ends_it
fi
