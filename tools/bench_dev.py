# SPDX-License-Identifier: Apache-2.0
"""What the devices of a guest do in a second, and what that costs the host.

One guest a mode has all devices and does one job after the other, those of
tests/bench_dev; ROWS says which. What the device itself costs is the CPU time
of all threads of the process that are no vCPU. A row of another device is a
line in ROWS, its device in squib_words and qemu_words, and, if the host has to
play along, a Peer.
"""

import contextlib
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
import netns
from bench_run import QEMU, TOP, WORK, Trouble, make_initrd, need, newer

SOURCE = os.path.join(TOP, "tests", "bench_dev", "main.c")
MEM = 512
DISK_BYTES = 256 << 20
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
     "send,vsock:1024", "send,serial:1", KIB64, None),
    ("vsock_recv", "a stream from the host; likewise",
     "recv,vsock:1025", "recv,serial:2", KIB64, None),
    ("tap_send", "TCP to the host over a TAP", *["send,tcp:172.31.9.1:5001"] * 2,
     KIB64, 2),
    ("tap_recv", "TCP from the host over a TAP",
     *["recv,tcp:172.31.9.1:5002"] * 2, KIB64, 2),
    ("user_send", "TCP to the host over `--net user`; QEMU: -netdev user",
     *["send,tcp:10.0.2.2:5001"] * 2, KIB64, 2),
    ("user_recv", "TCP from the host; likewise",
     *["recv,tcp:10.0.2.2:5002"] * 2, KIB64, 2),
]

# Networks are measured in a namespace of their own, whose host side is both the
# TAP's and, being its loopback, the user network's.
TAP_HOST = "172.31.9.1"
ADDRESSES = "eth0:172.31.9.2,eth1:10.0.2.15"


MODULES = ("drivers/virtio/virtio", "drivers/virtio/virtio_ring",
           "drivers/virtio/virtio_mmio", "drivers/block/virtio_blk",
           "net/core/failover", "drivers/net/net_failover",
           "drivers/net/virtio_net",
           "drivers/char/virtio_console", "net/vmw_vsock/vsock",
           "net/vmw_vsock/vmw_vsock_virtio_transport_common",
           "net/vmw_vsock/vmw_vsock_virtio_transport")


class Peer:
    """A program of the host at a socket: it takes all, or sends all."""

    def __init__(self, listener, sends):
        self.sends = sends
        self.listener = listener
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


def unix_listener(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)
    return listener


class Network:
    """A namespace with a TAP and its peers, or nothing where there can be
    none."""

    def __init__(self):
        self.space, self.peers = None, []
        if netns.missing():
            return
        try:
            self.space = netns.Namespace()
        except OSError:
            return
        self.space.tap("tap0", f"{TAP_HOST}/24")
        for port, sends in ((5001, False), (5002, True)):
            listener = self.space.listener(port)[0]
            listener.settimeout(None)
            self.peers.append(Peer(listener, sends))

    def words(self):
        return self.space.words() if self.space else []

    def squib_words(self):
        return ["--net", "tap=tap0", "--net", "user"] if self.space else []

    def qemu_words(self):
        """Its board gives the last device the first slot."""
        if not self.space:
            return []
        return ["-netdev", "user,id=n1", "-device",
                "virtio-net-device,netdev=n1", "-netdev",
                "tap,id=n0,ifname=tap0,script=no,downscript=no", "-device",
                "virtio-net-device,netdev=n0"]

    def rows(self, rows):
        return [r for r in rows if self.space or ",tcp:" not in r[2]]

    def close(self):
        for peer in self.peers:
            peer.close()
        if self.space:
            self.space.close()


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


@contextlib.contextmanager
def disk_folder():
    """Memory of the host, in huge pages if we are allowed to ask for them: no
    disk is measured then, nor how a file system keeps files in its cache and
    when it writes them back. Otherwise the folder of all else."""
    os.makedirs(WORK, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"huge=always,size={3 * DISK_BYTES}",
             "tmpfs", folder], stderr=subprocess.DEVNULL).returncode == 0
        try:
            yield folder
        finally:
            if mounted:
                subprocess.run(["umount", folder], check=True)


def make_disk(path):
    """Every byte is there: no holes, whose reading costs less."""
    with open(path, "wb") as f:
        for _ in range(DISK_BYTES // MIB1):
            f.write(os.urandom(KIB4) * (MIB1 // KIB4))
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


def watch(name, command, errors):
    """Runs a guest to its end: what each job did, by its text."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=errors)
    done, before, rest = {}, None, b""
    try:
        while True:
            if not select.select([process.stdout], [], [], SILENCE)[0]:
                raise Trouble(f"{name}: the guest has gone silent")
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
                    raise Trouble(f"{name}: {' '.join(words[1:])}")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def command(mode, kernel, initrd, squib, qemu_cpu, folder, disks, jobs, ms):
    words = (f"{bench_run.WORDS} dev.ms={ms} dev.ip={ADDRESSES} "
             f"dev.run={';'.join(jobs)}")
    if mode == "squib":
        return [squib, "run", "--kernel", kernel, "--initrd", initrd,
                "--cpus", "2", "--mem", str(MEM), "--append", words,
                *squib_words(folder, disks)]
    return [QEMU, "-name", "bench,debug-threads=on", "-accel",
            "tcg,thread=multi,tb-size=512", "-M", "virt,gic-version=3",
            "-cpu", qemu_cpu, "-smp", "2", "-m", str(MEM), "-nic", "none",
            "-nographic", "-no-reboot", "-kernel", kernel, "-initrd", initrd,
            "-append", words, *qemu_words(folder, disks)]


def measure_one(mode, net, disks, kernel, squib, qemu_cpu, ms, rows):
    """One turn of a mode: {row: what it did}."""
    initrd = build_guest(kernel)
    jobs = {r[0]: r[2 if mode == "squib" else 3] for r in net.rows(rows)}
    with tempfile.TemporaryDirectory() as folder:
        peers = [Peer(unix_listener(f"{folder}/v_1024"), False),
                 Peer(unix_listener(f"{folder}/v_1025"), True)]
        words = command(mode, kernel, initrd, squib, qemu_cpu, folder, disks,
                        [j for j in jobs.values() if j], ms)
        more = net.squib_words() if mode == "squib" else net.qemu_words()
        with open(os.path.join(WORK, f"dev-{mode}.log"), "wb") as errors:
            done = watch(mode, [*net.words(), *words, *more], errors)
        for peer in peers:
            peer.close()
    return {name: done[job] for name, job in jobs.items() if job in done}


def measure(modes, kernel, squib, qemu_cpu, ms, rows=ROWS):
    """One turn of each mode: {mode: {row: what it did}}."""
    turn = {}
    with disk_folder() as folder:
        disks = [make_disk(f"{folder}/disk{n}") for n in range(2)]
        for mode in modes:
            net = Network()
            try:
                turn[mode] = measure_one(mode, net, disks, kernel, squib,
                                         qemu_cpu, ms, rows)
            finally:
                net.close()
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
