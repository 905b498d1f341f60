#!/usr/bin/env python3
"""Whole jobs through the real programs, beside the physical limit of the same work in the same run.

Prints, as medians over rounds:
  - /bin/true jobs per second, durable, batch-submitted over REST, each in a group with limits; and its ratio
    to a bare spawn loop and to a bare loop that makes, fills and removes the same groups (spawn_bench);
  - one job at a time on an idle system: submit -> started and submit -> result seen, over REST.

Usage: bench/jobs.py [--build build/release] [--jobs 3000] [--rounds 3] [--single 200]
"""

import argparse
import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

JOB = {"command": ["/bin/true"], "requiredCpu": 0.25, "requiredRamMb": 64}
BATCH_MAX = 10_000


class Hearth:
    """`hearth up` on ports of its own; two connections, one for requests and one for metrics."""

    def __init__(self, build, data):
        self.process = subprocess.Popen(
            [os.path.join(build, "hearth"), "up", "--data", data, "--http", "127.0.0.1:0", "--grpc",
             "127.0.0.1:0", "--log-level", "error"], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = re.match(r"hearth ready http=(\S+)", line)
        if not found:
            sys.exit("hearth did not come up: " + line)
        self.address = found.group(1)
        self.connection = http.client.HTTPConnection(self.address)

    def post(self, path, body):
        self.connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        answer = json.loads(response.read())
        if response.status >= 300:
            sys.exit(f"{path}: {response.status} {answer}")
        return answer

    def ended(self):
        self.connection.request("GET", "/metrics")
        text = self.connection.getresponse().read().decode()
        counts = dict(re.findall(r'hearth_jobs\{state="(\w+)"\} (\d+)', text))
        wrong = sum(int(counts[state]) for state in ("FAILED", "CANCELLED", "TIMED_OUT"))
        if wrong:
            sys.exit(f"{wrong} jobs did not complete")
        return int(counts["COMPLETED"])

    def stop(self):
        self.connection.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)


def batch_rate(hearth, jobs):
    before = hearth.ended()
    start = time.monotonic()
    for first in range(0, jobs, BATCH_MAX):
        hearth.post("/v1/jobs:batch", [JOB] * min(BATCH_MAX, jobs - first))
    while hearth.ended() < before + jobs:
        time.sleep(0.05)  # each look counts rows: often enough to tell, seldom enough not to matter
    return jobs / (time.monotonic() - start)


def single(hearth):
    """(submit -> started, submit -> result) in ms, as a client sees them on the job's event stream."""
    start = time.monotonic()
    job = hearth.post("/v1/jobs", JOB)["id"]
    events = http.client.HTTPConnection(hearth.address)
    events.request("GET", f"/v1/jobs/{job}/events")
    stream = events.getresponse()
    started = None
    state = ""
    while True:
        line = stream.readline().decode()
        if line.startswith("event: "):
            state = line[7:].strip()
        elif line.startswith("data: ") and state == "state" and started is None:
            if json.loads(line[6:])["state"] in ("RUNNING", "COMPLETED"):
                started = time.monotonic()
        elif not line:
            sys.exit(f"the events of job {job} broke off")
        elif line.startswith("data: ") and state == "end":
            ended = time.monotonic()
            events.close()
            return (started - start) * 1e3, (ended - start) * 1e3


def bare_rates(build):
    output = subprocess.run(
        [os.path.join(build, "spawn_bench"), "--benchmark_filter=Bare", "--benchmark_format=json"],
        check=True, capture_output=True, text=True).stdout
    # BareForkInGroups/kept:0/min_time:2.000/real_time
    return {re.sub(r"/(min_time|real_time).*", "", entry["name"]): entry["items_per_second"]
            for entry in json.loads(output)["benchmarks"]}


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--jobs", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--single", type=int, default=200)
    options = parser.parse_args()
    print("load1 before:", os.getloadavg()[0])
    rates = {"hearth": []}
    started, results = [], []
    for _ in range(options.rounds):
        for name, rate in bare_rates(options.build).items():
            rates.setdefault(name, []).append(rate)
        with tempfile.TemporaryDirectory() as data:
            hearth = Hearth(options.build, data)
            try:
                batch_rate(hearth, 200)  # warm
                rates["hearth"].append(batch_rate(hearth, options.jobs))
                for _ in range(options.single // options.rounds):
                    to_start, to_result = single(hearth)
                    started.append(to_start)
                    results.append(to_result)
            finally:
                hearth.stop()
    median = {name: statistics.median(values) for name, values in rates.items()}
    for name, values in rates.items():
        print(f"{name:24} {median[name]:8.0f}/s   of {', '.join(f'{v:.0f}' for v in values)}")
    print(f"hearth / bare spawn loop  {median['hearth'] / median['BarePosixSpawn']:.2f}")
    print(f"hearth / bare group loop  {median['hearth'] / median['BareForkInGroups/kept:0']:.2f}")
    print(f"submit -> started  median {statistics.median(started):.2f} ms, p99 {percentile(started, .99):.2f} ms")
    print(f"submit -> result   median {statistics.median(results):.2f} ms, p99 {percentile(results, .99):.2f} ms")


if __name__ == "__main__":
    main()
