# What /v1/workers and /v1/telemetry say of workers whose appetite is known.
busy=$(/hearth/hearth submit --cpu 0.1 --cpu-limit 0.1 --memory 64 -- sh -c 'while :; do :; done')
throttled_worker "$busy" > /tmp/busy
cat /tmp/busy
# Between samples of a second; a quota of 10 % may show as two periods' more.
awk -v throttled="$(figure throttledPercent < /tmp/busy)" -v cpu="$(figure cpuPercent < /tmp/busy)" 'BEGIN {
  exit !(throttled > 50 && throttled <= 100 && cpu > 0 && cpu < 35) }'
verdict $? hearth_figures.a_busy_worker_is_throttled_to_its_quota
/hearth/hearth cancel "$busy" > /dev/null

if [ "$mode" = v2 ]; then
  counter=$(find "$cgroups" -path "*$io_job*/io.stat")
  for _ in $(seq 100); do
    rows=$(series "$io_job" | points)
    [ "$rows" -gt 0 ] && break
    sleep 0.3
  done
  echo go > /disk/go
  live=0
  until [ -e /disk/done ]; do
    now=$(worker "$io_job" | figure ioWriteBytesPerSec)
    [ "${now:-0}" != null ] && [ "${now:-0}" -gt "$live" ] && live=$now
  done
  [ "$live" -gt 1000000 ]
  verdict $? hearth_figures.io_is_seen_while_it_happens
  # What the worker left in memory is written back by others.
  sync
  rows=$(series "$io_job" | points)
  for _ in $(seq 100); do
    series "$io_job" > /tmp/series
    [ "$(points < /tmp/series)" -ge $((rows + 3)) ] && break
    sleep 0.3
  done
  cat "$counter"
  # The counter is as good as exact: half a mebibyte is left to the file system's own blocks.
  for each in "r 25165824" "w 41943040"; do
    set -- $each
    counted=$(sed -n "s/.*${1}bytes=\([0-9]*\).*/\1/p" "$counter")
    [ "${counted:-0}" -ge "$2" ] && [ "$counted" -le $(($2 + 524288)) ]
    verdict $? "hearth_figures.io_counter_${1}bytes"
  done
  # Rates over the times between the points. The times are when a sample arrived, not when it was
  # taken, so that they may be off by a fifth on a busy machine.
  for each in "ioReadBytesPerSec 25165824" "ioWriteBytesPerSec 41943040"; do
    set -- $each
    told=$(total "$1" < /tmp/series)
    echo "# $1: $told bytes told, $2 done"
    awk -v told="$told" -v done="$2" 'BEGIN { exit !(told > 0.8 * done && told < 1.2 * done) }'
    verdict $? "hearth_figures.$1"
  done
  echo end > /disk/go
fi
