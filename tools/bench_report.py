# SPDX-License-Identifier: Apache-2.0
"""What bench.py says in the end: a table, a README, two plots."""

import math
import statistics
import textwrap

import bench_api
import bench_dev
import bench_plot

# Groups of rows, what they are called together, and how much faster than
# QEMU their geometric mean shall be.
SECTIONS = [
    ("CPU", ("integer", "memory", "strings"), 3),
    ("calls and indirect branches", ("calls",), 3),
    ("floating point, vectors, ciphers", ("float", "vector", "crypto"), 8),
    ("atomics, locks, threads", ("threads",), 5),
    ("system calls, pipes, processes", ("kernel",), 2.5),
    ("page faults and mappings", ("faults",), 2),
    ("real programs", ("programs",), 3),
    ("all work in user mode", ("integer", "memory", "strings", "calls",
                               "float", "vector", "crypto"), 4),
]


# What stands for many samples; best of all of them on a host with other work.
middle_of = statistics.median


def middle(samples):
    return middle_of(samples) if samples else None


def spread(samples):
    """Half the range, in percent of the middle."""
    if len(samples) < 2:
        return 0
    return 50 * (max(samples) - min(samples)) / middle(samples)


def geomean(values):
    values = [v for v in values if v]
    if not values:
        return None
    return math.exp(sum(math.log(v) for v in values) / len(values))


def ratio(a, b):
    return a / b if a and b else None


def show_ms(ns):
    if ns is None:
        return "-"
    ms = ns / 1e6
    return f"{ms:.2f}" if ms < 100 else f"{ms:.0f}"


def show_ratio(v):
    if v is None:
        return "-"
    return f"{v:.2f}" if v < 10 else f"{v:.1f}" if v < 100 else f"{v:.0f}"


class Report:
    """Reads the same data that goes into the JSON file."""

    def __init__(self, data):
        global middle_of
        self.data = data
        middle_of = min if data["best"] else statistics.median
        self.guests = [m for m in data["modes"] if m != "native"]
        self.squibs = [m for m in self.guests if m.startswith("squib")]
        self.rows = [r for r in data["rows"]]

    def time(self, mode, row):
        return middle(self.data["samples"].get(mode, {}).get(row, []))

    def against_native(self, mode, row):
        return ratio(self.time(mode, row), self.time("native", row))

    def against_qemu(self, mode, row):
        return ratio(self.time("qemu", row), self.time(mode, row))

    def heads(self):
        heads = ["row", "group"]
        heads += [f"{m} ms" for m in self.data["modes"]]
        if "native" in self.data["modes"]:
            heads += [f"{m}/native" for m in self.guests]
        if "qemu" in self.guests:
            heads += [f"qemu/{m}" for m in self.squibs]
        return heads + ["+-%", "note"]

    def note(self, row):
        sums = {tuple(v) for m, v in self.data["checksums"].get(row, {})
                .items()}
        if len({s for t in sums for s in t}) > 1:
            return "CHECKSUMS DIFFER"
        missing = [m for m in self.data["modes"]
                   if row in self.data["failed"].get(m, [])]
        return "failed: " + ", ".join(missing) if missing else ""

    def cells(self, row, group):
        cells = [row, group]
        cells += [show_ms(self.time(m, row)) for m in self.data["modes"]]
        if "native" in self.data["modes"]:
            cells += [show_ratio(self.against_native(m, row))
                      for m in self.guests]
        if "qemu" in self.guests:
            cells += [show_ratio(self.against_qemu(m, row))
                      for m in self.squibs]
        widest = max((spread(self.data["samples"].get(m, {}).get(row, []))
                      for m in self.data["modes"]), default=0)
        return cells + [f"{widest:.0f}", self.note(row)]

    def table(self):
        if not self.rows:
            return [["row"]]
        return [self.heads()] + [self.cells(r["name"], r["group"])
                                 for r in self.rows]

    def sections(self):
        """Geometric means: heads and lines."""
        heads = ["rows", "n"] + [f"{m}/native" for m in self.guests
                                 if "native" in self.data["modes"]]
        if "qemu" in self.guests:
            heads += [f"qemu/{m}" for m in self.squibs] + ["goal"]
        lines = [heads]
        for title, groups, goal in SECTIONS:
            names = [r["name"] for r in self.rows if r["group"] in groups]
            if not names:
                continue
            line = [title, str(len(names))]
            if "native" in self.data["modes"]:
                line += [show_ratio(geomean([self.against_native(m, n)
                                             for n in names]))
                         for m in self.guests]
            if "qemu" in self.guests:
                line += [show_ratio(geomean([self.against_qemu(m, n)
                                             for n in names]))
                         for m in self.squibs] + [f"{goal}"]
            lines.append(line)
        return lines

    def machine(self):
        """Boots, memory and rates: one line a mode."""
        lines = [["mode", "boot 1 CPU s", "boot 2 CPUs s", "guest s, 1",
                  "guest s, 2", "peak MiB", "M instr/s"]]
        for mode in self.guests:
            boot = self.data["boot"].get(mode, {})
            line = [mode]
            for key in ("wall", "uptime"):
                for cpus in ("1", "2"):
                    ns = middle(boot.get(cpus, {}).get(key, []))
                    line.append(f"{ns / 1e9:.2f}" if ns else "-")
            peak = self.data["peak_kib"].get(mode)
            line.append(f"{peak / 1024:.0f}" if peak else "-")
            rate = self.data["mips"].get(mode)
            lines.append(line + [f"{rate:.0f}" if rate else "-"])
        return lines

    def fallbacks(self):
        """What the translator leaves to the interpreter in a boot with one
        CPU: how many, of how many, and a line for each instruction. Counters
        of instructions are named as those, in capitals."""
        stats = self.data["boot_stats"].get("squib-jit", {})
        names = sorted((n for n in stats if n[:1].isupper()),
                       key=stats.get, reverse=True)
        total = stats.get("instructions")
        if not names or not total:
            return None
        lines = [["instruction", "times", "of a million"]]
        lines += [[n, str(stats[n]), f"{stats[n] * 1e6 / total:.1f}"]
                  for n in names]
        return sum(stats[n] for n in names), total, lines

    def slower(self):
        """The rows on which the fastest squib loses to QEMU."""
        if not self.squibs or "qemu" not in self.guests:
            return []
        return [r["name"] for r in self.rows
                if (self.against_qemu(self.squibs[-1], r["name"]) or 1) < 1]

    def text(self):
        out = [align(self.table()), "", align(self.sections())]
        if self.guests:
            out += ["", align(self.machine())]
        if self.data["api"]:
            out += ["", align(bench_api.table(self.data["api"]))]
        if self.data["dev"]:
            out += ["", align(bench_dev.table(self.data["dev"]))]
        if self.fallbacks():
            count, total, lines = self.fallbacks()
            out += ["", f"left to the interpreter in a boot: {count} of "
                    f"{total} instructions, {count / total:.3%}",
                    align(lines[:13])]
        if self.slower():
            out += ["", f"{self.squibs[-1]} is slower than QEMU on: " +
                    ", ".join(self.slower())]
        return "\n".join(out)


