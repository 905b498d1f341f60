# Jobs of the sandbox levels, by the programs as they are shipped and with an agent that is root.

# A small root file system, with a folder that is the task's own.
make_image() {
  mkdir -p "$1/bin" "$1/etc" "$1/open/deep"
  cp /bin/busybox "$1/bin/"
  for name in sh cat rm mkdir ls stat touch; do ln -s busybox "$1/bin/$name"; done
  echo small > "$1/etc/release"
  echo old > "$1/open/deep/file"
  chown -R 1000:1000 "$1/open"
}
# All that a job could change in a folder.
state_of() {
  find "$1" -exec stat -c '%n %u %a %s %Y %Z' {} + | sort
}
# What a job of level process says of its rights.
rights='id -u; id -g; hostname; echo "pid $$ of $(ls /proc | grep -c "^1$")"
  sed -n "s/^\(Cap...\|NoNewPrivs\|Seccomp\):[[:space:]]*/\1 /p" /proc/self/status
  sed -n "s/^ *\([a-z0-9]*\):.*/interface \1/p" /proc/net/dev
  cut -d : -f 3 /proc/self/cgroup | sort -u'
rights_expected="1000
1000
sandbox
pid 2 of 0
CapInh 0000000000000000
CapPrm 0000000000000000
CapEff 0000000000000000
CapBnd 0000000000000000
CapAmb 0000000000000000
NoNewPrivs 1
Seccomp 2
interface lo
/"
image_change='cat /etc/release; stat -c %u /open; echo new > /open/new && cat /open/new
  touch /etc/new 2> /dev/null || echo "/etc is not its own"
  rm -r /open/deep && mkdir /open/deep && ls -A /open/deep && echo replaced'

make_image /disk/image
mounts_before=$(sort /proc/mounts)
(
  if [ "$mode" = v2 ]; then
    mkdir -p "$cgroups/service"
    echo 0 > "$cgroups/service/cgroup.procs"
  fi
  exec /hearth/hearth up --data /tmp/sandbox --warm-slots 0 --sandbox-processes 20 \
    --images small=/disk/image --languages 'sh=sh {main.sh}' > /tmp/ready 2> /tmp/up.log
) &
up=$!
wait_for_ready sandbox.ready
/hearth/hearth agents --json > /tmp/agents
grep -q '"sandboxes":\["none","process","image"\],"features":\["image:small","lang:sh"\]' /tmp/agents
verdict $? sandbox.all_levels_are_offered

run --sandbox process -- sh -c "$rights"
printed sandbox.no_right_is_left "$rights_expected"

# Only what can be written is printed. Nothing but Landlock keeps a task from its own /proc/self/comm.
run --sandbox process -- sh -c '
  for file in /x /bin/x /usr/x /lib/x /etc/x /etc/passwd /dev/x /proc/sys/kernel/core_pattern \
    /proc/sys/kernel/hostname /proc/sysrq-trigger /proc/self/comm /dev/null /work/x /tmp/x /dev/shm/x; do
    (echo 1 > "$file") 2> /dev/null && echo "$file"
  done
  for path in /sys /run /disk /hearth /tests /proc/1; do [ -e "$path" ] && echo "$path is seen"; done
  unshare -U true 2> /dev/null && echo "a namespace of its own"
  mount -t tmpfs none /tmp 2> /dev/null && echo "a mount"
  wget -q -O - http://127.0.0.1:7070/v1/agents 2> /dev/null && echo "the network"
  cat /work/x'
printed sandbox.only_its_own_is_written "/dev/null
/work/x
/tmp/x
/dev/shm/x
1"

run --sandbox process -- tail /dev/zero
ended_as_oom sandbox.memory_limit_ends_it_as_oom

# Init and shell leave 18 of the 20.
dmesg -c > /dev/null
run --sandbox process -- sh -c 'while :; do sleep 1000 & echo $((i += 1)); done'
[ "$status" -eq 2 ] && [ "$(tail -n 1 /tmp/out)" = 18 ] &&
  grep -qx "sh: can't fork: Resource temporarily unavailable" /tmp/err &&
  dmesg | grep -q 'fork rejected by pids controller in .*/hearth-'
verdict $? sandbox.process_limit_refuses

# Seen from outside: which groups it is in with its init, and nobody else, and what remains of it.
job=$(/hearth/hearth submit --memory 64 --sandbox process -- sleep 1000)
for _ in $(seq 200); do
  task=$(pidof sleep) && break
  sleep 0.1
