"""What the measurements in Python share: Hearth's programs on ports of their own, and statistics."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile


class Program:
    """`hearth up` or `hearth controller`, until stop(); one connection for requests."""

    def __init__(self, build, command, data, *more):
        self.process = subprocess.Popen(
            [os.path.join(build, "hearth"), command, "--data", data, "--http", "127.0.0.1:0", "--grpc",
             "127.0.0.1:0", "--log-level", "error", *more], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = re.match(r"hearth ready http=(\S+)(?: grpc=(\S+))?", line)
        if not found:
            sys.exit(f"hearth did not come up: {line}")
        self.address, self.grpc = found.groups()
        self.connection = http.client.HTTPConnection(self.address)

    def request(self, method, path, body=None):
        headers = {} if body is None else {"Content-Type": "application/json"}
        self.connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = self.connection.getresponse()
        answer = json.loads(response.read())
        if response.status >= 300:
            sys.exit(f"{method} {path}: {response.status} {answer}")
        return answer

    def post(self, path, body):
        return self.request("POST", path, body)

    def counts(self):
        self.connection.request("GET", "/metrics")
        text = self.connection.getresponse().read().decode()
        return {state: int(count) for state, count in re.findall(r'hearth_jobs\{state="(\w+)"\} (\d+)', text)}

    def completed(self):
        counts = self.counts()
        wrong = sum(counts[state] for state in ("FAILED", "CANCELLED", "TIMED_OUT"))
        if wrong:
            sys.exit(f"{wrong} jobs did not complete")
        return counts["COMPLETED"]

    def stop(self):
        self.connection.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)


def status_of(pid, field):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(rf"{field}:\s+(\d+)", status.read()).group(1))


def resident_kib(pid):
    return status_of(pid, "VmRSS")


def thread_seconds(pid):
    """CPU by thread, to the nanosecond, unlike the ticks of /proc/PID/stat."""
    times = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as stat:
            times[int(thread)] = int(stat.read().split()[0]) / 1e9
    return times


def cpu_seconds(pid):
    return sum(thread_seconds(pid).values())


def children_of(pid):
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as children:
            found += [int(child) for child in children.read().split()]
    return found


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def spread(values):
    """Of a list of milliseconds."""
    return (f"median {percentile(values, .5):.2f} ms, p99 {percentile(values, .99):.2f} ms, "
            f"longest {max(values):.2f} ms")


def scratch():
    return tempfile.TemporaryDirectory(prefix="hearth-bench-")
