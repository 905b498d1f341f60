#!/usr/bin/env python3
"""`hearth up` at rest: resident size and CPU, after it has run a few jobs and with nothing to do.

Usage: bench/idle.py [--build build/release] [--seconds 30] [--past FOLDER]

--past: start on a copy of what past_bench made, and say also how long that took.
"""

import argparse
import os
import shutil
import time

from jobs import batch_rate
from programs import Program, children_of, cpu_seconds, resident_kib, scratch


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--past")
    options = parser.parse_args()
    with scratch() as folder:
        data = os.path.join(folder, "data")
        if options.past:
            shutil.copytree(options.past, data)
        begun = time.monotonic()
        program = Program(options.build, "controller" if options.past else "up", data)
        ready = time.monotonic() - begun
        try:
            if not options.past:
                batch_rate(program, 50)
            time.sleep(3)  # what the start and the jobs left to be done
            pids = [program.process.pid, *children_of(program.process.pid)]
            before = sum(map(cpu_seconds, pids))
            time.sleep(options.seconds)
            share = (sum(map(cpu_seconds, pids)) - before) / options.seconds
            sizes = [resident_kib(pid) / 1024 for pid in pids]
            print(f"ready after {ready:.2f} s; resident {' + '.join(f'{size:.1f}' for size in sizes)} MiB"
                  f" = {sum(sizes):.1f} MiB; {share:.2%} of a core over {options.seconds} s; "
                  f"load {os.getloadavg()[0]:.1f}")
        finally:
            program.stop()


if __name__ == "__main__":
    main()
