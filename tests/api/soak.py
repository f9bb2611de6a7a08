# SPDX-License-Identifier: Apache-2.0
"""Many requests on many connections, some of them rude, while a guest runs:
nothing is lost and no memory grows. SOAK_REQUESTS sets how many."""

import os
import pathlib
import random
import socket
import threading
import time

import pytest

REQUESTS = int(os.environ.get("SOAK_REQUESTS", "10000"))
POLITE, RUDE = 7, 3
GROWTH_KIB = 1024


def resident_kib(pid):
    status = pathlib.Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    for line in status.read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    return None


def connect(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect(path)
    return sock


def read_answer(sock):
    got = b""
    while b"\r\n\r\n" not in got:
        more = sock.recv(4096)
        if not more:
            raise ConnectionError(got)
        got += more
    head, body = got.split(b"\r\n\r\n", 1)
    length = 0
    for line in head.split(b"\r\n"):
        if line.startswith(b"Content-Length: "):
            length = int(line[16:])
    while len(body) < length:
        body += sock.recv(4096)
    assert len(body) == length
    return int(head[9:12]), body


def put(path, body):
    return f"PUT {path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


EXCHANGES = [
    (b"GET / HTTP/1.1\r\n\r\n", 200),
    (b"GET /vm/config HTTP/1.1\r\n\r\n", 200),
    (b"GET /machine-config HTTP/1.1\r\n\r\n", 200),
    (b"GET /nothing HTTP/1.1\r\n\r\n", 400),
    (put("/machine-config", '{"vcpu_count":1,"mem_size_mib":128}'), 400),
    (put("/actions", '{"action_type":"FlushMetrics"}'), 204),
    (put("/drives/a", "x" * 3000), 400),
    (b"PATCH /vm HTTP/1.1\r\nContent-Length: 19\r\n\r\n" + b'{"state":"Resumed"}', 204),
]


class Client(threading.Thread):
    def __init__(self, path, count):
        super().__init__()
        self.path, self.count = path, count
        self.times = []
        self.failure = None

    def run(self):
        try:
            self.work()
        except Exception as failure:  # told by whoever joins
            self.failure = failure

    def work(self):
        sock = connect(self.path)
        for n in range(self.count):
            request, status = random.choice(EXCHANGES)
            began = time.monotonic()
            sock.sendall(request)
            got, _ = read_answer(sock)
            assert got == status, (request, got)
            if request.startswith(b"GET"):
                self.times.append(time.monotonic() - began)
            if n % 100 == 99:
                sock.close()
                sock = connect(self.path)


class RudeClient(threading.Thread):
    """Half-closes, dawdles, sends too much, sends noise, and goes."""

    def __init__(self, path, stop):
        super().__init__()
        self.path, self.stop = path, stop

    def run(self):
        while not self.stop.is_set():
            try:
                sock = connect(self.path)
                random.choice(
                    [self.half_close, self.dawdle, self.too_much, self.noise, self.leave]
                )(sock)
                sock.close()
            except OSError:
                time.sleep(0.001)

    def half_close(self, sock):
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)

    def dawdle(self, sock):
        for byte in b"PUT /mmds HTTP/1.1\r\nContent-Length: 100\r\n\r\n{":
            sock.sendall(bytes([byte]))
        time.sleep(0.02)

    def too_much(self, sock):
        sock.sendall(b"PUT /mmds HTTP/1.1\r\nContent-Length: 60000\r\n\r\n")
        sock.sendall(b"x" * 60000)

    def noise(self, sock):
        sock.sendall(bytes(random.randrange(256) for _ in range(2000)))

    def leave(self, sock):
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n" * 10)


def soak(path, count):
    stop = threading.Event()
    clients = [Client(path, count // POLITE + 1) for _ in range(POLITE)]
    rude = [RudeClient(path, stop) for _ in range(RUDE)]
    for thread in clients + rude:
        thread.start()
    for thread in clients:
        thread.join()
    stop.set()
    for thread in rude:
        thread.join()
    failures = [client.failure for client in clients if client.failure]
    assert not failures, failures
    return sorted(time_ for client in clients for time_ in client.times)


@pytest.mark.timeout(1200)
def test_soak(spawn, tmp_path):
    vmm = spawn("--metrics-path", tmp_path / "metrics", "--level", "Error",
                "--log-path", "/dev/null")
    vmm.boot()
    vmm.connection = None
    soak(vmm.sock, REQUESTS // 10)  # what is allocated once is allocated now
    before = resident_kib(vmm.process.pid)
    times = soak(vmm.sock, REQUESTS)
    after = resident_kib(vmm.process.pid)
    print(f"\n{REQUESTS} requests; GET p50 {times[len(times) // 2] * 1e3:.2f} ms, "
          f"p99 {times[len(times) * 99 // 100] * 1e3:.2f} ms; "
          f"memory {before} KiB, then {after} KiB")
    if before is not None:
        assert after - before < GROWTH_KIB
    assert vmm.get("/").json["state"] == "Running"


def test_what_a_process_costs_before_its_start(spawn):
    if resident_kib(os.getpid()) is None:
        pytest.skip("no /proc here")
    vmm = spawn()
    vmm.connection = None
    status = pathlib.Path(f"/proc/{vmm.process.pid}/status").read_text()
    kib = int(status.split("VmRSS:")[1].split()[0])
    cpu_ns = sum(int((task / "schedstat").read_text().split()[0])
                 for task in pathlib.Path(f"/proc/{vmm.process.pid}/task").iterdir())
    print(f"\nuntil the socket is there: {cpu_ns / 1e6:.1f} ms of CPU; resident: {kib} KiB")
    assert cpu_ns < 8_000_000
    assert kib <= 3 * 1024
