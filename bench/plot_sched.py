#!/usr/bin/env python3
"""Draws what a placement costs by the number of jobs queued, from sched_bench's own output, as an SVG.

Usage: bench/plot_sched.py OUTPUT.svg [--build build/release] [--repetitions 5]

The median over the repetitions in CPU time; the bars span all of them.
"""

import argparse
import json
import math
import os
import statistics
import subprocess

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 40, 48
SERIES = {"1": ("all jobs of one priority", "#1f6f8b"), "3": ("three priorities", "#c05c2e")}


def measure(build, repetitions):
    """{priorities: {queued: [ns a placement]}}"""
    output = subprocess.run(
        [os.path.join(build, "sched_bench"), "--benchmark_filter=BM_SchedulerRefill",
         f"--benchmark_repetitions={repetitions}", "--benchmark_min_time=0.2",
         "--benchmark_enable_random_interleaving=true", "--benchmark_format=json"],
        check=True, capture_output=True, text=True).stdout
    found = {}
    for entry in json.loads(output)["benchmarks"]:
        if entry["run_type"] == "iteration":
            _, queued, priorities = entry["name"].split("/")[:3]
            found.setdefault(priorities, {}).setdefault(int(queued), []).append(1e9 / entry["items_per_second"])
    return found


def plot(found):
    queued = sorted({count for costs in found.values() for count in costs})
    most = max(max(times) for costs in found.values() for times in costs.values())
    step = 10 ** math.floor(math.log10(most))
    step = next(step * part for part in (0.1, 0.2, 0.5, 1, 2) if most / (step * part) <= 6)
    top = math.ceil(most / step) * step

    def x(count):
        low, high = math.log10(queued[0]), math.log10(queued[-1])
        return LEFT + 24 + (math.log10(count) - low) / (high - low) * (WIDTH - LEFT - RIGHT - 48)

    def y(cost):
        return HEIGHT - BOTTOM - cost / top * (HEIGHT - TOP - BOTTOM)

    def text(at_x, at_y, words, anchor="middle", more=""):
        return f'<text x="{at_x:.1f}" y="{at_y:.1f}" text-anchor="{anchor}"{more}>{words}</text>'

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
             'font-size="12" fill="#333">', f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
             text(LEFT, 20, "CPU a placement in ns, by jobs queued: 100 classes, 1,000 agents, all full", "start")]
    for line in range(round(top / step) + 1):
        at = y(line * step)
        parts.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(text(LEFT - 8, at + 4, f"{line * step:,.0f}", "end"))
    parts += [text(x(count), HEIGHT - BOTTOM + 20, f"{count:,}") for count in queued]
    for number, (priorities, costs) in enumerate(sorted(found.items())):
        name, colour = SERIES[priorities]
        points = [(x(count), y(statistics.median(times)), y(min(times)), y(max(times)))
                  for count, times in sorted(costs.items())]
        parts.append(f'<g stroke="{colour}" fill="none" stroke-width="1.5">')
        parts.append('<path d="M' + "L".join(f"{at:.1f} {middle:.1f}" for at, middle, _, _ in points) + '"/>')
        parts += [f'<path d="M{at:.1f} {low:.1f}V{high:.1f}"/><circle cx="{at:.1f}" cy="{middle:.1f}" r="3" '
                  f'fill="{colour}"/>' for at, middle, low, high in points]
        parts.append("</g>")
        parts.append(text(LEFT + 24 + 200 * number, HEIGHT - 10, name, "start", f' fill="{colour}"'))
    return "\n".join(parts + ["</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output")
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    print("load1 before:", os.getloadavg()[0])
    found = measure(options.build, options.repetitions)
    for priorities, costs in sorted(found.items()):
        for count, times in sorted(costs.items()):
            median = statistics.median(times)
            print(f"{SERIES[priorities][0]:26} {count:9,} queued {median:6.0f} ns   {1e6 / median:5.0f} k/s   "
                  f"of {', '.join(f'{time:.0f}' for time in times)}")
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(plot(found))


if __name__ == "__main__":
    main()
