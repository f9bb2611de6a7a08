# SPDX-License-Identifier: Apache-2.0
"""An arm64 Linux host with KVM, emulated: qemu with EL2, Debian's kernel, and
squib with all it needs in its first file system. Commands go in and results
come out on its serial console.
"""

import ctypes
import os
import pathlib
import re
import signal
import stat
import subprocess
import sys
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests/devices")]

import linux  # noqa: E402
import mkinitrd  # noqa: E402

GUEST = pathlib.Path(os.environ.get("SQUIB_GUEST", ROOT / ".cache/guest"))
ARM64 = pathlib.Path(os.environ.get("SQUIB_ARM64", ROOT / "build-aarch64"))
IMAGES = pathlib.Path(os.environ.get("GUESTS", ROOT / "build/tests/guest"))
HOST_KERNEL = pathlib.Path(os.environ.get("KVM_HOST_KERNEL", GUEST / "Image"))
HOST_CPU = os.environ.get("KVM_HOST_CPU", "max,pauth-impdef=on")
HERE = pathlib.Path(__file__).resolve().parent
LIBRARIES = [
    ROOT / ".cache/sysroot-arm64/usr/lib/aarch64-linux-gnu",
    pathlib.Path("/usr/aarch64-linux-gnu/lib"),
]
LOADER = "ld-linux-aarch64.so.1"

QEMU = [
    "qemu-system-aarch64",
    *("-M", "virt,virtualization=on,gic-version=3"),
    *("-cpu", HOST_CPU),
    *("-smp", "2", "-m", "2048", "-nic", "none", "-display", "none"),
    *("-serial", "stdio", "-monitor", "none", "-no-reboot"),
]

# somebody: without rights; member: of the device's group
ETC = {
    "passwd": b"root:x:0:0::/:/bin/sh\nsomebody:x:1000:1000::/:/bin/sh\n"
    b"member:x:1001:1001::/:/bin/sh\n",
    "group": b"root:x:0:\nkvm:x:104:member\n",
}

# Everything in there is ten to fifty times slower than on the metal. A command
# that is late is ended in there, and the host has so long to say what it did.
BOOT_S = 480
COMMAND_S = 480
ANSWER_S = 120
# Once one was late, the others have no longer than this; and when so many were,
# the rest is not tried any more.
AGAIN_S = 240
MOST_LATE = 3


def need(path, what):
    if not path.exists():
        pytest.skip(f"{what} is not there: {path}")
    return path


def libraries(program, found):
    """What it is linked with, and those with: name -> file."""
    out = subprocess.run(
        ["aarch64-linux-gnu-readelf", "-d", program],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in re.findall(r"\(NEEDED\).*\[(.*)\]", out):
        if name in found:
            continue
        places = [folder / name for folder in LIBRARIES]
        found[name] = next(p for p in places if p.exists()).resolve()
        libraries(found[name], found)


def folders(ar, names):
    for name in names:
        ar.folder(name)


def archive(squib, extra=()):
    """The emulated host's first file system. `extra`: (name, file) pairs."""
    ar = mkinitrd.Archive()
    folders(ar, "bin dev etc lib mnt proc root run sbin sys tmp g".split())
    ar.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    ar.program("bin/busybox", GUEST / "busybox")
    ar.add("bin/sh", stat.S_IFLNK | 0o777, b"busybox")
    ar.program("init", HERE / "init")
    for name, text in ETC.items():
        ar.add(f"etc/{name}", stat.S_IFREG | 0o644, text)
    programs = {
        "squib": squib,
        "api_client": ARM64 / "tests/kvm/api_client",
        "vsock_peer": ARM64 / "tests/kvm/vsock_peer",
        "kvm_test": ARM64 / "tests/kvm/kvm_test",
        "save_test": ARM64 / "tests/kvm/save_test",
        "cost": ARM64 / "tests/kvm/cost",
    }
    found = {LOADER: LIBRARIES[1] / LOADER}
    # pthread_cancel loads it when it is first called
    found["libgcc_s.so.1"] = LIBRARIES[1] / "libgcc_s.so.1"
    for name, path in programs.items():
        ar.program(f"bin/{name}", path)
        libraries(path, found)
    for name, path in found.items():
        ar.program(f"lib/{name}", path)
    for name, path in extra:
        ar.program(f"g/{name}", path)
    return ar.finish()


def die_with_parent():
    """Nobody types into it any more: PR_SET_PDEATHSIG."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Ended(Exception):
    """Of an emulated host, or of what ran in there for too long."""


class Nested:
    """One emulated host. run() gives (exit code, output: what was said on
    standard error is behind the rest)."""

    def __init__(self, initrd, machine=None):
        command = [
            *QEMU,
            *(["-M", machine] if machine else []),
            *("-kernel", str(HOST_KERNEL), "-initrd", str(initrd)),
            *("-append", "console=ttyAMA0 loglevel=1 panic=-1"),
        ]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent,
        )
        self.seen = b""
        self.news = threading.Condition()
        self.closed = False
        self.count = 0
        threading.Thread(target=self._read, daemon=True).start()
        self._expect(rb"@@ ready\r?\n", BOOT_S, "the emulated host's boot")

    def _read(self):
        while True:
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            with self.news:
                self.seen += data
                self.closed = not data
                self.news.notify_all()
                if not data:
                    return

    def _expect(self, pattern, timeout_s, what):
        pattern = re.compile(pattern)
        with self.news:
            self.news.wait_for(
                lambda: pattern.search(self.seen) or self.closed, timeout_s
            )
            match = pattern.search(self.seen)
            if not match:
                how = "ended" if self.closed else f"is silent for {timeout_s} s"
                text = self._text(self.seen)
                self.kill()
                raise Ended(f"the emulated host {how} in: {what}\n{text[-6000:]}")
            before = self.seen[: match.start()]
            self.seen = self.seen[match.end() :]
        return match, before

    def run(self, command, timeout_s=COMMAND_S):
        assert "\n" not in command
        self.count += 1
        self.process.stdin.write(f"{self.count} {timeout_s} {command}\n".encode())
        self.process.stdin.flush()
        match, before = self._expect(
            rb"@@ %d (\d+|late)\r?\n" % self.count, timeout_s + ANSWER_S, command
        )
        text = self._text(before)
        if match.group(1) == b"late":
            raise Ended(f"not over after {timeout_s} s: {command}\n{text[-6000:]}")
        return int(match.group(1)), text

    @staticmethod
    def _text(seen):
        return seen.decode("utf-8", "replace").replace("\r", "").strip("\n")

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()


def guest_initrd(path):
    """For squib's guests: what a test wants is the command's argument."""
    programs = [linux.compile_program("vsock", path.parent)]
    return linux.pack(path, 'eval "$1"\n', True, programs)


TICKS = "while :; do echo tick; usleep 100000; done\n"


def files(folder):
    """What the tests need in the host's folder /g."""
    need(GUEST / "Image", "Debian's kernel")
    guests = sorted(need(IMAGES, "the bare-metal guests").glob("*.img"))
    if not guests:
        pytest.skip("the arm64 cross compiler is not installed")
    return [
        ("Image", GUEST / "Image"),
        ("initrd", guest_initrd(folder / "guest-initrd")),
        ("ticks", linux.pack(folder / "ticks", TICKS, False)),
        *((path.name, path) for path in guests),
    ]
