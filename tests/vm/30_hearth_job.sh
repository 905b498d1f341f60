# The programs as they are shipped: a job's output and exit code, its memory limit, and an end that
# leaves nothing behind. On v2 in a group of their own, as a service manager would give them. They
# stay up for the scripts up to 39.
(
  if [ "$mode" = v2 ]; then
    mkdir "$cgroups/service"
    echo 0 > "$cgroups/service/cgroup.procs"
  fi
  exec /hearth/hearth up --data /tmp/data > /tmp/ready 2> /tmp/up.log
) &
up=$!
wait_for_ready hearth_job.ready

# For 35: its figures are remembered when it is ten seconds old.
[ "$mode" = v2 ] && io_job=$(start_io_job)

/hearth/hearth agents
/hearth/hearth agents --json | grep -q "\"enforcement\": *\"$mode\""
verdict $? "hearth_job.agent_enforces_$mode"

if [ "$mode" = v2 ]; then
  [ -n "$(find "$cgroups/service" -mindepth 1 -maxdepth 1 -type d -name 'hearth-*[0-9a-f]')" ]
  verdict $? hearth_job.groups_are_in_the_services_own
fi

/hearth/hearth run -- sh -c 'echo out; echo err >&2; exit 3' > /tmp/out 2> /tmp/err
status=$?
cat /tmp/err
[ "$status" -eq 3 ] && [ "$(cat /tmp/out)" = out ] && grep -qx err /tmp/err
verdict $? hearth_job.output_and_exit_code

# `tail` keeps all it reads, so it grows past any limit. Those beside it are small.
/hearth/hearth run --memory 64 -- sh -c 'setsid sleep 1000 & tail /dev/zero; sleep 1000' > /tmp/out 2> /tmp/err
status=$?
cat /tmp/err
[ "$status" -eq 137 ] && tail -n 1 /tmp/err | grep -q oom
verdict $? hearth_job.memory_limit_ends_it_as_oom
! pidof sleep tail > /dev/null
verdict $? hearth_job.memory_limit_ends_the_whole_group

/hearth/hearth run --memory 64 -- dd if=/dev/zero of=/dev/null bs=40000000 count=1 > /tmp/out 2> /tmp/err
[ $? -eq 0 ] && grep -q '^1+0 records out' /tmp/err
verdict $? hearth_job.stays_below_its_memory_limit

# What a job leaves behind in another session dies with its group.
/hearth/hearth run -- sh -c 'setsid sleep 1000 & exit 0' > /tmp/out 2> /tmp/err
[ $? -eq 0 ] && ! pidof sleep > /dev/null
verdict $? hearth_job.detached_child_is_gone
