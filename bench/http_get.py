#!/usr/bin/env python3
"""The CPU that a GET of a finished job costs, beside nginx with a static answer of the same size.

Once the same job again and again, and once many jobs in turn, more than the controller keeps answers of, so
that each is read from the store. In turns, each over kept connections by wrk on loopback: CPU of all of the server's threads by /proc/PID/stat,
divided by the requests that wrk counted. Prints the medians and the median of the ratios within a round.

Usage: bench/http_get.py [--build build/release] [--rounds 5] [--seconds 3] [--connections 16]
Needs Debian's wrk and nginx-light.
"""

import argparse
import http.client
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

JOB = {"name": "nightly-report", "command": ["/bin/true"], "requiredCpu": 0.25, "requiredRamMb": 64}
# Each of wrk's requests asks for the next path of a file.
IN_TURN = """
local paths, at = {}, 0
for line in io.lines("PATHS") do paths[#paths + 1] = line end
request = function()
  at = at % #paths + 1
  return wrk.format("GET", paths[at])
end
"""
NGINX = """
worker_processes 1;
daemon off;
error_log stderr crit;
pid {folder}/pid;
events {{ worker_connections 512; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  default_type application/json;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      add_header Cache-Control no-store;
      return 200 '{body}';
    }}
  }}
}}
"""


def get(address, path):
    connection = http.client.HTTPConnection(address)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != 200:
        sys.exit(f"GET {path}: {response.status} {body.decode()}")
    return body


def start_hearth(build, data):
    """(process, address, path of a finished job)"""
    process = subprocess.Popen(
        [os.path.join(build, "hearth"), "up", "--data", data, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0",
         "--log-level", "error"], stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    found = re.match(r"hearth ready http=(\S+)", line)
    if not found:
        sys.exit("hearth did not come up: " + line)
    address = found.group(1)
    connection = http.client.HTTPConnection(address)
    connection.request("POST", "/v1/jobs", json.dumps(JOB), {"Content-Type": "application/json"})
    job = json.loads(connection.getresponse().read())["id"]
    connection.request("GET", f"/v1/jobs/{job}/events")
    connection.getresponse().read()  # ends with the job
    connection.close()
    path = f"/v1/jobs/{job}"
    if json.loads(get(address, path))["state"] != "COMPLETED":
        sys.exit("the job did not complete")
    return process, address, path


def many_jobs(address, count):
    """Paths of jobs that have ended."""
    connection = http.client.HTTPConnection(address)
    connection.request("POST", "/v1/jobs:batch", json.dumps([JOB] * count), {"Content-Type": "application/json"})
    results = json.loads(connection.getresponse().read())["results"]
    connection.close()
    while f'hearth_jobs{{state="COMPLETED"}} {count + 1}' not in get(address, "/metrics").decode():
        time.sleep(0.1)
    return [f"/v1/jobs/{result['id']}" for result in results]


def start_nginx(folder, body_bytes):
    """(process, address); tries ports until one is free."""
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        config = os.path.join(folder, "nginx.conf")
        with open(config, "w") as file:
            file.write(NGINX.format(folder=folder, port=port, body="x" * body_bytes))
        process = subprocess.Popen(["nginx", "-c", config, "-p", folder], stderr=subprocess.DEVNULL)
        address = f"127.0.0.1:{port}"
        while process.poll() is None:
            try:
                get(address, "/")
                return process, address
            except OSError:
                time.sleep(0.02)
    sys.exit("nginx did not start")


def cpu_seconds(pid):
    """Of the process with all of its threads, and of its children."""
    total = 0
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    seconds = total / os.sysconf("SC_CLK_TCK")
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return seconds + sum(cpu_seconds(int(child)) for child in children.read().split())


def measure(pid, wrk, options):
    """(CPU in us a request, requests a second)"""
    before = cpu_seconds(pid)
    output = subprocess.run(["wrk", "-t1", f"-c{options.connections}", f"-d{options.seconds}s", *wrk],
                            check=True, capture_output=True, text=True).stdout
    spent = cpu_seconds(pid) - before
    requests = int(re.search(r"(\d+) requests in", output).group(1))
    if "Non-2xx" in output or "Socket errors" in output:
        sys.exit(output)
    return spent / requests * 1e6, requests / options.seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--jobs", type=int, default=4000, help="how many are asked for in turn")
    options = parser.parse_args()
    for program in ("wrk", "nginx"):
        if not shutil.which(program):
            sys.exit(f"{program} is missing; apt-get install wrk nginx-light")
    print("load1 before:", os.getloadavg()[0])
    processes = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            hearth, address, path = start_hearth(options.build, os.path.join(folder, "data"))
            processes.append(hearth)
            body_bytes = len(get(address, path))
            nginx, static = start_nginx(folder, body_bytes)
            processes.append(nginx)
            script = os.path.join(folder, "in_turn.lua")
            with open(script, "w") as lua, open(script + ".paths", "w") as paths:
                lua.write(IN_TURN.replace("PATHS", paths.name))
                paths.write("\n".join(many_jobs(address, options.jobs)))
            servers = {"nginx": (nginx.pid, [f"http://{static}/"]),
                       "one job": (hearth.pid, [f"http://{address}{path}"]),
                       "many jobs": (hearth.pid, ["-s", script, f"http://{address}"])}
            rounds = {name: [] for name in servers}
            for _ in range(options.rounds):
                for name, (pid, wrk) in servers.items():
                    rounds[name].append(measure(pid, wrk, options))
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=60)
    print(f"body of {body_bytes} bytes, {options.connections} connections")
    for name, values in rounds.items():
        cpu = [value for value, _ in values]
        print(f"{name:9} {statistics.median(cpu):6.1f} us CPU a request   of {', '.join(f'{v:.1f}' for v in cpu)}"
              f"   ({statistics.median([rate for _, rate in values]):.0f} requests/s)")
    for name in ("one job", "many jobs"):
        ratios = [ours / theirs for (ours, _), (theirs, _) in zip(rounds[name], rounds["nginx"])]
        print(f"{name} / nginx {statistics.median(ratios):.2f}   of {', '.join(f'{v:.2f}' for v in ratios)}")


if __name__ == "__main__":
    main()
