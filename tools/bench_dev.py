# SPDX-License-Identifier: Apache-2.0
"""What the devices of a guest do in a second, and what that costs the host.

One guest a mode has all devices and does one job after the other, those of
tests/bench_dev; ROWS says which. What the device itself costs is the CPU time
of all threads of the process that are no vCPU. A row of another device is a
line in ROWS, its device in squib_words and qemu_words, and, if the host has to
play along, a Peer.
"""

import glob
import os
import re
import select
import socket
import statistics
import subprocess
import tempfile
import threading

import bench_run
from bench_run import QEMU, TOP, WORK, Trouble, make_initrd, need, newer

SOURCE = os.path.join(TOP, "tests", "bench_dev", "main.c")
MEM = 512
DISK_BYTES = 256 << 20   # fits the page cache: the disk itself is not measured
SILENCE = 60
KIB4, MIB1, KIB64 = 4096, 1 << 20, 65536

# name, what, the job for squib, the one for QEMU, bytes of a request, how many
# times QEMU's rate it shall have. No job for QEMU: it has no such device here;
# no goal: it has another one that does the same.
ROWS = [
    ("rand_sync", "4 KiB random reads, 32 at a time; engine Sync",
     "randread,/dev/vda,32", "randread,/dev/vda,32", KIB4, 2),
    ("rand_async", "the same; engine Async, QEMU's aio=io_uring",
     "randread,/dev/vdb,32", "randread,/dev/vdb,32", KIB4, 2),
    ("read_sync", "1 MiB reads in order, 4 at a time; engine Sync",
     "read,/dev/vda", "read,/dev/vda", MIB1, 2),
    ("read_async", "the same; engine Async",
     "read,/dev/vdb", "read,/dev/vdb", MIB1, 2),
    ("write_sync", "1 MiB writes in order, 4 at a time; engine Sync",
     "write,/dev/vda", "write,/dev/vda", MIB1, 2),
    ("write_async", "the same; engine Async",
     "write,/dev/vdb", "write,/dev/vdb", MIB1, 2),
    ("vsock_send", "a stream to the host; QEMU: a virtio-serial port",
     "send,vsock:1024", "send,/dev/vport2p1", KIB64, None),
    ("vsock_recv", "a stream from the host; likewise",
     "recv,vsock:1025", "recv,/dev/vport2p2", KIB64, None),
]


MODULES = ("drivers/virtio/virtio", "drivers/virtio/virtio_ring",
           "drivers/virtio/virtio_mmio", "drivers/block/virtio_blk",
           "drivers/char/virtio_console", "net/vmw_vsock/vsock",
           "net/vmw_vsock/vmw_vsock_virtio_transport_common",
           "net/vmw_vsock/vmw_vsock_virtio_transport")


class Peer:
    """A program of the host at a Unix socket: it takes all, or sends all."""

    def __init__(self, path, sends):
        self.sends = sends
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        data = bytearray(MIB1)
        while True:
            try:
                sock = self.listener.accept()[0]
                while sock.send(data) if self.sends else sock.recv_into(data):
                    pass
            except ConnectionError:
                continue
            except OSError:
                return

    def close(self):
        self.listener.close()


def squib_words(folder, disks):
    return ["--disk", f"{disks[0]}:", "--disk", f"{disks[1]}:async",
            "--vsock", f"{folder}/v"]


def qemu_words(folder, disks):
    """QEMU's board gives the last device the first slot. A stream to the host
    begins at once: these ports are connected from the start."""
    engines = ("threads", "io_uring")
    words = ["-device", "virtio-serial-device"]
    for n, port in ((1, 1024), (2, 1025)):
        words += ["-chardev", f"socket,id=c{n},path={folder}/v_{port}",
                  "-device", f"virtserialport,chardev=c{n},nr={n}"]
    for n in (1, 0):
        words += ["-drive", f"file={disks[n]},if=none,id=d{n},format=raw,"
                  f"cache=writeback,aio={engines[n]}",
                  "-device", f"virtio-blk-device,drive=d{n}"]
    return words


def modules(kernel):
    """What Debian's kernel, which has no driver built in, needs: in order, as
    files of the initial RAM disk."""
    found = glob.glob(os.path.join(os.path.dirname(kernel), "modules/*/kernel"))
    if not found or os.path.basename(kernel) != "Image":
        return []
    return [(f"modules-{n}", os.path.join(found[0], f"{name}.ko"))
            for n, name in enumerate(MODULES)]


