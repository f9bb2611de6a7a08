# SPDX-License-Identifier: Apache-2.0
"""A running squib with Linux in it: its console, its process, its end.

Where things are can be said by the environment:

  SQUIB           the program                     (build/squib)
  SQUIB_KERNEL    Debian's arm64 kernel           (.cache/guest/Image)
  SQUIB_MICROVM   a small fast-booting kernel
                  (../shared/guest/microvm-6.1.Image.zst, or what
                  `make guest-kernel` has built)
  SQUIB_INITRD    tests/guest_init with busybox   (.cache/guest/initramfs.cpio.gz)
"""

import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import termios
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
GUEST = ROOT / ".cache/guest"


def place(variable, default):
    return pathlib.Path(os.environ.get(variable, default)).resolve()


def first_of(*paths):
    """The first that is there, or the last."""
    return next((path for path in paths if path.is_file()), paths[-1])


SQUIB = place("SQUIB", ROOT / "build/squib")
INITRD = place("SQUIB_INITRD", GUEST / "initramfs.cpio.gz")
KERNELS = {
    "debian": place("SQUIB_KERNEL", GUEST / "Image"),
    "microvm": place(
        "SQUIB_MICROVM",
        first_of(
            ROOT.parent / "shared/guest/microvm-6.1.Image.zst",
            GUEST / "microvm-Image",
        ),
    ),
}


def find(path, what):
    """The path, or the test that wants it is skipped."""
    if not path.is_file():
        import pytest  # noqa: PLC0415: not all who come here are tests

        pytest.skip(f"{what} is not there: {path}")
    return path


def find_kernel(name):
    made_by = {"debian": "tools/fetch-guest", "microvm": "make guest-kernel"}[name]
    return find(KERNELS[name], f"the {name} kernel, which comes by {made_by},")


def find_fast_kernel():
    """The one that boots fastest, for tests that do not care which."""
    path = KERNELS["microvm"]
    return path if path.is_file() else find(KERNELS["debian"], "an arm64 kernel")


# Booting takes seconds; a machine with more to do than cores takes longer.
PATIENCE_S = 240

# What a healthy Linux does not print.
COMPLAINTS = re.compile(
    r"Internal error|Oops|Kernel panic|BUG:|WARNING:|Call trace|stall|"
    r"soft lockup|Unable to handle|failed to come online|undefined instruction"
)


class Machine:
    """One squib process. `how` is its front end: run, or config for Firecracker's.
    `stdin` is what standard input is: null, pipe, or terminal."""

    def __init__(
        self,
        squib,
        folder,
        kernel,
        words=(),
        initrd=None,
        cpus=1,
        mem=256,
        console="ttyAMA0",
        how="run",
        stdin="null",
        args=(),
    ):
        line = " ".join([f"console={console}", *words])
        if how == "run":
            command = ["run", "--kernel", kernel, "--cpus", cpus]
            command += ["--mem", mem, "--append", line]
            command += ["--initrd", initrd] if initrd else []
        else:
            path = folder / "vm.json"
            source = {
                "kernel_image_path": str(kernel),
                "boot_args": f"reboot=k panic=1 {line}",
            }
            if initrd:
                source["initrd_path"] = str(initrd)
            machine = {"vcpu_count": cpus, "mem_size_mib": mem}
            path.write_text(
                json.dumps(
                    {
                        "boot-source": source,
                        "machine-config": machine,
                        "drives": [],
                    }
                )
            )
            command = ["--no-api", "--config-file", path]
        self.command = [str(squib), *map(str, command), *map(str, args)]
        self.seen = b""
        self.at = 0  # what expect() has not looked at yet
        self.news = threading.Condition()
        self.closed = False
        self._spawn(stdin)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _spawn(self, stdin):
        self.slave = None
        if stdin == "terminal":
            self.out, self.slave = pty.openpty()
            self.inp = self.out
            self.before = termios.tcgetattr(self.slave)
            streams = {"stdin": self.slave, "stdout": self.slave}
        else:
            streams = {
                "stdin": subprocess.PIPE if stdin == "pipe" else subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
            }
        self.process = subprocess.Popen(
            self.command, stderr=subprocess.PIPE, start_new_session=True, **streams
        )
        if self.slave is None:
            self.out = self.process.stdout.fileno()
            self.inp = self.process.stdin.fileno() if stdin == "pipe" else None

    def _read(self):
        while True:
            ready = select.select([self.out], [], [], 0.1)[0]
            try:
                data = os.read(self.out, 1 << 16) if ready else None
            except OSError:
                data = b""
            over = not ready and self.process.poll() is not None
            with self.news:
                if data:
                    self.seen += data
                self.closed = self.closed or data == b"" or over
                self.news.notify_all()
                if self.closed:
                    return

    def text(self):
        return self.seen.decode("utf-8", "replace").replace("\r", "")

    def expect(self, what, timeout_s=PATIENCE_S):
        """Waits for a regular expression in what was not expected yet."""
        pattern = re.compile(what.encode() if isinstance(what, str) else what)

        def found():
            return pattern.search(self.seen, self.at) or self.closed

        with self.news:
            assert self.news.wait_for(found, timeout_s), self._lament(what)
            match = pattern.search(self.seen, self.at)
            assert match, self._lament(what)
            self.at = match.end()
        return match

    def _lament(self, what):
        return f"no {what!r} in:\n{self.text()[-4000:]}"

    def type(self, keys):
        keys = keys.encode() if isinstance(keys, str) else keys
        while keys:
            keys = keys[os.write(self.inp, keys[:1024]) :]

    def wait(self):
        """The exit code and standard error."""
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(self._lament("end")) from None
        self.reader.join()
        err = self.process.stderr.read().decode("utf-8", "replace")
        for word in ("AddressSanitizer", "runtime error:", "BUG"):
            assert word not in err, err
        return self.process.returncode, err

    def end_well(self):
        code, err = self.wait()
        text = self.text()
        assert (code, err) == (0, ""), f"exit code {code}\n{err}\n{text}"
        bad = [line for line in text.splitlines() if COMPLAINTS.search(line)]
        assert not bad, "\n".join(bad)
        return text

    def signal(self, number):
        self.process.send_signal(number)

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def is_restored(self):
        return termios.tcgetattr(self.slave) == self.before

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) >> 10

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


