# SPDX-License-Identifier: Apache-2.0
"""squib behind its API socket, with a guest on whose console one can type."""

import functools
import json
import pathlib
import re
import subprocess
import sys
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

from guests import PATIENCE_S  # noqa: E402
from unix import Connection  # noqa: E402

try:
    import yaml
except ImportError:
    yaml = None

API = pathlib.Path(__file__).resolve().parents[1] / "api"

# squib's own words between the guest's.
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+ \[")

# What a guest does that takes commands: each line is run, and its end is said.
COMMANDS = """
stty -echo
echo squib-ready
while read -r line; do
    eval "$line" 2>&1
    echo "squib-end $?"
done
"""


def settle(vm, condition, seconds=PATIENCE_S):
    """The guest's driver takes its time."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    assert condition(), vm.text()[-2000:]


@functools.cache
def swagger():
    """Firecracker's description of the API; None: there is no way to read it."""
    sys.path.append(str(API))
    from swagger import Swagger  # noqa: PLC0415

    text = (API / "firecracker-api.yaml").read_text()
    return Swagger(yaml.safe_load(text)) if yaml else None


def check(method, url, body, status, answer):
    """Is this what the description says, both ways?"""
    described = swagger()
    if not described or not described.operation(method, url):
        return
    described.check_response(method, url, status, answer)
    if status < 300:
        described.check_request(method, url, body)


class ApiVm:
    def __init__(self, squib, folder, args=()):
        self.sock = folder / "api.sock"
        self.out = folder / "out"
        self.seen = 0
        self.process = subprocess.Popen(
            [str(squib), "--api-sock", str(self.sock), "--no-seccomp", *args],
            stdin=subprocess.PIPE,
            stdout=open(self.out, "wb"),
            stderr=subprocess.STDOUT,
        )
        self.wait_for(self.sock.exists)

    def wait_for(self, condition, seconds=PATIENCE_S):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.text()[-4000:]
            assert self.process.poll() is None or condition(), self.text()
            time.sleep(0.02)

    def ask(self, method, url, body=None):
        connection = Connection(self.sock)
        text = json.dumps(body) if body is not None else None
        connection.request(method, url, text)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        value = json.loads(text) if text else None
        check(method, url, body, answer.status, value)
        return answer.status, value

    def ok(self, method, url, body=None):
        status, answer = self.ask(method, url, body)
        assert status in (200, 204), answer
        return answer

    def fault(self, method, url, body=None):
        status, answer = self.ask(method, url, body)
        assert status == 400, answer
        return answer["fault_message"]

    def boot(self, kernel, initrd, mem=None, cpus=1, words=""):
        """Starts the guest that is configured."""
        line = f"console=ttyAMA0 reboot=k panic=1 squib.test squib.cmd=/script {words}"
        self.ok("PUT", "/boot-source",
                {"kernel_image_path": str(kernel), "initrd_path": str(initrd),
                 "boot_args": line})
        if mem:
            self.ok("PUT", "/machine-config", {"vcpu_count": cpus, "mem_size_mib": mem})
        self.ok("PUT", "/actions", {"action_type": "InstanceStart"})

    def text(self):
        return self.out.read_text(errors="replace").replace("\r", "")

    def expect(self, word):
        self.wait_for(lambda: word in self.text())

    def send(self, command):
        self.expect("squib-ready")
        self.seen = len(self.text())
        self.process.stdin.write((command + "\n").encode())
        self.process.stdin.flush()

    def expect_end(self, code=0):
        """Waits for what was sent to end: what it printed."""
        end = re.compile(r"squib-end (\d+)\n")
        self.wait_for(lambda: end.search(self.text(), self.seen))
        match = end.search(self.text(), self.seen)
        said = "".join(
            line
            for line in self.text()[self.seen : match.start()].splitlines(True)
            if not LOG_LINE.match(line)
        )
        assert code is None or int(match[1]) == code, said
        return said

    def run(self, command, code=0):
        """Runs one line in a guest that takes COMMANDS: what it printed."""
        self.send(command)
        return self.expect_end(code)

    def resident_mib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) >> 10

    def metrics(self, path, group):
        """A group of counters, added up; without its times."""
        self.ok("PUT", "/actions", {"action_type": "FlushMetrics"})
        total = {}
        for line in path.read_text().splitlines():
            for name, value in json.loads(line)[group].items():
                if isinstance(value, int):
                    total[name] = total.get(name, 0) + value
        return total

    def wait(self, code=0):
        assert self.process.wait(PATIENCE_S) == code, self.text()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
