#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measure squib beside native code and beside QEMU, in one run.

The rows are the programs of tests/bench, and what devices do for
tests/bench_dev. Every mode runs the same rows on the same kernel, the modes
take turns, and the result is medians with their range, a JSON file and two
plots. A whole run writes docs/perf; one that leaves out
rows, modes or work writes build/bench.
"""

import argparse
import fnmatch
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench_api  # noqa: E402
import bench_dev  # noqa: E402
import bench_report  # noqa: E402
from bench_run import (CROSS_CC1, GUEST_MEM, QEMU, TOP, WORK, Native, Qemu,  # noqa: E402
                       Squib, Trouble, build, make_initrd,
                       make_programs_initrd, need, raw_kernel, squib_modes)

# Integer code only: what the rate of instructions is measured with, and what
# chooses QEMU's CPU (with a row of each other kind).
RATE_ROWS = ("crc_table", "sieve", "sha256", "qsort", "hash")
DEV_MS = 2000  # of each device row in a turn, at 100 %
CHOICE_ROWS = ("fib", "sha256", "chase_2m", "snprintf", "matmul_f64")


def say(*words):
    print("--", *words, flush=True)


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("--rows", help="rows or groups, with commas; * is allowed;"
                   " 'boot', 'api' and 'dev' add the boots, the control plane"
                   " and the devices, which are otherwise left out then;"
                   " a device's own row is one as well")
    p.add_argument("--qemu-cpu", help="QEMU's -cpu [the faster of two]")
    p.add_argument("--modes", help="of native,qemu,squib-interp,squib-jit")
    p.add_argument("--repeat", type=int, default=3,
                   help="turns of each mode [%(default)s]")
    p.add_argument("--scale", type=int, default=100,
                   help="percent of the work [%(default)s]")
    p.add_argument("--quick", action="store_true",
                   help="one turn, at a quarter of the work")
    p.add_argument("--best", action="store_true",
                   help="compare best times, not medians: for a busy host")
    p.add_argument("--rounds", type=int, default=1,
                   help="rounds of each row in a turn [%(default)s]")
    p.add_argument("--no-boot", action="store_true",
                   help="leave out the boots and the rate of instructions")
    p.add_argument("--kernel", help="raw Image, or one with .zst")
    p.add_argument("--squib", help="the program [build/squib]")
    p.add_argument("--out", help="folder for the table, the plots, the JSON")
    p.add_argument("--list", action="store_true", help="list the rows")
    args = p.parse_args()
    args.api = not args.rows or "api" in args.rows.split(",")
    words = (args.rows or "dev").split(",")
    args.dev = [r for r in bench_dev.ROWS
                if "dev" in words or r[0] in words]
    if args.rows:
        rows = [r for r in words if r not in ("boot", "api", "dev")
                and r not in [d[0] for d in args.dev]]
        args.no_boot |= "boot" not in args.rows.split(",")
        args.rows = ",".join(rows) or "none"
    if args.quick:
        args.repeat = 1
        args.scale = 25
    if min(args.repeat, args.scale, args.rounds) < 1:
        p.error("--repeat, --scale and --rounds must be at least 1")
    return args


def list_rows(program):
    out = subprocess.run([program], capture_output=True, text=True,
                         check=True).stdout
    return [dict(zip(("name", "group", "what"), line.split("\t")))
            for line in out.splitlines()]


def choose_rows(rows, wanted):
    if not wanted:
        return rows
    if wanted == "none":
        return []
    patterns = wanted.split(",")
    for pattern in patterns:
        if not any(fnmatch.fnmatch(r[k], pattern) for r in rows
                   for k in ("name", "group")):
            raise Trouble(f"--rows: no row or group is called '{pattern}'; "
                          "see --list")
    return [r for r in rows if any(fnmatch.fnmatch(r[k], p) for p in patterns
                                   for k in ("name", "group"))]


def find_kernel(given):
    choices = [given] if given else [
        os.path.join(TOP, "..", "shared", "guest", "microvm-6.1.Image.zst"),
        os.path.join(TOP, ".cache", "guest", "microvm-Image"),
        os.path.join(TOP, ".cache", "guest", "Image")]
    for path in choices:
        if os.path.exists(path):
            return path
    raise Trouble(f"no kernel at {choices[-1]}; run tools/fetch-guest")


def choose_modes(args, native, kernel, initrd, squib):
    modes = {"native": lambda: Native(native)}
    if shutil.which(QEMU):
        modes["qemu"] = lambda: Qemu(kernel, initrd)
    for name, flags in squib_modes(squib):
        modes[name] = lambda n=name, f=flags: Squib(kernel, initrd, squib,
                                                    n, f)
    wanted = args.modes.split(",") if args.modes else list(modes)
    for name in wanted:
        if name not in modes:
            raise Trouble(f"--modes: '{name}' is not to be had here; there "
                          f"are {', '.join(modes)}")
    if "qemu" not in modes:
        say("QEMU is not installed (qemu-system-arm): left out")
    return [modes[m]() for m in modes if m in wanted]


def add_programs(rows, modes, program):
    """Gives the guests what the rows of real programs need, or leaves these
    rows out."""
    names = [r["name"] for r in rows if r["group"] == "programs"]
    if not names:
        return rows
    initrd = make_programs_initrd(program)
    if not initrd or not os.path.exists(CROSS_CC1):
        say("Debian's arm64 programs are not to be had: left out")
        return [r for r in rows if r["group"] != "programs"]
    for mode in modes:
        if mode.is_guest:
            mode.programs, mode.programs_initrd = names, initrd
    return rows


def describe(args, kernel, rows, modes):
    cpu = platform.machine()
    with open("/proc/cpuinfo") as f:
        found = re.search(r"model name\s*: (.*)", f.read())
    if found:
        cpu = found[1]
    count = len(os.sched_getaffinity(0))
    command = "make bench" if len(sys.argv) == 1 else \
        "tools/bench.py " + " ".join(sys.argv[1:])
    return {
        "command": re.sub(r" --(out|squib|kernel)[ =]\S+", "", command),
        "when": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": f"{count} CPUs of {cpu}", "cpus": count,
        "host_kernel": re.match(r"[\d.]*\d", platform.release())[0], "load": os.getloadavg()[0],
        "kernel": os.path.basename(kernel), "mem": GUEST_MEM,
        "scale": args.scale, "repeat": args.repeat, "best": args.best,
        "rounds": args.rounds, "rows": rows,
        "modes": [m.name for m in modes], "samples": {}, "checksums": {},
        "failed": {}, "boot": {}, "peak_kib": {}, "mips": {},
        "boot_stats": {}, "api": [], "dev": [],
    }


def note_qemu(data, mode, cpu):
    times = {}
    if cpu:
        mode.cpu = cpu
    else:
        times = mode.choose_cpu(list(CHOICE_ROWS))
        say(f"QEMU {mode.version()}: -cpu {mode.cpu} is the faster of " +
            ", ".join(f"{c} {t / 1e6:.0f} ms" for c, t in times.items()))
    data["qemu"] = {"version": mode.version(), "cpu": mode.cpu,
                    "choice_ns": times}


def note_rows(data, mode, result):
    data["failed"].setdefault(mode.name, []).extend(result.failed)
    for name, samples in result.rows.items():
        data["samples"].setdefault(mode.name, {}).setdefault(
            name, []).extend(ns for ns, _ in samples)
        sums = data["checksums"].setdefault(name, {}).setdefault(
            mode.name, [])
        sums += sorted({s for _, s in samples} - set(sums))
    if mode.is_guest:
        data["peak_kib"][mode.name] = max(
            result.peak_kib, data["peak_kib"].get(mode.name, 0))


def note_boot(data, mode, cpus):
    result = mode.run([], 1, cpus=cpus)
    if result.init_ns is None:
        raise Trouble(f"{mode.name}: the guest did not reach init")
    boot = data["boot"].setdefault(mode.name, {}).setdefault(
        str(cpus), {"wall": [], "uptime": []})
    boot["wall"].append(result.init_ns)
    boot["uptime"].append(result.uptime_ns)
    if cpus == 1 and mode.name not in data["boot_stats"]:
        data["boot_stats"][mode.name] = counted(mode, [], 1).stats


def counted(mode, rows, scale):
    """A run of its own: counting takes a few percent."""
    mode.counting = True
    try:
        return mode.run(rows, scale, cpus=1)
    finally:
        mode.counting = False


def note_rate(data, guests, scale):
    """Instructions of the rows alone: those of a boot without any are taken
    off. The slowest tier counts for all, as its count is exact: the translator
    counts some loops more than once. QEMU executes the same."""
    counts = None
    for mode in sorted(guests, key=lambda m: m.name != "squib-interp"):
        result = mode.run(list(RATE_ROWS), scale, cpus=1)
        ns = sum(s[0][0] for s in result.rows.values())
        if counts is None:
            base = counted(mode, [], 1).stats.get("instructions")
            whole = counted(mode, list(RATE_ROWS), scale).stats.get(
                "instructions")
            counts = whole - base if base and whole else None
        if counts and ns:
            data["mips"][mode.name] = counts * 1e3 / ns


def measure(args, data, modes):
    names = [r["name"] for r in data["rows"]]
    guests = [m for m in modes if m.is_guest]
    for turn in range(args.repeat):
        for mode in modes if names else ():
            start = time.monotonic()
            note_rows(data, mode, mode.run(names, args.scale,
                                           rounds=args.rounds))
            say(f"turn {turn + 1} of {args.repeat}: {mode.name}, "
                f"{len(names)} rows in {time.monotonic() - start:.1f} s")
        if not args.no_boot:
            for cpus in (1, 2):
                for mode in guests:
                    note_boot(data, mode, cpus)
    if not args.no_boot:
        note_rate(data, guests, args.scale)


def measure_api(args, data, kernel, initrd, squib):
    """Beside nothing: the limits are ours, not QEMU's."""
    for _ in range(args.repeat):
        data["api"].append(bench_api.measure(squib, kernel, initrd))
    say("the API's costs are known")


