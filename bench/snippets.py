#!/usr/bin/env python3
"""Snippets of code through the real programs, beside bare interpreters in the same run.

Prints:
  - POST /tasks?wait=1 with console.log(2+2), one at a time: into an interpreter that waits for it (warm), and
    with none kept (cold) beside a bare `node FILE` in a clean environment;
  - sustained: a batch of snippets, per second, beside a loop of bare nodes, one a core;
  - how even three agents share that batch;
  - from a kill to the end of a fork bomb at its bound, and how late a time limit is.

Usage: bench/snippets.py [--build build/release] [--single 200] [--batch 400] [--rounds 3]
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from programs import Program, percentile, scratch, spread

CODE = "console.log(2+2)"
CLEAN = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
REFILL_SECONDS = 0.15  # a person's pace: the next interpreter is there by then
BOMB_PROCESSES = 32


class Client:
    """One kept connection, raw: what http.client does would be a good part of what is measured."""

    def __init__(self, address, query="?wait=60"):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.query = query

    def post(self, task):
        body = json.dumps(task).encode()
        self.socket.sendall(b"POST /tasks%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                            b"Content-Length: %d\r\n\r\n%s" % (self.query.encode(), len(body), body))
        received = b""
        while b"\r\n\r\n" not in received:
            received += self.socket.recv(65536)
        head, _, rest = received.partition(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n")
                      if line.lower().startswith(b"content-length:"))
        while len(rest) < length:
            rest += self.socket.recv(65536)
        return json.loads(rest)

    def timed(self, task):
        start = time.monotonic()
        answer = self.post(task)
        taken = (time.monotonic() - start) * 1e3
        if answer["status"] != "COMPLETED" or answer["stdout"] != "4\n":
            raise SystemExit(f"a snippet did not run: {answer}")
        return taken


def one_at_a_time(build, count, *settings):
    with scratch() as data:
        hearth = Program(build, "up", data, *settings)
        client = Client(hearth.address)
        for _ in range(5):
            client.timed({"code": CODE})
            time.sleep(REFILL_SECONDS)
        times = []
        for _ in range(count):
            times.append(client.timed({"code": CODE}))
            time.sleep(REFILL_SECONDS)
        hearth.stop()
    return times


def bare_node(script):
    start = time.monotonic()
    subprocess.run(["node", script], env=CLEAN, stdout=subprocess.DEVNULL, check=True)
    return (time.monotonic() - start) * 1e3


def bare_rate(script, count):
    start = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda _: bare_node(script), range(count)))
    return count / (time.monotonic() - start)


def run_batch(hearth, count):
    """Snippets per second of one batch, from its submission to the last end."""
    before = hearth.completed()
    start = time.monotonic()
    job = {"script": {"language": "js", "code": CODE}, "requiredCpu": 0.5, "requiredRamMb": 256}
    hearth.post("/v1/jobs:batch", [job] * count)
    while hearth.completed() < before + count:
        time.sleep(0.05)
    return count / (time.monotonic() - start)


def sustained(build, script, count, rounds):
    ratios, rates, bares = [], [], []
    with scratch() as data:
        hearth = Program(build, "up", data)
        run_batch(hearth, 20)
        for _ in range(rounds):
            bares.append(bare_rate(script, count))
            rates.append(run_batch(hearth, count))
            ratios.append(rates[-1] / bares[-1])
        hearth.stop()
    return statistics.median(rates), statistics.median(bares), statistics.median(ratios)


def spread_of_three(build, count):
    with scratch() as data:
        controller = Program(build, "controller", data)
        agents = []
        for name in "abc":
            agents.append(subprocess.Popen(
                [os.path.join(build, "hearth"), "agent", "--controller", controller.grpc, "--id", name, "--data",
                 os.path.join(data, name), "--cpu", "1", "--memory", "1024", "--log-level", "error"],
                stdout=subprocess.PIPE, text=True))
        for agent in agents:
            agent.stdout.readline()
        run_batch(controller, count)
        done = {agent["id"]: agent["done"] for agent in controller.request("GET", "/v1/agents")["agents"]}
        for agent in agents:
            agent.terminate()
            agent.wait(timeout=60)
        controller.stop()
    return done


def milliseconds(at):
    return time.mktime(time.strptime(at[:19], "%Y-%m-%dT%H:%M:%S")) * 1e3 + int(at[20:23])


def ends(hearth, count):
    """(ms from a cancel to the end of a full fork bomb, ms that a time limit of 1 s was late), medians."""
    bomb = "for i in $(seq 1 100); do sleep 1000 & done 2>/dev/null; echo up; wait"
    kills, lates = [], []
    for _ in range(count):
        job = hearth.post("/v1/jobs", {"script": {"language": "sh", "code": bomb}, "timeoutMs": 60000})["id"]
        while not hearth.request("GET", f"/v1/jobs/{job}")["startedAt"]:
            time.sleep(0.01)
        time.sleep(0.5)
        start = time.monotonic()
        hearth.post(f"/v1/jobs/{job}/cancel", {})
        while hearth.request("GET", f"/v1/jobs/{job}")["state"] != "CANCELLED":
            time.sleep(0.001)
        kills.append((time.monotonic() - start) * 1e3)
        answer = Client(hearth.address).post({"code": "while(true){}", "timeout": 1})
        assert answer["status"] == "TIMED_OUT", answer
        lates.append(milliseconds(answer["completedAt"]) - milliseconds(answer["startedAt"]) - 1000)
    return kills, lates


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--single", type=int, default=200)
    parser.add_argument("--batch", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}")
    with tempfile_script() as script:
        print("warm      ", spread(one_at_a_time(options.build, options.single)))
        cold = one_at_a_time(options.build, options.single // 2, "--warm-slots", "0")
        bare = [bare_node(script) for _ in range(options.single // 2)]
        print("cold      ", spread(cold))
        print("bare node ", spread(bare))
        print(f"cold - bare: {percentile(cold, .5) - percentile(bare, .5):.1f} ms in the median")
        rate, bare, ratio = sustained(options.build, script, options.batch, options.rounds)
        print(f"sustained  {rate:.1f}/s, bare loop on all cores {bare:.1f}/s, ratio {ratio:.2f}")
    done = spread_of_three(options.build, 90)
    print(f"three agents: {done}, widest {max(done.values()) / (sum(done.values()) / 3) - 1:+.0%} of even")
    with scratch() as data:
        hearth = Program(options.build, "up", data, "--sandbox-processes", str(BOMB_PROCESSES))
        kills, lates = ends(hearth, 10)
        hearth.stop()
    print(f"fork bomb of {BOMB_PROCESSES} processes, cancel -> ended:", spread(kills))
    print("time limit of 1 s, late by:", spread(lates))
    print(f"load {os.getloadavg()[0]:.1f}")


class tempfile_script:
    """console.log(2+2) in a file."""

    def __enter__(self):
        self.folder = scratch()
        path = os.path.join(self.folder.name, "main.js")
        with open(path, "w", encoding="ascii") as file:
            file.write(CODE)
        return path

    def __exit__(self, *_):
        self.folder.cleanup()


if __name__ == "__main__":
    main()
