#!/usr/bin/env python3
"""Starts `hearth controller` on a copy of what past_bench made: time until ready, memory, a list, /metrics.

    bench/past.py build/cache/past [--program build/release/hearth]
"""
import argparse, shutil, statistics, subprocess, sys, time, urllib.request


def timed_get(url):
    started = time.monotonic()
    with urllib.request.urlopen(url) as answer:
        answer.read()
    return (time.monotonic() - started) * 1e3


def rss_mb(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))


def measure(program, data):
    started = time.monotonic()
    process = subprocess.Popen([program, "controller", "--data", data, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        line = process.stdout.readline()
        ready = time.monotonic() - started
        if not line.startswith("hearth ready"):
            sys.exit("the controller did not start")
        url = "http://" + line.split("http=")[1].split()[0]
        gets = {path: timed_get(url + path) for path in
                ("/v1/jobs?state=COMPLETED&limit=100", "/v1/jobs?state=QUEUED&limit=100", "/v1/jobs?name=past&limit=100", "/metrics")}
        return ready, rss_mb(process.pid), gets
    finally:
        process.terminate()
        process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("past")
    parser.add_argument("--program", default="build/release/hearth")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    copy = options.past + ".copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(options.past, copy)
    try:
        rounds = [measure(options.program, copy) for _ in range(options.rounds)]
    finally:
        shutil.rmtree(copy)
    print("ready after", ", ".join(f"{ready:.2f}" for ready, _, _ in rounds), "s")
    print("RSS", ", ".join(f"{rss:.0f}" for _, rss, _ in rounds), "MB")
    for path in rounds[0][2]:
        print(f"GET {path}: median {statistics.median(gets[path] for _, _, gets in rounds):.1f} ms")


main()
