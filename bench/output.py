#!/usr/bin/env python3
"""Output of jobs through the real programs: how fast it is drained, how fairly, how soon it is seen.

  flood     a job writes 1 GiB to its pipe: rate until it has ended, growth of the programs' resident size,
            and how long cancels of other jobs take meanwhile (POST -> end seen on the job's event stream)
  fair      100 jobs write at once for some seconds each: least of the most that one got rid of
  follow    bytes written -> seen by a follower of the raw output and by one of the event stream, GET of
            the job meanwhile, with 65 more agents registered (idle_agents), and how long registering took

Usage: bench/output.py [--build build/release] [--rounds 3] [flood|fair|follow ...]
"""

import argparse
import base64
import json
import multiprocessing
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

from programs import Program, cpu_seconds, percentile, resident_kib, scratch, spread

FLOOD_BYTES = 1 << 30
WRITERS = 100
AGENTS = 65
LINES = 400
# Lines of the monotonic time at which they were written, which all processes of a machine share.
TICKER = ("import os,time\n"
          "for i in range(%d):\n"
          "    os.write(1, b'%%d\\n' %% time.monotonic_ns())\n"
          "    time.sleep(0.01)\n" % LINES)


class Stream:
    """A raw connection: http.client would buffer, and what is measured is when bytes arrive."""

    def __init__(self, address, path):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self.text = b""

    def until(self, mark):
        while mark not in self.text:
            part = self.socket.recv(1 << 18)
            if not part:
                sys.exit(f"a stream ended before {mark}")
            self.text = self.text[-64:] + part
        return time.monotonic()


class Pair:
    """`hearth controller` and `hearth agent`, as on two machines."""

    def __init__(self, build, folder):
        self.controller = Program(build, "controller", os.path.join(folder, "controller"))
        self.agent = subprocess.Popen(
            [os.path.join(build, "hearth"), "agent", "--controller", self.controller.grpc, "--id", "one", "--data",
             os.path.join(folder, "agent"), "--log-level", "error", "--cpu", str(WRITERS)],
            stdout=subprocess.PIPE, text=True)
        self.agent.stdout.readline()
        self.pids = {"controller": self.controller.process.pid, "agent": self.agent.pid}

    def stop(self):
        self.agent.send_signal(signal.SIGTERM)
        self.agent.wait(timeout=60)
        self.controller.stop()


class Together:
    """`hearth up`."""

    def __init__(self, build, folder):
        self.controller = Program(build, "up", os.path.join(folder, "up"))
        self.pids = {"up": self.controller.process.pid}

    def stop(self):
        self.controller.stop()


