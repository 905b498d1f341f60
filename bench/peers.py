#!/usr/bin/env python3
"""Hearth beside other queues in one run: /bin/true, eight at a time, and one job on an idle system.

  Hearth     `hearth up`, each job in a group with limits, submitted in batches over REST, results stored
  BullMQ     Redis with appendonly yes and appendfsync always; one Node process adds, spawns and waits
  gearmand   SQLite queue, background jobs, eight `gearman -w` that spawn; background jobs have no result, so
             one job's end is seen by asking the server's status again and again
  bare loop  posix_spawn and wait, without any queue

Hearth is the only one of them that keeps what a job wrote and limits it. The median over rounds, in turns.
Needs redis-server, gearman-job-server, gearman-tools, node and npm; BullMQ is installed into build/cache/peers.

Usage: bench/peers.py [--build build/release] [--jobs 2400] [--rounds 3] [--single 100]
"""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

from jobs import bare_rates, batch_rate, one_at_a_time
from programs import Program, scratch, spread

BULLMQ = "bullmq@6.7.0"
REDIS_CLIENT = "ioredis@5.9.2"  # which BullMQ leaves to its user
GEARMAN_LINES = 500  # the time of `gearman -n` grows with the square of its input
WORKERS = 8
HERE = os.path.dirname(os.path.abspath(__file__))


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def ask(port, words):
    """One line of the servers' text protocols and its answer; "" when nobody listens yet."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(words)
            return connection.recv(65536).decode()
    except ConnectionError:
        return ""


def until(what, condition):
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"{what} took more than a minute")
        time.sleep(0.005)


def end(processes):
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        process.wait(timeout=60)


def hearth(options, folder):
    program = Program(options.build, "up", folder)
    try:
        batch_rate(program, 200)
        rate = batch_rate(program, options.jobs)
        return rate, *one_at_a_time(program, options.single)
    finally:
        program.stop()


def install_bullmq(folder):
    if not os.path.isdir(os.path.join(folder, "node_modules", "ioredis")):
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["npm", "install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund",
                        "--save-exact", BULLMQ, REDIS_CLIENT], check=True, stdout=subprocess.DEVNULL)


def bullmq(options, folder):
    port = free_port()
    server = subprocess.Popen(
        ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", folder, "--appendonly", "yes",
         "--appendfsync", "always", "--save", "", "--daemonize", "no"], stdout=subprocess.DEVNULL)
    try:
        until("redis", lambda: ask(port, b"PING\r\n").startswith("+PONG"))
        told = subprocess.run(
            ["node", os.path.join(HERE, "peers_bullmq.js"), str(port), str(options.jobs), str(options.single)],
            check=True, capture_output=True, text=True, cwd=folder,
            env={**os.environ, "NODE_PATH": os.path.join(options.cache, "node_modules")}).stdout
        result = json.loads(told.splitlines()[-1])
        return result["rate"], result["toStart"], result["toResult"]
    finally:
        end([server])


def gearman_left(port):
    for line in ask(port, b"status\n").splitlines():
        fields = line.split("\t")
        if fields[0] == "true":
            return int(fields[1])  # waiting and running
    return 0


def gearman_submit(port, jobs):
    for first in range(0, jobs, GEARMAN_LINES):
        subprocess.run(["gearman", "-h", "127.0.0.1", "-p", str(port), "-b", "-n", "-f", "true"], check=True,
                       input="x\n" * min(GEARMAN_LINES, jobs - first), text=True, stdout=subprocess.DEVNULL)


def gearman_batch(port, jobs):
    begun = time.monotonic()
    gearman_submit(port, jobs)
    until("gearman", lambda: gearman_left(port) == 0)
    return jobs / (time.monotonic() - begun)


def packet(kind, *fields):
    body = b"\0".join(fields)
    return b"\0REQ" + kind.to_bytes(4, "big") + len(body).to_bytes(4, "big") + body


def gearman_single(port):
    """Milliseconds from SUBMIT_JOB_BG to an empty queue, by one connection that asks without a pause."""
    with socket.create_connection(("127.0.0.1", port)) as submits, \
            socket.create_connection(("127.0.0.1", port)) as asks:
        begun = time.monotonic()
        submits.sendall(packet(18, b"true", b"", b"x"))
        if not submits.recv(4096).startswith(b"\0RES\0\0\0\x08"):
            sys.exit("gearmand did not take a job")
        while True:
            asks.sendall(b"status\n")
            answer = asks.recv(65536).decode()
            if any(line.startswith("true\t0\t") for line in answer.splitlines()):
                return (time.monotonic() - begun) * 1e3


def gearmand(options, folder):
    port = free_port()
    processes = [subprocess.Popen(
        ["gearmand", "--listen", "127.0.0.1", "--port", str(port), "--queue-type", "libsqlite3",
         "--libsqlite3-db", os.path.join(folder, "queue.db"), "--log-file", os.path.join(folder, "log"),
         *(["--user", "root"] if os.geteuid() == 0 else [])])]
    try:
        until("gearmand", lambda: ask(port, b"status\n") != "")
        for _ in range(WORKERS):
            processes.append(subprocess.Popen(
                ["gearman", "-h", "127.0.0.1", "-p", str(port), "-w", "-f", "true", "--", "/bin/true"],
                stdout=subprocess.DEVNULL))
        until("the workers", lambda: f"\t{WORKERS}\n" in ask(port, b"status\n"))
        gearman_batch(port, 200)
        rate = gearman_batch(port, options.jobs)
        return rate, [], [gearman_single(port) for _ in range(options.single)]
    finally:
        end(reversed(processes))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--cache", default="build/cache/peers")
    parser.add_argument("--jobs", type=int, default=2400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--single", type=int, default=100)
    options = parser.parse_args()
    options.build, options.cache = os.path.abspath(options.build), os.path.abspath(options.cache)
    for program in ("redis-server", "gearmand", "gearman", "node", "npm"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing: apt-get install redis-server gearman-job-server gearman-tools nodejs npm")
    install_bullmq(options.cache)
    print(f"load {os.getloadavg()[0]:.1f}", flush=True)
    peers = {"Hearth": hearth, f"BullMQ ({BULLMQ}), AOF always": bullmq, "gearmand, SQLite": gearmand}
    rates = {name: [] for name in peers}
    times = {name: ([], []) for name in peers}
    bare = []
    for _ in range(options.rounds):
        bare.append(bare_rates(options.build)["BarePosixSpawn"])
        for name, run in peers.items():
            with scratch() as folder:
                rate, started, ended = run(options, folder)
            rates[name].append(rate)
            times[name][0].extend(started)
            times[name][1].extend(ended)
    rates["bare posix_spawn loop"] = bare
    own = statistics.median(rates["Hearth"])
    for name, values in rates.items():
        median = statistics.median(values)
        rounds = ", ".join(f"{value:.0f}" for value in values)
        print(f"{name:34} {median:6.0f}/s of {rounds:20} Hearth is {own / median:.2f} of it")
    for name, (started, ended) in times.items():
        for what, values in (("started", started), ("result seen", ended)):
            if values:
                print(f"{name:34} submit -> {what:11} {spread(values)}")


if __name__ == "__main__":
    main()
