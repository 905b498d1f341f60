#!/usr/bin/env python3
"""Counts the instructions of fixed pieces of work and holds them against bench/instructions.toml.

Prints `ok NAME: …` or `not ok NAME: …` for each piece and for the proof that this can fail. More than 5 %
above its record is `not ok`; more than 5 % below asks for a new record. Unlike times, counts are the same
however busy the machine is: callgrind counts what one thread executes inside of hearth_measured
(bench/instructions.cc), with one environment, early binding and the C library's plainest code paths,
which else depend on the processor.

Usage: bench/instructions.py [--build build/release] [--record] [--runs N]
  --record   writes the record instead; the reason for a change belongs into the commit's message
  --runs N   repeats each and prints the spread
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]
RECORD = ROOT / "bench/instructions.toml"
BOUND = 0.05
HEAD = """# Instructions an operation, counted and written by bench/instructions.py --record. An operation is: a job
# through the core, a placement, a job's row, spec and attempt to bytes and back, a transition stored.
"""
# Wide registers and fast strings are the processor's, and would make counts its own too.
PLAIN = "glibc.cpu.hwcaps=" + ",".join(
    f"-{name}" for name in ("AVX", "AVX2", "AVX_Fast_Unaligned_Load", "AVX512F", "AVX512VL", "AVX512BW", "BMI1", "BMI2",
                            "LZCNT", "MOVBE", "ERMS", "FSRM", "RTM", "SSSE3", "SSE4_1", "SSE4_2"))


def names(program):
    return subprocess.run([program], check=True, capture_output=True, text=True).stdout.split()


def count(program, name, folder):
    """Instructions an operation."""
    environment = {"PATH": "/usr/bin:/bin", "LD_BIND_NOW": "1", "GLIBC_TUNABLES": PLAIN, "TMPDIR": folder}
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no",
         "--toggle-collect=hearth_measured", program, name],
        capture_output=True, text=True, env=environment, cwd=folder)
    counted = re.search(r"Collected : (\d+)", done.stderr)
    operations = done.stdout.strip()
    if done.returncode != 0 or not counted or not operations.isdigit() or int(counted.group(1)) == 0:
        sys.exit(f"not ok {name}: it could not be counted\n{done.stdout}{done.stderr}")
    return int(counted.group(1)) / int(operations)


def judge(recorded, counted):
    """(is it within the bound, what to say)"""
    if recorded is None:
        return False, f"{counted:.0f} instructions and no record; make one with bench/instructions.py --record"
    change = counted / recorded - 1
    said = f"{counted:.0f} instructions, {change:+.1%} of the recorded {recorded}"
    if change > BOUND:
        return False, said + "; find out why, or say why in the commit that records it anew (--record)"
    if change < -BOUND:
        said += "; record it anew, so that it is not lost again (bench/instructions.py --record)"
    return True, said


def report(name, verdict):
    within, said = verdict
    print(f"{'ok' if within else 'not ok'} {name}: {said}", flush=True)
    return within


def can_fail(counts):
    """A record that is a little too low must be noticed, one that is a little too high be mentioned."""
    for counted in counts.values():
        low, enough = judge(round(counted * 0.93), counted), judge(round(counted * 0.97), counted)
        high = judge(round(counted * 1.08), counted)
        if low[0] or not enough[0] or not high[0] or "record it anew" not in high[1]:
            return False, "a changed record went unnoticed"
    return not judge(None, 1.0)[0], "lowered, missing and raised records are noticed"


def stale(record, counts):
    return [(name, (False, "recorded, but there is no such piece")) for name in record if name not in counts]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    program = str(pathlib.Path(options.build).resolve() / "hearth_instructions")
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    counts = {}
    with tempfile.TemporaryDirectory(dir=memory, prefix="hearth_") as folder:
        for name in names(program):
            runs = [count(program, name, folder) for _ in range(options.runs)]
            counts[name] = runs[0]
            if options.runs > 1:
                print(f"{name}: {', '.join(f'{run:.1f}' for run in runs)}; spread {max(runs) / min(runs) - 1:.4%}")
    if options.record:
        RECORD.write_text(HEAD + "".join(f"{name} = {round(counted)}\n" for name, counted in counts.items()))
        return 0
    record = tomllib.loads(RECORD.read_text())
    verdicts = [(name, judge(record.get(name), counted)) for name, counted in counts.items()]
    verdicts += stale(record, counts) + [("instructions_can_fail", can_fail(counts))]
    return 0 if all([report(name, verdict) for name, verdict in verdicts]) else 1


if __name__ == "__main__":
    sys.exit(main())
