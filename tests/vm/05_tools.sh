# What several of the scripts use. One `hearth up` at a time, as job $up of this shell, with its
# stdout in /tmp/ready and what it says of itself in /tmp/up.log.
mkfifo /tmp/ready

wait_for_ready() {
  exec 3< /tmp/ready
  read -r -t 60 line <&3
  [ "$line" = "hearth ready http=127.0.0.1:7070 grpc=127.0.0.1:50051" ]
  verdict $? "$1"
}
# The host shows what it said.
stop_up() {
  kill -TERM "$up"
  wait "$up"
  verdict $? "$1"
  cat /tmp/up.log
  exec 3<&-
}

# Runs a job; leaves $status, /tmp/out and /tmp/err.
run() {
  /hearth/hearth run --memory 64 "$@" > /tmp/out 2> /tmp/err
  status=$?
  cat /tmp/err
}
# Verdict $1: the job has printed exactly $2 and nothing was wrong.
printed() {
  [ "$status" -eq 0 ] && [ "$(cat /tmp/out)" = "$2" ]
  set -- $? "$1"
  [ "$1" -eq 0 ] || cat /tmp/out
  verdict "$1" "$2"
}
# Verdict $1: its memory limit ended the job.
ended_as_oom() {
  [ "$status" -eq 137 ] && tail -n 1 /tmp/err | grep -q " FAILED oom, signal 9,"
  verdict $? "$1"
}

# Reads and writes 4 MiB six times, past the page cache, at a pace, then leaves 16 MiB in it; begins
# and ends when told to by /disk/go. Prints the job's id.
start_io_job() {
  mkfifo /disk/go
  /hearth/hearth submit --cpu 0.1 --memory 128 -- sh -c '
    read go < /disk/go
    for i in 1 2 3 4 5 6; do
      dd if=/dev/zero of=/disk/direct bs=1M count=4 oflag=direct conv=notrunc
      dd if=/disk/direct of=/dev/null bs=1M iflag=direct
      sleep 0.5
    done
    dd if=/dev/zero of=/disk/buffered bs=1M count=16
    touch /disk/done
    read end < /disk/go'
}

get() {
  wget -q -O - "http://127.0.0.1:7070$1" 2> /dev/null
}
# One worker of `/v1/workers` as JSON, that of job $1.
worker() {
  get /v1/workers | grep -o "{\"id\":\"$1-1\".*" | sed 's/},{"id":.*//'
}
# Value of figure $1 in a worker.
figure() {
  grep -o "\"$1\":[^,}]*" | head -n 1 | cut -d : -f 2
}
# The worker of job $1, once it is known to be held back and how much it uses: an answer of
# /v1/workers in which both figures are more than nothing.
throttled_worker() {
  for _ in $(seq 100); do
    worker "$1" > /tmp/worker
    grep '"cpuPercent":[0-9]' /tmp/worker | grep -q '"throttledPercent":[1-9]' && break
    sleep 0.2
  done
  cat /tmp/worker
}
# What the agent remembers of the worker of job $1.
series() {
  get "/v1/telemetry?agent=vm&worker=$1-1"
}
points() {
  grep -o '[0-9T:.-]*Z"' | wc -l
}
# A rate of a series times the time between its points.
total() {
  tr -d '\n' | awk -v name="$1" '
    function list(key, into) {
      if (!match($0, "\"" key "\":\\[[^]]*\\]")) return 0
      return split(substr($0, RSTART + length(key) + 4, RLENGTH - length(key) - 5), into, ",")
    }
    {
      n = list("at", at); list(name, rate)
      for (i = 1; i <= n; i++) {
        split(at[i], part, /[T:Z]/)
        seconds = part[2] * 3600 + part[3] * 60 + part[4]
        if (i > 1) sum += rate[i] * (seconds - before + (seconds < before ? 86400 : 0))
        before = seconds
      }
      printf "%.0f\n", sum
    }'
}