def align(lines):
    """Columns as wide as their widest cell, numbers to the right."""
    widths = [max(len(line[n]) for line in lines)
              for n in range(len(lines[0]))]
    out = []
    for line in lines:
        cells = []
        for n, cell in enumerate(line):
            left = lines[-1][n][:1].isalpha() or not lines[-1][n] or n == 0
            cells.append(cell.ljust(widths[n]) if left
                         else cell.rjust(widths[n]))
        out.append("  ".join(cells).rstrip())
    return "\n".join(out)


def markdown(lines):
    rule = ["---"] + [
        ":--" if lines[-1][n][:1].isalpha() or not lines[-1][n] else "--:"
        for n in range(1, len(lines[0]))]
    return "\n".join("| " + " | ".join(line) + " |"
                     for line in [lines[0], rule, *lines[1:]])


def filled(text):
    """Paragraphs of at most 80 columns; tables and the like as they are."""
    return "\n\n".join(
        part if part.startswith(("#", "|", "!", "`", "<"))
        else textwrap.fill(part, 80, break_long_words=False,
                           break_on_hyphens=False)
        for part in text.rstrip("\n").split("\n\n")) + "\n"


README = """\
# How fast squib is

Made by

```sh
{command}
```

on {machine}, Linux {host_kernel}; {when}. The guest is Linux from `{kernel}`
with two CPUs and {mem} MiB. {qemu}

Every row of `tests/bench` is a fixed amount of work in C, compiled once for
arm64 and once for this machine (`-O2 -static`, the vector rows at `-O3`). Its
checksum must be the same everywhere. The modes take turns: {repeat}. The
times are {pick} of all rounds, by the guest's own clock, translation
included; `+-%` is half the range of the noisiest mode.
{warning}
![Times faster than QEMU, row by row](speedup.svg)

![Times slower than native, row by row](slowdown.svg)

## By group

Geometric means. `qemu/squib` is how many times faster than QEMU squib is, and
`goal` what that shall be.

{sections}
{slower}
## The machine as a whole

From the start of the process to the first instruction of init (and the
guest's own clock then), the most memory the process held while it ran all
rows, guest memory included, and guest instructions per second in integer
code.

{whole}

{api}{dev}{fallbacks}## Row by row

{table}

## What the rows do

{rows}

The numbers behind this page are in [bench.json](bench.json).
"""


