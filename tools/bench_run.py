# SPDX-License-Identifier: Apache-2.0
"""What bench.py measures with: the programs it builds and the ways to run
them. A mode is native, qemu, or squib with one of its tiers."""

import os
import re
import select
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "tools"))
import mkinitrd  # noqa: E402

SOURCES = os.path.join(TOP, "tests", "bench")
WORK = os.path.join(TOP, ".cache", "bench")
GUEST_MEM = 256  # MiB
PROGRAMS_MEM = 512

# What the rows of programs.c need of Debian, and where its compiler is here.
PACKAGES = ("libc6", "libgcc-s1", "libstdc++6", "zlib1g", "zstd", "liblz4-1",
            "liblzma5", "libzstd1", "python3.11-minimal",
            "libpython3.11-minimal", "libexpat1", "cpp-12", "libgmp10",
            "libisl23", "libmpc3", "libmpfr6")
CROSS_CC1 = "/usr/lib/gcc-cross/aarch64-linux-gnu/12/cc1"
LEFT_OUT = ("usr/share", "usr/lib/aarch64-linux-gnu/gconv",
            "lib/aarch64-linux-gnu/gconv", "etc")
SILENCE = 90     # seconds without a line after which a guest is given up
WORDS = "console=ttyAMA0 quiet panic=-1"

QEMU = "qemu-system-aarch64"
QEMU_CPUS = ("neoverse-n1", "max,pauth=off,sve=off")


class Trouble(Exception):
    """One sentence for the person at the terminal."""


def need(command, package):
    if not shutil.which(command):
        raise Trouble(f"{command} is not here; apt-get install {package}")
    return command


def newer(target, parts):
    return os.path.exists(target) and all(
        os.path.getmtime(target) > os.path.getmtime(p) for p in parts)


def build(compiler, name):
    """The same source for either machine, as a distribution compiles: -O2,
    for the base of the architecture; the vector file alone is at -O3."""
    target = os.path.join(WORK, name)
    files = sorted(f for f in os.listdir(SOURCES) if f.endswith((".c", ".h")))
    paths = [os.path.join(SOURCES, f) for f in files]
    if newer(target, paths + [__file__]):
        return target
    objects = []
    for path in paths:
        if path.endswith(".h"):
            continue
        base = os.path.splitext(os.path.basename(path))[0]
        objects.append(f"{target}-{base}.o")
        subprocess.run(
            [compiler, "-std=gnu11", "-Wall", "-Wextra", "-fno-math-errno",
             "-O3" if base == "vector" else "-O2", "-pthread", "-c", path,
             "-o", objects[-1]], check=True)
    subprocess.run([compiler, "-static", "-pthread", *objects, "-lm", "-o",
                    target], check=True)
    for path in objects:
        os.unlink(path)
    return target


def raw_kernel(path):
    """QEMU wants the raw Image; all guests get the same file."""
    if not path.endswith(".zst"):
        return path
    target = os.path.join(WORK, os.path.basename(path)[:-4])
    if not newer(target, [path]):
        subprocess.run([need("zstd", "zstd"), "-qdf", path, "-o",
                        target + ".new"], check=True)
        os.replace(target + ".new", target)
    return target


def make_initrd(program, name="initramfs.cpio", files=()):
    """A file system with one program, which is also the guest's init, and
    perhaps other files: pairs of where they go and where they are."""
    target = os.path.join(WORK, name)
    ar = mkinitrd.Archive()
    for name in ("dev", "proc", "tmp"):
        ar.folder(name)
    ar.add("dev/console", 0o20600, device=(5, 1))
    ar.program("init", program)
    for inside, path in files:
        ar.program(inside, path)
    with open(target, "wb") as f:
        f.write(ar.finish())
    return target


def source_to_compile():
    target = os.path.join(WORK, "source.i")
    source = os.path.join(SOURCES, "float.c")
    if not newer(target, [source]):
        subprocess.run(["aarch64-linux-gnu-gcc", "-E", "-P", source, "-o",
                        target], check=True)
    return target