done
init=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$task/status")
sed -n 's/^[0-9]*:\([^:]*\):\(.*hearth-.*\)/\1 \2/p' "/proc/$task/cgroup" | sort > /tmp/groups
cat /tmp/groups
case "$mode" in
  v2) hierarchies= memory=$cgroups limit=memory.max ;;
  hybrid) hierarchies="cpu memory pids" memory=$cgroups/memory limit=memory.limit_in_bytes ;;
  v1) hierarchies="cpu cpuacct freezer memory pids" memory=$cgroups/memory limit=memory.limit_in_bytes ;;
esac
# v2's is nameless, and there on hybrid machines too.
[ "$mode" = v1 ] || hierarchies=" $hierarchies"
[ "$(cut -d ' ' -f 1 /tmp/groups | tr '\n' ' ')" = "${hierarchies% } " ] &&
  [ "$(cut -d ' ' -f 2 /tmp/groups | sort -u | wc -l)" -eq 1 ] &&
  cmp "/proc/$task/cgroup" "/proc/$init/cgroup"
verdict $? sandbox.it_is_in_its_groups
group=$(cut -d ' ' -f 2 /tmp/groups | head -n 1)
pids=$memory
[ "$mode" = v2 ] || pids=$cgroups/pids
[ "$(sort -n "$memory$group/cgroup.procs" | tr '\n' ' ')" = "$init $task " ] &&
  [ "$(cat "$memory$group/$limit" "$pids$group/pids.max" | tr '\n' ' ')" = "67108864 20 " ]
verdict $? sandbox.its_group_is_its_own_and_has_its_limits
/hearth/hearth cancel "$job" > /dev/null
for _ in $(seq 200); do
  get "/v1/jobs/$job" | grep -q '"CANCELLED"' && break
  sleep 0.1
done
spaces=$(for process in /proc/[0-9]*; do readlink "$process/ns/user"; done | sort -u)
echo "$spaces"
[ "$(echo "$spaces" | wc -l)" -eq 1 ] && ! pidof sleep tail > /dev/null
verdict $? sandbox.no_process_is_left
! grep ":$(stat -c %i /run/hearth-sandbox-ids.lock) " /proc/locks
verdict $? sandbox.its_ids_are_free_again
[ "$(sort /proc/mounts)" = "$mounts_before" ]
verdict $? sandbox.no_mount_is_left
[ -z "$(find "$cgroups" -path '*/hearth-*' -name cgroup.procs ! -path '*/hearth-agent/*' -exec cat {} +)" ]
verdict $? sandbox.no_group_has_processes

echo 'read line; echo "$line|$1|$2|$PWD"; cat "$0" | wc -l' > /tmp/main.sh
echo input > /tmp/input
run --script /tmp/main.sh --language sh --stdin /tmp/input -- a 'b c'
printed sandbox.a_script_runs "input|a|b c|/work
1"

# A folder is replaced too, which needs more of an overlay than files do.
state_of /disk/image > /tmp/before
run --image small -- sh -c "$image_change"
printed sandbox.an_image_is_the_root_and_can_be_changed "small
1000
new
/etc is not its own
replaced"
state_of /disk/image | cmp - /tmp/before
verdict $? sandbox.the_image_itself_is_not_changed
run --image small -- sh -c 'ls -A /open; cat /open/deep/file'
printed sandbox.the_next_sees_nothing_of_it "deep
old"

mkdir -p /tmp/in/sub
echo uploaded > /tmp/in/sub/file
job=$(/hearth/hearth submit --wait --memory 64 --upload /tmp/in --result out -- sh -c '
  mkdir -p out/deep && cat sub/file > out/deep/copy' 2> /dev/null)
/hearth/hearth results "$job" --to /tmp/results
[ "$(cd /tmp/results && find . -type f)" = ./out/deep/copy ] &&
  [ "$(cat /tmp/results/out/deep/copy)" = uploaded ]
verdict $? sandbox.an_upload_and_its_results

stop_up sandbox.sigterm_ends_it
[ -z "$(find "$cgroups" -type d -name 'hearth-*' ! -name hearth-agent)" ]
verdict $? sandbox.no_group_is_left
[ "$(sort /proc/mounts)" = "$mounts_before" ]
verdict $? sandbox.no_mount_is_left_at_the_end
