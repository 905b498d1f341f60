#!/usr/bin/env python3
"""Idle event streams, plain and over TLS: what each costs in the controller's resident size, and how soon
an event has reached all of them.

The clients are this process; they read until the stream's head is there and then stay silent. Then jobs are
submitted, one at a time, and each client's first byte behind the snapshot is waited for: the time runs from
the submission's answer to the last client's receipt, so that this program's reading is in it. Certificates
are made by `hearth cert` in a scratch directory.

Usage: bench/idle_connections.py [--build build/release] [--connections 10000] [--events 15]
"""

import argparse
import os
import resource
import select
import socket
import ssl
import struct
import subprocess
import sys
import time

from programs import Program, cpu_seconds, percentile, resident_kib, scratch

REQUEST = b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h; Python has no name for it
WARM_UP = 50  # what is allocated once is not a connection's
PER_ADDRESS = 5_000  # local ports of one address
JOB = b'{"command":["/bin/true"]}'
SUBMIT = (b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
          b"Content-Length: %d\r\n\r\n%s" % (len(JOB), JOB))


class Clients:
    def __init__(self, address, context):
        host, port = address.rsplit(":", 1)
        self.server = (host, int(port))
        self.context = context
        self.held = {}  # by descriptor
        self.epoll = select.epoll()

    def connect(self, number):
        source = f"127.0.0.{2 + len(self.held) // PER_ADDRESS}"
        for _ in range(number):
            connection = socket.socket()
            # The port is chosen when the other end is known: only then may many connections share it.
            connection.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            # Closed without a trace, so that the next run finds its ports free.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.bind((source, 0))
            connection.connect(self.server)
            if self.context is not None:
                connection = self.context.wrap_socket(connection, server_hostname=self.server[0])
            connection.sendall(REQUEST)
            seen = b""
            while b"event: snapshot" not in seen or not seen.endswith(b"\n\n\r\n"):
                part = connection.recv(65536)
                if not part:
                    sys.exit(f"the server ended the stream: {seen!r}")
                seen += part
            if b" 200 " not in seen.split(b"\r\n")[0]:
                sys.exit(f"no event stream: {seen!r}")
            connection.setblocking(False)
            self.held[connection.fileno()] = connection
            self.epoll.register(connection.fileno(), select.EPOLLIN)

    def receive(self):
        """Until everybody has got something; returns when the first and the last had."""
        waiting = set(self.held)
        first = None
        while waiting:
            ready = self.epoll.poll(20, 512)
            if not ready:
                sys.exit(f"{len(waiting)} clients were told nothing for 20 s")
            for descriptor, _ in ready:
                try:
                    part = self.held[descriptor].recv(65536)
                except (BlockingIOError, ssl.SSLWantReadError):
                    continue
                if not part:
                    sys.exit("the server ended a stream")
                if b"event: job" in part:
                    waiting.discard(descriptor)
            first = first or time.monotonic()
        return first, time.monotonic()

    def submitter(self):
        connection = socket.create_connection(self.server)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.context is not None:
            connection = self.context.wrap_socket(connection, server_hostname=self.server[0])
        return connection

    def close(self):
        for connection in self.held.values():
            connection.close()


def deliver(clients, events):
    submitter = clients.submitter()
    delays = []
    for _ in range(events):
        submitter.sendall(SUBMIT)
        answer = submitter.recv(65536)
        answered = time.monotonic()
        if b" 201 " not in answer.split(b"\r\n")[0]:
            sys.exit(f"submit: {answer!r}")
        delays.append((clients.receive()[1] - answered) * 1e3)
    submitter.close()
    return delays


def measure(build, folder, number, events, tls):
    more = []
    context = None
    if tls:
        certificates = os.path.join(folder, "certificates")
        subprocess.run([os.path.join(build, "hearth"), "cert", "init", "--dir", certificates], check=True,
                       stdout=subprocess.DEVNULL)
        more = ["--tls-cert", f"{certificates}/server.pem", "--tls-key", f"{certificates}/server.key"]
        context = ssl.create_default_context(cafile=f"{certificates}/ca.pem")
    program = Program(build, "controller", os.path.join(folder, "tls" if tls else "plain"), *more)
    try:
        clients = Clients(program.address, context)
        clients.connect(WARM_UP)
        before = resident_kib(program.process.pid)
        start = time.monotonic()
        clients.connect(number)
        seconds = time.monotonic() - start
        after = resident_kib(program.process.pid)
        print(f"{'TLS 1.3' if tls else 'plain':8} {(after - before) / number:6.2f} KiB each, "
              f"{(after - before) / 1024:.1f} MiB for {number}   {number / seconds:.0f} connections/s, client included")
        used = cpu_seconds(program.process.pid)
        delays = deliver(clients, events)
        used = (cpu_seconds(program.process.pid) - used) / events * 1e3
        told = resident_kib(program.process.pid)
        print(f"         an event reached all {len(clients.held)} after {percentile(delays, .5):.0f} ms "
              f"(median of {events}, longest {max(delays):.0f}), "
              f"{used:.0f} ms of the controller's CPU; "
              f"{(told - before) / 1024:.1f} MiB afterwards", flush=True)
        clients.close()
    finally:
        program.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--events", type=int, default=15)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < options.connections + 1_000:
        sys.exit(f"{options.connections} connections need as many descriptors; `ulimit -Hn` says {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"{options.connections} idle event streams, load {os.getloadavg()[0]:.1f}", flush=True)
    with scratch() as folder:
        for tls in (False, True):
            measure(options.build, folder, options.connections, options.events, tls)


if __name__ == "__main__":
    main()