def add_tree(ar, root):
    for folder, folders, files in os.walk(root):
        inside = os.path.relpath(folder, root)
        if inside.startswith(LEFT_OUT):
            folders.clear()
            continue
        if inside != ".":
            ar.folder(inside)
        for name in sorted(files + folders):
            path = os.path.join(folder, name)
            at = os.path.normpath(os.path.join(inside, name))
            if os.path.islink(path):
                ar.add(at, 0o120777, os.readlink(path).encode())
            elif os.path.isfile(path):
                ar.program(at, path)


def make_programs_initrd(program):
    """That, and a piece of Debian. None when it cannot be fetched."""
    target = os.path.join(WORK, "programs.cpio")
    root = os.path.join(WORK, "programs")
    source = source_to_compile()
    if not os.path.exists(os.path.join(root, "done")):
        shutil.rmtree(root, ignore_errors=True)
        log = os.path.join(WORK, "programs.log")
        with open(log, "wb") as f:
            if subprocess.run([os.path.join(TOP, "tools", "fetch-debs"),
                               "arm64", root, *PACKAGES], stdout=f, stderr=f,
                              check=False).returncode != 0:
                return None
        with open(os.path.join(root, "done"), "wb"):
            pass
    if newer(target, [program, source, __file__]):
        return target
    ar = mkinitrd.Archive()
    for name in ("dev", "proc", "tmp"):
        ar.folder(name)
    ar.add("dev/console", 0o20600, device=(5, 1))
    ar.program("init", program)
    ar.program("source.i", source)
    add_tree(ar, root)
    with open(target, "wb") as f:
        f.write(ar.finish())
    return target


class Result:
    """What one run of a mode said."""

    def __init__(self):
        self.rows = {}       # name: [(ns, checksum)]
        self.failed = []
        self.init_ns = None  # from the start of the process to init
        self.uptime_ns = None
        self.peak_kib = 0
        self.stats = {}
        self.ended = False
        self.last = None

    def join(self, other):
        self.failed += other.failed
        for name, samples in other.rows.items():
            self.rows.setdefault(name, []).extend(samples)

    def line(self, text, since_start):
        words = text.split()
        if words[:1] == ["bench-init"] and len(words) == 2:
            self.init_ns = since_start
            self.uptime_ns = int(words[1])
        elif words[:1] == ["bench-end"]:
            self.ended = True
        elif words[:1] == ["bench"] and len(words) == 4:
            self.last = words[1]
            if words[2] == "failed":
                self.failed.append(words[1])
            else:
                self.rows.setdefault(words[1], []).append(
                    (int(words[2]), words[3]))


def peak_of(pid):
    try:
        with open(f"/proc/{pid}/status") as f:
            return int(re.search(r"VmHWM:\s*(\d+)", f.read())[1])
    except (OSError, TypeError):
        return 0


def watch(command, silence, errors, env=None):
    """Run it, note when each line comes, give it up when none comes."""
    result = Result()
    start = time.monotonic_ns()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=errors,
                               env=env)
    rest = b""
    try:
        while True:
            ready, _, _ = select.select([process.stdout], [], [], silence)
            if not ready:
                break
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                break
            since_start = time.monotonic_ns() - start
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                result.line(line.decode("latin-1").strip("\r\n"), since_start)
            result.peak_kib = max(result.peak_kib, peak_of(process.pid))
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            pass
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
    return result


class Native:
    name = "native"
    is_guest = False

    def __init__(self, program):
        self.program = program

    def run(self, rows, scale, cpus=2, rounds=1):
        env = {**os.environ, "BENCH_ZSTD": "zstd", "BENCH_PYTHON": "python3",
               "BENCH_CC1": CROSS_CC1, "BENCH_SOURCE": source_to_compile()}
        # Five rounds cost little here, and noise weighs more.
        result = watch([self.program, "--scale", str(scale), "--rounds",
                        str(max(rounds, 5)), *rows], SILENCE,
                       subprocess.DEVNULL, env)
        result.ended = True
        return result


