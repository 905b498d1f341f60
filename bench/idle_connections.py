#!/usr/bin/env python3
"""Memory of an idle event stream, plain and over TLS: the controller's resident size before and after.

The clients are this process; they read until the stream's head is there and then stay silent. Certificates
are made by `hearth cert` in a scratch directory.

Usage: bench/idle_connections.py [--build build/release] [--connections 2000]
"""

import argparse
import os
import re
import resource
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

REQUEST = b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
WARM_UP = 50  # what is allocated once is not a connection's


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))


def connect(address, context):
    host, port = address.rsplit(":", 1)
    connection = socket.create_connection((host, int(port)))
    if context is not None:
        connection = context.wrap_socket(connection, server_hostname=host)
    connection.sendall(REQUEST)
    seen = b""
    while b"\r\n\r\n" not in seen:
        part = connection.recv(4096)
        if not part:
            sys.exit(f"the server ended the stream: {seen!r}")
        seen += part
    if b" 200 " not in seen.split(b"\r\n")[0]:
        sys.exit(f"no event stream: {seen!r}")
    return connection


def measure(build, scratch, connections, tls):
    hearth = os.path.join(build, "hearth")
    command = [hearth, "controller", "--data", os.path.join(scratch, "tls" if tls else "plain"), "--http",
               "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--log-level", "error"]
    context = None
    if tls:
        folder = os.path.join(scratch, "certificates")
        subprocess.run([hearth, "cert", "init", "--dir", folder], check=True, stdout=subprocess.DEVNULL)
        command += ["--tls-cert", f"{folder}/server.pem", "--tls-key", f"{folder}/server.key"]
        context = ssl.create_default_context(cafile=f"{folder}/ca.pem")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        address = re.match(r"hearth ready http=(\S+)", process.stdout.readline()).group(1)
        held = [connect(address, context) for _ in range(WARM_UP)]
        before = resident_kib(process.pid)
        start = time.monotonic()
        held += [connect(address, context) for _ in range(connections)]
        seconds = time.monotonic() - start
        after = resident_kib(process.pid)
        for connection in held:
            connection.close()
        return (after - before) / connections, before, after, seconds
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--connections", type=int, default=2000)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"{options.connections} idle event streams, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="hearth-bench-") as scratch:
        for tls in (False, True):
            each, before, after, seconds = measure(options.build, scratch, options.connections, tls)
            print(f"{'TLS 1.3' if tls else 'plain':8} {each:6.1f} KiB each   RSS {before} -> {after} KiB   "
                  f"{options.connections / seconds:.0f} connections/s, client included")


if __name__ == "__main__":
    main()