class Growth(threading.Thread):
    """The most that programs' resident sizes exceeded what they were at the start."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids, self.over = pids, threading.Event()
        self.start_kib = {name: resident_kib(pid) for name, pid in pids.items()}
        self.most_kib = dict(self.start_kib)
        self.start()

    def run(self):
        while not self.over.wait(0.05):
            for name, pid in self.pids.items():
                self.most_kib[name] = max(self.most_kib[name], resident_kib(pid))

    def __str__(self):
        self.over.set()
        return ", ".join(f"{name} {self.start_kib[name] / 1024:.0f} -> {self.most_kib[name] / 1024:.0f} MiB"
                         for name in self.pids)


def job(*command, cpu=0.05, memory=32):
    return {"command": list(command), "requiredCpu": cpu, "requiredRamMb": memory}


def wait_for(program, identity, *states):
    while True:
        state = program.request("GET", f"/v1/jobs/{identity}")
        if state["state"] in states:
            return state
        time.sleep(0.01)


def final(program, identity):
    return wait_for(program, identity, "COMPLETED", "FAILED", "TIMED_OUT", "CANCELLED")


def cancels(program, sleepers, streams, until):
    """Cancels one after the other while `until` says no."""
    took = []
    for identity, stream in zip(sleepers, streams):
        if until():
            break
        start = time.monotonic()
        program.post(f"/v1/jobs/{identity}/cancel", {})
        took.append((stream.until(b"event: end") - start) * 1e3)
        time.sleep(0.05)
    return took


def flood(kind, build, folder):
    programs = kind(build, folder)
    program = programs.controller
    try:
        sleepers = [program.post("/v1/jobs", job("/bin/sleep", "1000", cpu=0.01))["id"] for _ in range(40)]
        for identity in sleepers:
            wait_for(program, identity, "RUNNING")
        streams = [Stream(program.address, f"/v1/jobs/{identity}/events") for identity in sleepers]
        for stream in streams:
            stream.until(b'"RUNNING"')
        growth = Growth(programs.pids)
        used = {name: cpu_seconds(pid) for name, pid in programs.pids.items()}
        writer = program.post("/v1/jobs", job("/bin/dd", "if=/dev/zero", "bs=64k", "status=none",
                                              f"count={FLOOD_BYTES >> 16}", cpu=1, memory=64))["id"]
        wait_for(program, writer, "RUNNING", "COMPLETED")
        took = cancels(program, sleepers, streams,
                       lambda: program.request("GET", f"/v1/jobs/{writer}")["state"] != "RUNNING")
        ended = final(program, writer)
        if ended["state"] != "COMPLETED":
            sys.exit(f"the writer ended as {ended}")
        rate = FLOOD_BYTES / 1e6 / (ended["attempts"][-1]["wallMs"] / 1e3)
        spent = ", ".join(f"{name} {cpu_seconds(pid) - used[name]:.2f} s" for name, pid in programs.pids.items())
        return rate, took, f"{growth}, CPU {spent}"
    finally:
        programs.stop()


def fair(build, folder, seconds=4):
    programs = Pair(build, folder)
    program = programs.controller
    try:
        answer = program.post("/v1/jobs:batch", [job("/usr/bin/timeout", str(seconds), "yes", cpu=1)] * WRITERS)
        jobs = [one["id"] for one in answer["results"]]
        for identity in jobs:
            wait_for(program, identity, "RUNNING")
        ended = [final(program, identity) for identity in jobs]
        drained = sorted(one["attempts"][-1]["stdoutBytes"] for one in ended)
        return min(drained) / max(drained), sum(drained) / 1e6 / seconds
    finally:
        programs.stop()


def seen_raw(address, identity):
    stream = Stream(address, f"/v1/jobs/{identity}/output?follow=1")
    delays, text = [], b""
    while len(delays) < LINES:
        part = stream.socket.recv(1 << 16)
        now = time.monotonic_ns()
        if not part:
            sys.exit("the followed output ended early")
        text += part
        # The chunks' framing is between the lines: times are longer than any chunk's size.
        *lines, text = re.split(rb"(?<=\d{9})\n", text)
        for line in lines:
            delays.append((now - int(re.search(rb"(\d{9,})$", line).group(1))) / 1e6)
    return delays


def seen_events(address, identity):
    stream = Stream(address, f"/v1/jobs/{identity}/events")
    delays, text = [], b""
    while len(delays) < LINES:
        part = stream.socket.recv(1 << 16)
        now = time.monotonic_ns()
        if not part:
            sys.exit("the event stream ended early")
        text += part
        *events, text = text.split(b"\n\n")
        for event in events:
            found = re.search(rb'"base64":"([^"]*)"', event)
            if found:
                delays += [(now - int(line)) / 1e6 for line in base64.b64decode(found.group(1)).split()]
    return delays


def polls(address, identity, answer):
    """GETs of the job until it has ended, in a process of its own: this one's threads would wait for each other."""
    host, port = address.rsplit(":", 1)
    connection = socket.create_connection((host, int(port)))
    request = f"GET /v1/jobs/{identity} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    took = []
    while True:
        start = time.monotonic()
        connection.sendall(request)
        head, _, body = connection.recv(1 << 16).partition(b"\r\n\r\n")
        length = int(re.search(rb"Content-Length: (\d+)", head, re.IGNORECASE).group(1))
        while len(body) < length:
            body += connection.recv(1 << 16)
        took.append((time.monotonic() - start) * 1e3)
        if json.loads(body)["state"] not in ("QUEUED", "ASSIGNED", "RUNNING"):
            answer.put(took)
            return
        time.sleep(0.005)


def follow(build, folder):
    programs = Pair(build, folder)
    program = programs.controller
    agents = subprocess.Popen([os.path.join(build, "idle_agents"), program.grpc, str(AGENTS)],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        registered = agents.stdout.readline().strip()
        results = {}
        for name, seen in (("output?follow=1", seen_raw), ("events", seen_events)):
            identity = program.post("/v1/jobs", job(sys.executable, "-c", TICKER, cpu=0.5))["id"]
            answer = multiprocessing.Queue()
            poller = multiprocessing.Process(target=polls, args=(program.address, identity, answer))
            poller.start()
            results[name] = seen(program.address, identity)
            results.setdefault("GET", []).extend(answer.get(timeout=60))
            poller.join()
        return registered, results
    finally:
        agents.stdin.close()
        agents.wait(timeout=60)
        programs.stop()


def report_flood(options):
    for kind in (Together, Pair):
        rates, took, grown = [], [], []
        for _ in range(options.rounds):
            with scratch() as folder:
                rate, delays, growth = flood(kind, options.build, folder)
            rates.append(rate)
            took += delays
            grown.append(growth)
        print(f"flood {kind.__name__:9} {statistics.median(rates):.0f} MB/s of {', '.join(f'{r:.0f}' for r in rates)}; "
              f"resident {'; '.join(grown)}")
        print(f"      cancel of another job, {len(took)} times: {spread(took)}", flush=True)


def report_fair(options):
    for _ in range(options.rounds):
        with scratch() as folder:
            ratio, rate = fair(options.build, folder)
        print(f"fair  {WRITERS} writers: least / most {ratio:.2f}, {rate:.0f} MB/s together", flush=True)


def report_follow(options):
    everything = {}
    for _ in range(options.rounds):
        with scratch() as folder:
            registered, results = follow(options.build, folder)
        print(f"follow {registered}")
        for name, delays in results.items():
            everything.setdefault(name, []).extend(delays)
    for name, delays in everything.items():
        what = "GET /v1/jobs/{id}" if name == "GET" else f"written -> seen by {name}"
        print(f"follow {what:35} {spread(delays)} of {len(delays)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", nargs="*", default=["flood", "fair", "follow"])
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    reports = {"flood": report_flood, "fair": report_fair, "follow": report_follow}
    print(f"load {os.getloadavg()[0]:.1f}", flush=True)
    for what in options.what:
        reports[what](options)


if __name__ == "__main__":
    main()