class Guest:
    """A mode that boots a kernel. Rows that hang do not take the others with
    them: the guest is started anew behind the one that hung."""

    is_guest = True
    programs = ()         # the rows that need the other initrd
    programs_initrd = None
    counting = False      # of instructions, which takes time itself

    def __init__(self, kernel, initrd):
        self.kernel = kernel
        self.initrd = initrd
        self.mem = GUEST_MEM

    def command(self, cpus, words):
        raise NotImplementedError

    def boot(self, rows, scale, cpus, rounds):
        words = f"{WORDS} bench.scale={scale} bench.rounds={rounds} " \
                f"bench.rows={','.join(rows)}"
        log = os.path.join(WORK, f"{self.name}.log")
        with open(log, "wb") as errors:
            result = watch(self.command(cpus, words), SILENCE, errors)
        with open(log, errors="replace") as f:
            for line in f:
                pair = re.fullmatch(r"(\S+)\s+(\d+)", line.strip())
                if pair:
                    result.stats[pair[1]] = int(pair[2])
        return result

    def run(self, rows, scale, cpus=2, rounds=1):
        apart = [r for r in rows if r in self.programs]
        if not apart:
            return self.run_all(rows, scale, cpus, rounds)
        rows = [r for r in rows if r not in apart]
        whole = self.run_all(rows, scale, cpus, rounds) if rows else Result()
        small, self.initrd = self.initrd, self.programs_initrd
        self.mem = PROGRAMS_MEM
        try:
            whole.join(self.run_all(apart, scale, cpus, rounds))
        finally:
            self.initrd, self.mem = small, GUEST_MEM
        return whole

    def run_all(self, rows, scale, cpus, rounds):
        whole = self.boot(rows, scale, cpus, rounds)
        part = whole
        while not part.ended:
            if part.init_ns is None:
                raise Trouble(f"{self.name}: the guest did not reach init; "
                              f"see {WORK}/{self.name}.log")
            done = rows.index(part.last) + 1 if part.last in rows else 0
            if done >= len(rows):
                break
            whole.failed.append(rows[done])
            rows = rows[done + 1:]
            if not rows:
                break
            part = self.boot(rows, scale, cpus, rounds)
            whole.join(part)
            whole.peak_kib = max(whole.peak_kib, part.peak_kib)
        return whole


class Qemu(Guest):
    name = "qemu"

    def __init__(self, kernel, initrd, cpu=QEMU_CPUS[0]):
        super().__init__(kernel, initrd)
        self.cpu = cpu

    def command(self, cpus, words):
        return [QEMU, "-accel", "tcg,thread=multi,tb-size=512",
                "-M", "virt,gic-version=3", "-cpu", self.cpu,
                "-smp", str(cpus), "-m", str(self.mem), "-nic", "none",
                "-nographic", "-no-reboot", "-kernel", self.kernel,
                "-initrd", self.initrd, "-append", words]

    def choose_cpu(self, rows):
        """The fair one is the faster one, at its best of two turns."""
        times = {}
        for self.cpu in QEMU_CPUS * 2:
            result = self.run(rows, 20, cpus=1)
            ns = sum(s[0][0] for s in result.rows.values())
            times[self.cpu] = min(ns, times.get(self.cpu, ns))
        self.cpu = min(times, key=times.get)
        return times

    @staticmethod
    def version():
        out = subprocess.run([QEMU, "--version"], capture_output=True,
                             text=True, check=True).stdout
        return re.search(r"version (\S+)", out)[1]


class Squib(Guest):
    def __init__(self, kernel, initrd, program, name, flags):
        super().__init__(kernel, initrd)
        self.program = program
        self.name = name
        self.flags = flags

    def command(self, cpus, words):
        return [self.program, "run", "--kernel", self.kernel, "--initrd",
                self.initrd, "--cpus", str(cpus), "--mem", str(self.mem),
                "--append", words, *self.flags,
                *(["--stats"] if self.counting else [])]


def squib_modes(program):
    """The tiers this build has, slowest first: name and flags."""
    text = subprocess.run([program, "run", "--help"], capture_output=True,
                          text=True, check=False)
    if "--tier" not in text.stdout + text.stderr:
        return [("squib-interp", [])]
    return [("squib-interp", ["--tier", "interp"]),
            ("squib-jit", ["--tier", "jit"])]
