#!/usr/bin/env python3
"""Whole jobs through the real programs, beside the physical limit of the same work in the same run.

Prints, as medians over rounds:
  - /bin/true jobs per second, durable, batch-submitted over REST, each in a group with limits; and its ratio
    to a bare spawn loop and to a bare loop that makes, fills and removes the same groups (spawn_bench);
  - one job at a time on an idle system: submit -> started and submit -> result seen, over REST, beside what
    the disk takes to make a write durable; and the same with a pause before each, because what a kernel has
    to do first after a pause (grace periods of RCU above all) does not show while one job follows the other.

--threads prints instead where the CPU of a batch goes, by thread of `hearth up` and its launcher, in the order
they were started: the writer of commits, the core, the agent's loop and the telemetry's reader among them.

Usage: bench/jobs.py [--threads] [--build build/release] [--jobs 3000] [--rounds 3] [--single 200]
"""

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time

from programs import Program, children_of, scratch, spread, thread_seconds

JOB = {"command": ["/bin/true"], "requiredCpu": 0.25, "requiredRamMb": 64}
BATCH_MAX = 10_000
PAUSE_SECONDS = 0.1
SETTLED_SECONDS = 2  # after a batch: one job at a time is measured on an idle system


def batch_rate(hearth, jobs):
    before = hearth.completed()
    start = time.monotonic()
    for first in range(0, jobs, BATCH_MAX):
        hearth.post("/v1/jobs:batch", [JOB] * min(BATCH_MAX, jobs - first))
    while hearth.completed() < before + jobs:
        time.sleep(0.05)  # each look counts rows: often enough to tell, seldom enough not to matter
    return jobs / (time.monotonic() - start)


class OneAtATime:
    """A client that waits for its job: two kept connections, one for the submission, one for the job's events.
    Raw, because what http.client does would be a good part of what is measured."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.submits, self.events = (socket.create_connection((host, int(port))) for _ in range(2))
        for connection in (self.submits, self.events):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        body = json.dumps(JOB).encode()
        self.submission = (b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                           b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def run(self):
        """(submit -> started, submit -> result) in ms, as seen on the job's event stream."""
        start = time.monotonic()
        self.submits.sendall(self.submission)
        job = re.search(rb'"id":"(\w+)"', self.submits.recv(65536)).group(1)
        self.events.sendall(b"GET /v1/jobs/%s/events HTTP/1.1\r\nHost: localhost\r\n\r\n" % job)
        started = None
        text = b""
        while not text.endswith(b"0\r\n\r\n"):
            part = self.events.recv(65536)
            if not part:
                sys.exit(f"the events of job {job} broke off")
            text += part
            if started is None and (b'"state":"RUNNING"' in text or b"event: end" in text):
                started = time.monotonic()
        ended = time.monotonic()
        if b'"state":"COMPLETED"' not in text:
            sys.exit(f"job {job} did not complete: {text}")
        return (started - start) * 1e3, (ended - start) * 1e3

    def close(self):
        self.submits.close()
        self.events.close()


def one_at_a_time(hearth, jobs, pause=0.0):
    """Both times of each, in two lists."""
    client = OneAtATime(hearth.address)
    times = []
    for _ in range(jobs):
        time.sleep(pause)
        times.append(client.run())
    client.close()
    return [started for started, _ in times], [ended for _, ended in times]


def sync_times(folder, count):
    """Of the disk alone: a write of two pages made durable, in ms. A job's start waits for one."""
    times = []
    with open(os.path.join(folder, "sync"), "wb", buffering=0) as file:
        for _ in range(count):
            start = time.monotonic()
            file.write(bytes(8192))
            os.fdatasync(file.fileno())
            times.append((time.monotonic() - start) * 1e3)
    return times


def bare_rates(build):
    output = subprocess.run(
        [os.path.join(build, "spawn_bench"), "--benchmark_filter=Bare", "--benchmark_format=json"],
        check=True, capture_output=True, text=True).stdout
    # BareForkInGroups/kept:0/min_time:2.000/real_time
    return {re.sub(r"/(min_time|real_time).*", "", entry["name"]): entry["items_per_second"]
            for entry in json.loads(output)["benchmarks"]}


def print_threads(build, jobs):
    with scratch() as data:
        hearth = Program(build, "up", data)
        try:
            batch_rate(hearth, 500)  # warm
            pids = [hearth.process.pid, *children_of(hearth.process.pid)]
            before = {pid: thread_seconds(pid) for pid in pids}
            print(f"{batch_rate(hearth, jobs):.0f} jobs/s")
            for pid in pids:
                for thread, seconds in sorted(thread_seconds(pid).items()):
                    used = (seconds - before[pid].get(thread, 0)) / jobs * 1e6
                    print(f"  process {pid} thread {thread}: {used:.1f} us a job")
        finally:
            hearth.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--jobs", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--single", type=int, default=200)
    parser.add_argument("--threads", action="store_true")
    options = parser.parse_args()
    if options.threads:
        print_threads(options.build, options.jobs)
        return
    print("load1 before:", os.getloadavg()[0])
    rates = {"hearth": []}
    started, results, paused, synced = [], [], [], []
    for _ in range(options.rounds):
        for name, rate in bare_rates(options.build).items():
            rates.setdefault(name, []).append(rate)
        with scratch() as data:
            hearth = Program(options.build, "up", data)
            try:
                batch_rate(hearth, 200)  # warm
                rates["hearth"].append(batch_rate(hearth, options.jobs))
                time.sleep(SETTLED_SECONDS)
                to_start, to_result = one_at_a_time(hearth, options.single // options.rounds)
                started += to_start
                results += to_result
                paused += one_at_a_time(hearth, options.single // options.rounds, PAUSE_SECONDS)[1]
                synced += sync_times(data, options.single)
            finally:
                hearth.stop()
    median = {name: statistics.median(values) for name, values in rates.items()}
    for name, values in rates.items():
        print(f"{name:24} {median[name]:8.0f}/s   of {', '.join(f'{v:.0f}' for v in values)}")
    print(f"hearth / bare spawn loop  {median['hearth'] / median['BarePosixSpawn']:.2f}")
    print(f"hearth / bare group loop  {median['hearth'] / median['BareForkInGroups/kept:0']:.2f}")
    print(f"submit -> started  {spread(started)}")
    print(f"submit -> result   {spread(results)}")
    print(f"the same, {PAUSE_SECONDS * 1e3:.0f} ms apart  {spread(paused)}")
    print(f"fdatasync alone    {spread(synced)}")


if __name__ == "__main__":
    main()
