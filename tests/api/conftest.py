# SPDX-License-Identifier: Apache-2.0
"""squib behind its API socket, as a client sees it."""

import json
import os
import pathlib
import re
import subprocess
import sys
import time

import pytest

from swagger import Swagger

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "cli"))

import guests  # noqa: E402
from unix import Connection  # noqa: E402

SPEC = pathlib.Path(__file__).with_name("firecracker-api.yaml")


@pytest.fixture(scope="session")
def swagger():
    yaml = pytest.importorskip("yaml")
    return Swagger(yaml.safe_load(SPEC.read_text()))


@pytest.fixture(scope="session")
def squib_path():
    path = pathlib.Path(os.environ.get("SQUIB", ROOT / "build" / "squib"))
    if not path.is_file():
        pytest.fail("there is no squib to test: build it, or set SQUIB")
    return path.resolve()


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()
        self.json = json.loads(self.text) if self.text else None

    @property
    def fault(self):
        assert self.status in (400, 413), self
        assert list(self.json) == ["fault_message"], self
        return self.json["fault_message"]

    @property
    def deprecated(self):
        return self.headers.get("Deprecation") == "true"

    def __repr__(self):
        return f"{self.status} {self.text}"


class Vmm:
    """A squib process and a connection to it."""

    def __init__(self, squib, folder, args, swagger):
        self.folder = folder
        self.sock = str(folder / "api.sock")
        self.swagger = swagger
        self.out = open(folder / "out", "w+b")
        self.process = subprocess.Popen(
            [str(squib), "--api-sock", self.sock, *map(str, args)],
            stdin=subprocess.DEVNULL,
            stdout=self.out,
            stderr=subprocess.STDOUT,
        )
        self.connection = None
        self.wait_for(lambda: os.path.exists(self.sock) or self.process.poll() is not None)

    def wait_for(self, condition, seconds=guests.PATIENCE_S):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"waited in vain:\n{self.log()}"
            time.sleep(0.005)

    def log(self):
        return pathlib.Path(self.folder / "out").read_text(errors="replace")

    def raw(self):
        connection = Connection(self.sock)
        connection.connect()
        return connection.sock

    def request(self, method, path, body=None, check=True):
        """body: a value, or a string that is sent as it is."""
        if self.connection is None:
            self.connection = Connection(self.sock)
        text = body if isinstance(body, (str, type(None))) else json.dumps(body)
        self.connection.request(method, path, body=text)
        answer = Answer(self.connection.getresponse())
        if check and self.swagger.operation(method, path):
            self.swagger.check_response(method, path, answer.status, answer.json)
            if answer.status < 300 and not isinstance(body, str):
                self.swagger.check_request(method, path, body)
        return answer

    def get(self, path, body=None):
        return self.request("GET", path, body)

    def put(self, path, body=None):
        return self.request("PUT", path, body)

    def patch(self, path, body=None):
        return self.request("PATCH", path, body)

    def delete(self, path, body=None):
        return self.request("DELETE", path, body)

    def ok(self, method, path, body=None):
        answer = self.request(method, path, body)
        assert answer.status == 204 and answer.text == "", answer
        return answer

    def boot(self, *code, args="console=ttyAMA0"):
        """Starts a guest of these instructions."""
        kernel = self.folder / "Image"
        kernel.write_bytes(guests.image(*code) if code else idle_guest())
        self.ok("PUT", "/boot-source", {"kernel_image_path": str(kernel), "boot_args": args})
        self.ok("PUT", "/actions", {"action_type": "InstanceStart"})

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.out.close()
        for word in ("AddressSanitizer", "runtime error:", r"\bBUG\b"):
            assert not re.search(word, self.log()), self.log()


def idle_guest():
    return guests.image(guests.uart(), guests.say("up\n"), guests.WFI, guests.branch(-1))


@pytest.fixture
def spawn(squib_path, tmp_path, swagger):
    running = []

    def start(*args):
        folder = tmp_path / str(len(running))
        folder.mkdir()
        vmm = Vmm(squib_path, folder, args, swagger)
        running.append(vmm)
        return vmm

    yield start
    for vmm in running:
        vmm.end()


@pytest.fixture
def vmm(spawn):
    return spawn()