API = """\
## The control plane

A process of its own, and four clients that ask while two vCPUs are busy.

{lines}

"""


def api_text(report):
    runs = report.data["api"]
    return API.format(lines=markdown(bench_api.table(runs))) if runs else ""


DEVICES = """\
## Devices

What one guest with two CPUs gets done, and what a request costs the host in
microseconds of its CPUs: all in all, and of that the share of the threads that
are no vCPUs. Disks are files in the host's memory (a tmpfs of huge pages where
root runs this), so no disk is measured; QEMU's `virtio-blk-device` has
`cache=writeback` and `aio=threads` for Sync, `io_uring` for Async. QEMU has a
vsock only in kernels that have vhost-vsock: beside that stands its
virtio-serial port, which is also a stream to a Unix socket. Requests are 4 KiB,
1 MiB and, of streams, 64 KiB. Most of a request of 1 MiB is the host's kernel
copying it, which costs the same whoever asks: three times as much where the
file lies in small pages of the host.

{lines}

{rows}

"""


def device_text(report):
    turns = report.data["dev"]
    if not turns:
        return ""
    rows = [["row", "what"]] + [[r[0], r[1]] for r in bench_dev.ROWS]
    return DEVICES.format(lines=markdown(bench_dev.table(turns)),
                          rows=markdown(rows))


FALLBACKS = """\
## What is not translated

Instructions that the translator leaves to the interpreter, in a boot with one
CPU: {count} of {total}, {share:.3%}.

{lines}

"""


def fallback_text(report):
    if not report.fallbacks():
        return ""
    count, total, lines = report.fallbacks()
    return FALLBACKS.format(count=count, total=total, share=count / total,
                            lines=markdown(lines))


def readme(report):
    data = report.data
    qemu, slower = "QEMU is not installed here.", ""
    if "qemu" in data["modes"]:
        which = (", the faster of its two fair CPUs"
                 if data["qemu"]["choice_ns"] else "")
        qemu = (f"QEMU is {data['qemu']['version']} with `-accel "
                f"tcg,thread=multi,tb-size=512 -M virt,gic-version=3 -cpu "
                f"{data['qemu']['cpu']}`{which}.")
    if report.slower():
        slower = (f"\n{report.squibs[-1]} is slower than QEMU on: "
                  f"{', '.join(report.slower())}.\n")
    warning = ""
    if data["load"] > 1:
        warning = (f"\nThe host had other work while this ran (load "
                   f"{data['load']:.1f} on {data['cpus']} CPUs at the "
                   "start): trust ratios, not times.\n")
    turns = ("one turn" if data["repeat"] == 1
             else f"{data['repeat']} turns")
    return filled(README.format(
        command=data["command"], machine=data["machine"],
        host_kernel=data["host_kernel"], when=data["when"],
        kernel=data["kernel"], mem=data["mem"], qemu=qemu, warning=warning,
        pick="the best" if data["best"] else "medians",
        repeat=f"{turns} at {data['scale']} % of the work", slower=slower,
        fallbacks=fallback_text(report), api=api_text(report),
        dev=device_text(report),
        sections=markdown(report.sections()),
        whole=markdown(report.machine()), table=markdown(report.table()),
        rows=markdown([["row", "group", "what"]] + [
            [r["name"], r["group"], r["what"]] for r in report.rows])))


def plots(report):
    """File name to SVG; only what can be drawn from these modes."""
    out = {}
    rows = [(r["name"], r["group"]) for r in report.rows]
    if report.squibs and "qemu" in report.guests:
        best = report.squibs[-1]
        out["speedup.svg"] = bench_plot.bars(
            f"{best}: times faster than QEMU",
            [(name, group, report.against_qemu(best, name))
             for name, group in rows])
    if report.guests and "native" in report.data["modes"]:
        out["slowdown.svg"] = bench_plot.dots(
            "Times slower than native (left is better)", report.guests,
            [(name, group, [report.against_native(m, name)
                            for m in report.guests])
             for name, group in rows])
    return out
