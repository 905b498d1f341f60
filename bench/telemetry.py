#!/usr/bin/env python3
"""What telemetry costs, through the real programs.

  start     one job at a time on an idle system: from the submission's answer until a connected client of
            GET /v1/events is told of the job's worker
  end       from a SIGKILL of a worker's process until that client is told that the worker has stopped
  streams   CPU of `hearth up` while so many workers run and so many clients read their figures, each second

The clients are this process; their CPU is not counted.

Usage: bench/telemetry.py [--build build/release] [--jobs 100] [--workers 100] [--clients 1000] [--seconds 10]
"""

import argparse
import os
import re
import resource
import select
import signal
import socket
import sys
import threading
import time

from programs import Program, children_of, cpu_seconds, scratch, spread

REQUEST = b"GET /v1/events%s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"


def connect(address, query=b""):
    host, port = address.rsplit(":", 1)
    connection = socket.create_connection((host, int(port)))
    connection.sendall(REQUEST % query)
    seen = b""
    while b"event: snapshot" not in seen:
        seen += connection.recv(65536)
    return connection


def measure_start(program, jobs):
    stream = connect(program.address, b"?types=worker")
    delays = []
    for _ in range(jobs):
        job = program.post("/v1/jobs", {"command": ["/bin/true"]})["id"].encode()
        answered = time.monotonic()
        seen = b""
        # Its worker in any state; with an end as fast as this one's often the first and the last at once.
        while b'"id":"' + job not in seen:
            seen += stream.recv(65536)
        delays.append((time.monotonic() - answered) * 1e3)
        while b'"state":"STOPPED"' not in seen:
            seen += stream.recv(65536)
    stream.close()
    print(f"submission answered -> worker seen on the event stream: {spread(delays)}", flush=True)


def measure_end(program, jobs):
    stream = connect(program.address, b"?types=worker")
    delays = []
    for _ in range(jobs):
        job = program.post("/v1/jobs", {"command": ["sleep", "600"]})["id"].encode()
        seen = b""
        while not (told := re.search(rb'"id":"' + job + rb'[^\n]*"state":"BUSY"[^\n]*"pid":(\d+)', seen)):
            seen += stream.recv(65536)
        os.kill(int(told[1]), signal.SIGKILL)
        killed = time.monotonic()
        while not re.search(rb'"id":"' + job + rb'[^\n]*"state":"STOPPED"', seen):
            seen += stream.recv(65536)
        delays.append((time.monotonic() - killed) * 1e3)
    stream.close()
    print(f"worker killed -> its end seen on the event stream: {spread(delays)}", flush=True)


class Readers:
    """Throws away what comes, and counts it."""

    def __init__(self, address, number):
        self.epoll = select.epoll()
        self.held = {}
        self.bytes = 0
        self.stopping = False
        for _ in range(number):
            connection = connect(address)
            connection.setblocking(False)
            self.held[connection.fileno()] = connection
            self.epoll.register(connection.fileno(), select.EPOLLIN)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        while not self.stopping:
            for descriptor, _ in self.epoll.poll(0.2, 512):
                self.bytes += len(self.held[descriptor].recv(1 << 20))

    def stop(self):
        self.stopping = True
        self.thread.join()
        for connection in self.held.values():
            connection.close()


def cpu_of(program, seconds):
    pids = [program.process.pid, *children_of(program.process.pid)]
    before = sum(cpu_seconds(pid) for pid in pids)
    time.sleep(seconds)
    return (sum(cpu_seconds(pid) for pid in pids) - before) / seconds


def measure_streams(program, workers, clients, seconds):
    program.post("/v1/jobs:batch", [{"command": ["sleep", "600"], "requiredCpu": 0.01, "requiredRamMb": 16,
                                     "timeoutMs": 600000}] * workers)
    while program.request("GET", "/v1/workers?limit=1")["workersTotal"] < workers:
        time.sleep(0.1)
    time.sleep(7)  # nobody reads any more
    print(f"{workers} workers, nobody reads: {100 * cpu_of(program, seconds):.2f} % of a core", flush=True)
    for number in (1, clients):
        readers = Readers(program.address, number)
        time.sleep(2)
        before = readers.bytes
        used = cpu_of(program, seconds)
        rate = (readers.bytes - before) / seconds
        readers.stop()
        print(f"{workers} workers, {number} clients: {100 * used:.2f} % of a core, {rate / number / 1e3:.1f} kB/s each",
              flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--workers", type=int, default=100)
    parser.add_argument("--clients", type=int, default=1_000)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < options.clients + 100:
        sys.exit(f"{options.clients} clients need as many descriptors; `ulimit -Hn` says {hard}")
    print(f"load {os.getloadavg()[0]:.1f}", flush=True)
    with scratch() as folder:
        program = Program(options.build, "up", os.path.join(folder, "up"))
        try:
            measure_start(program, options.jobs)
            measure_end(program, options.jobs)
            measure_streams(program, options.workers, options.clients, options.seconds)
        finally:
            program.stop()


if __name__ == "__main__":
    main()
