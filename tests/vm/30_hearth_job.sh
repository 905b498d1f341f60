# The programs as they are shipped: a job's output and exit code, its memory limit, and an end that
# leaves nothing behind. On v2 in a group of their own, as a service manager would give them.
mkfifo /tmp/ready
(
  if [ "$mode" = v2 ]; then
    mkdir "$cgroups/service"
    echo 0 > "$cgroups/service/cgroup.procs"
  fi
  exec /hearth/hearth up --data /tmp/data > /tmp/ready 2> /tmp/up.log
) &
up=$!
exec 3< /tmp/ready
read -r -t 60 line <&3
case "$line" in
  "hearth ready http=127.0.0.1:7070 grpc=127.0.0.1:50051") verdict 0 hearth_job.ready ;;
  *)
    verdict 1 "hearth_job.ready # '$line'"
    cat /tmp/up.log
    ;;
esac

/hearth/hearth agents
/hearth/hearth agents --json | grep -q "\"enforcement\": *\"$mode\""
verdict $? "hearth_job.agent_enforces_$mode"

/hearth/hearth run -- sh -c 'echo out; echo err >&2; exit 3' > /tmp/out 2> /tmp/err
status=$?
cat /tmp/err
[ "$status" -eq 3 ] && [ "$(cat /tmp/out)" = out ] && grep -qx err /tmp/err
verdict $? hearth_job.output_and_exit_code

# `tail` keeps all it reads, so it grows past any limit.
/hearth/hearth run --memory 64 -- tail /dev/zero > /tmp/out 2> /tmp/err
status=$?
cat /tmp/err
[ "$status" -eq 137 ] && tail -n 1 /tmp/err | grep -q oom
verdict $? hearth_job.memory_limit_ends_it_as_oom

/hearth/hearth run --memory 64 -- sh -c 'head -c 40000000 /dev/zero | tail -c 40000000 | wc -c' > /tmp/out 2> /tmp/err
[ $? -eq 0 ] && [ "$(cat /tmp/out)" = 40000000 ]
verdict $? hearth_job.stays_below_its_memory_limit

# What a job leaves behind in another session dies with its group.
/hearth/hearth run -- sh -c 'setsid sleep 1000 & exit 0' > /tmp/out 2> /tmp/err
[ $? -eq 0 ] && ! pidof sleep > /dev/null
verdict $? hearth_job.detached_child_is_gone

# What it said of itself; the host shows it.
cat /tmp/up.log
kill -TERM "$up"
wait "$up"
verdict $? hearth_job.sigterm_drains_and_exits_0
exec 3<&-
# Processes with a command line (the kernel's own have none): only this script and its children.
left=$(for pid in /proc/[0-9]*; do tr '\0' ' ' < "$pid/cmdline"; echo; done 2> /dev/null | grep -c '^/hearth/')
[ "$left" -eq 0 ]
verdict $? hearth_job.no_process_is_left
