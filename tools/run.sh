#!/usr/bin/env bash
# tools/run.sh [-- COMMAND…]: builds the release programs, starts `hearth up` if nothing answers at
# HEARTH_URL (http://127.0.0.1:7070), and runs COMMAND as a job. What it started it also stops; a
# Hearth that ran before is left alone. Without a COMMAND: a demonstration, then it stays up.
set -euo pipefail
cd "$(dirname "$0")/.."

[[ "${1:-}" == -- ]] && shift
hearth=build/release/hearth
url=${HEARTH_URL:-http://127.0.0.1:7070}
address=${url#http://}
address=${address%%/*}
host=${address%:*}
port=${address##*:}
if [[ "$url" != http://* || ! "$port" =~ ^[0-9]+$ ]]; then
  echo "run: HEARTH_URL is '$url'; this script understands http://HOST:PORT" >&2
  exit 125
fi
ready_seconds_max=60

# A Hearth: what else holds the port may be healthy as well.
answers() {
  local answer
  # No curl on a fresh machine; bash speaks TCP itself.
  answer=$( (
    exec 3<> "/dev/tcp/${host//[\[\]]/}/$port" || exit
    printf 'GET /healthz HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$address" >&3
    while IFS= read -r -t 5 line || [[ -n "$line" ]]; do echo "$line"; done <&3
  ) 2> /dev/null) || true
  [[ "$answer" == HTTP/1.1\ 200*'{"status":"ok","version":'* ]]
}

up=
stop_up() {
  [[ -n "$up" ]] || return 0
  kill -TERM "$up" 2> /dev/null || true
  wait "$up" 2> /dev/null || true
  up=
}

# Starts `hearth up` in a session of its own, so that Ctrl-C reaches the job's client, not it.
start_up() {
  local grpc=() line log=build/release/up.log
  # Beside the default controller a second one needs another gRPC port.
  [[ "$port" == 7070 ]] || grpc=(--grpc 127.0.0.1:0)
  exec {ready}< <(exec setsid "$hearth" up --http "$address" "${grpc[@]}" 2> "$log" < /dev/null)
  up=$!
  if ! IFS= read -r -t "$ready_seconds_max" -u "$ready" line || [[ "$line" != hearth\ ready* ]]; then
    cat "$log" >&2
    echo "run: '$hearth up --http $address' did not get ready; its log is $log. If the port is taken," \
      "choose another with HEARTH_URL=http://127.0.0.1:PORT ./x run; if the data directory is in use," \
      "another with HEARTH_DATA=DIR" >&2
    stop_up
    exit 125
  fi
}

tools/build.sh --quiet release --target hearth hearth-launcher
trap stop_up EXIT
trap 'exit 143' TERM
if ! answers; then
  case "$host" in
    127.* | localhost | '[::1]') start_up ;;
    *)
      echo "run: nothing answers at $url, and only a Hearth of this machine can be started here" >&2
      exit 125
      ;;
  esac
fi
export HEARTH_URL=$url

run_job() {
  local status=0
  # Ctrl-C is for `hearth run`: the first cancels the job, the second leaves.
  trap : INT
  "$hearth" run "$@" || status=$?
  trap - INT
  return "$status"
}

if [[ $# -gt 0 ]]; then
  status=0
  run_job -- "$@" || status=$?
  exit "$status"
fi

elsewhere=
[[ "$url" == http://127.0.0.1:7070 ]] || elsewhere=", after export HEARTH_URL=$url"
echo "A job of three lines, one a second (hearth run -- sh -c …):"
run_job -- sh -c 'for i in 1 2 3; do echo "line $i from $(hostname)"; sleep 1; done'
cat << TEXT

Hearth is up at $url. From another terminal${elsewhere}:
  $hearth run --cpu 0.5 --memory 64 -- COMMAND…     run something, see it live, get its exit code
  $hearth jobs                                      what ran and what waits
  $hearth agents                                    the machines
  curl $url/v1/jobs               the same over HTTP
TEXT
if [[ -n "$up" ]]; then
  echo "Ctrl-C stops it."
  trap 'exit 0' INT TERM
  wait "$up"
fi