def measure_dev(args, data, kernel, modes, squib):
    """squib as it comes, that is with the translator, and QEMU."""
    names = [m.name for m in modes]
    sides = [s for s, m in (("qemu", "qemu"), ("squib", "squib-jit"))
             if m in names]
    cpu = data["qemu"]["cpu"] if "qemu" in sides else None
    for turn in range(args.repeat if sides else 0):
        data["dev"].append(bench_dev.measure(
            sides, kernel, squib, cpu, DEV_MS * args.scale // 100, args.dev))
        say(f"turn {turn + 1} of {args.repeat}: devices")


def write(path, text):
    with open(path + ".new", "w") as f:
        f.write(text)
    os.replace(path + ".new", path)


def output(args, data):
    report = bench_report.Report(data)
    whole = not (args.rows or args.modes or args.no_boot
                 or args.scale != 100)
    out = args.out or os.path.join(
        TOP, "docs/perf" if whole
        else os.path.join(os.environ.get("BUILD", "build"), "bench"))
    os.makedirs(out, exist_ok=True)
    for name, svg in bench_report.plots(report).items():
        write(os.path.join(out, name), svg)
    write(os.path.join(out, "README.md"), bench_report.readme(report))
    write(os.path.join(out, "bench.json"), json.dumps(data, indent=1) + "\n")
    print(report.text())
    say(f"written to {os.path.relpath(out)}")
    return any("DIFFER" in report.note(r["name"]) for r in report.rows)


def main():
    args = arguments()
    os.makedirs(WORK, exist_ok=True)
    squib = os.path.abspath(args.squib or os.path.join(
        TOP, os.environ.get("BUILD", "build"), "squib"))
    native = build(need("gcc", "gcc"), "bench-native")
    all_rows = list_rows(native)
    if args.list:
        for row in all_rows:
            print("{name:14} {group:8} {what}".format(**row))
        return 0
    if not os.path.exists(squib):
        raise Trouble(f"{squib} is not there: type make first")
    arm = build(need("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
                "bench-arm64")
    rows = choose_rows(all_rows, args.rows)
    kernel = find_kernel(args.kernel)
    initrd = make_initrd(arm)
    modes = choose_modes(args, native, raw_kernel(kernel), initrd, squib)
    rows = add_programs(rows, modes, arm)
    data = describe(args, kernel, rows, modes)
    for mode in modes:
        if mode.name == "qemu":
            note_qemu(data, mode, args.qemu_cpu)
    measure(args, data, modes)
    if args.api:
        measure_api(args, data, raw_kernel(kernel), initrd, squib)
    if args.dev:
        measure_dev(args, data, raw_kernel(kernel), modes, squib)
    return 1 if output(args, data) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"bench: {trouble}")
    except KeyboardInterrupt:
        sys.exit(130)