def build_guest(kernel):
    target = os.path.join(WORK, "bench-dev")
    if not newer(target, [SOURCE, __file__]):
        subprocess.run(
            [need("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
             "-std=gnu11", "-O2", "-Wall", "-Wextra", "-D_GNU_SOURCE",
             "-static", SOURCE, "-o", target], check=True)
    return make_initrd(target, "dev.cpio", modules(kernel))


def make_disk(name):
    """Every byte is there: no holes, whose reading costs less."""
    path = os.path.join(WORK, name)
    if not os.path.exists(path) or os.path.getsize(path) != DISK_BYTES:
        with open(path, "wb") as f:
            for _ in range(DISK_BYTES // MIB1):
                f.write(os.urandom(KIB4) * (MIB1 // KIB4))
    with open(path, "rb") as f:  # into the cache
        while f.read(MIB1):
            pass
    return path


def cpu_ns(pid):
    """Of the whole process, threads that ended included, and of its vCPUs."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    total = (int(fields[11]) + int(fields[12])) * 1e9 / os.sysconf("SC_CLK_TCK")
    vcpus = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/comm") as f:
            if not re.match(r"fc_vcpu|CPU \d", f.read()):
                continue
        with open(f"/proc/{pid}/task/{task}/schedstat") as f:
            vcpus += int(f.read().split()[0])
    return total, vcpus


def watch(command, errors):
    """Runs a guest to its end: what each job did, by its text."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=errors)
    done, before, rest = {}, None, b""
    try:
        while True:
            if not select.select([process.stdout], [], [], SILENCE)[0]:
                raise Trouble(f"{command[0]}: the guest has gone silent")
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                return done
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                words = line.decode("latin-1").split()
                if words[:1] == ["dev-begin"]:
                    before = cpu_ns(process.pid)
                elif words[:1] == ["dev-end"] and len(words) == 5:
                    whole, vcpus = cpu_ns(process.pid)
                    done[words[1]] = {
                        "bytes": int(words[3]), "ns": int(words[4]),
                        "cpu_ns": whole - before[0],
                        "vcpu_ns": vcpus - before[1]}
                elif words[:1] == ["dev-failed"]:
                    raise Trouble(f"{command[0]}: {' '.join(words[1:])}")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def command(mode, kernel, initrd, squib, qemu_cpu, folder, disks, jobs, ms):
    words = f"{bench_run.WORDS} dev.ms={ms} dev.run={';'.join(jobs)}"
    if mode == "squib":
        return [squib, "run", "--kernel", kernel, "--initrd", initrd,
                "--cpus", "2", "--mem", str(MEM), "--append", words,
                *squib_words(folder, disks)]
    return [QEMU, "-name", "bench,debug-threads=on", "-accel",
            "tcg,thread=multi,tb-size=512", "-M", "virt,gic-version=3",
            "-cpu", qemu_cpu, "-smp", "2", "-m", str(MEM), "-nic", "none",
            "-nographic", "-no-reboot", "-kernel", kernel, "-initrd", initrd,
            "-append", words, *qemu_words(folder, disks)]


def measure(modes, kernel, squib, qemu_cpu, ms, rows=ROWS):
    """One turn of each mode: {mode: {row: what it did}}."""
    initrd = build_guest(kernel)
    disks = [make_disk(f"disk{n}") for n in range(2)]
    turn = {}
    for mode in modes:
        jobs = {r[0]: r[2 if mode == "squib" else 3] for r in rows}
        with tempfile.TemporaryDirectory() as folder:
            peers = [Peer(f"{folder}/v_1024", False),
                     Peer(f"{folder}/v_1025", True)]
            with open(os.path.join(WORK, f"dev-{mode}.log"), "wb") as errors:
                done = watch(command(mode, kernel, initrd, squib, qemu_cpu,
                                     folder, disks,
                                     [j for j in jobs.values() if j], ms),
                             errors)
            for peer in peers:
                peer.close()
        turn[mode] = {name: done[job] for name, job in jobs.items()
                      if job in done}
    return turn


def rate(result, piece):
    """Requests in a second."""
    return result["bytes"] / piece * 1e9 / result["ns"] if result else None


def cost(result, piece):
    """Microseconds of the host's CPUs for one request, all in all."""
    return result["cpu_ns"] / 1e3 / max(result["bytes"] / piece, 1) \
        if result else None


def own_cost(result, piece):
    """What of that is no vCPU's."""
    return (result["cpu_ns"] - result["vcpu_ns"]) / 1e3 / \
        max(result["bytes"] / piece, 1) if result else None


def middle(turns, mode, name, what, piece):
    values = [what(t[mode].get(name), piece) for t in turns if mode in t]
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def show_rate(value, piece):
    if value is None:
        return "-"
    return f"{value:.0f}/s" if piece == KIB4 else \
        f"{value * piece / 2**20:.0f} MiB/s"


def show(value):
    return "-" if value is None else f"{value:.1f}"


def table(turns, rows=ROWS):
    """Heads and lines. A row is not measured against what is not there."""
    lines = [["device row", "qemu", "squib", "squib/qemu", "goal",
              "qemu us CPU", "squib us CPU", "qemu own us", "squib own us"]]
    for name, _, _, _, piece, goal in rows:
        fast = {m: middle(turns, m, name, rate, piece)
                for m in ("qemu", "squib")}
        if not any(fast.values()):
            continue
        times = fast["squib"] / fast["qemu"] if all(fast.values()) else None
        lines.append(
            [name, *[show_rate(fast[m], piece) for m in ("qemu", "squib")],
             show(times), str(goal or "-"),
             *[show(middle(turns, m, name, what, piece))
               for what in (cost, own_cost) for m in ("qemu", "squib")]])
    return lines
