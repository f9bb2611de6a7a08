# SPDX-License-Identifier: Apache-2.0
"""vsock: programs of the guest and of the host talk, whatever either does."""

import concurrent.futures
import json
import os
import pathlib
import random
import socket
import threading
import time
import zlib

import pytest

import unix
from linux import KERNELS, compile_program, machine, pack

FIRST_PORT = 1 << 30
MIB = 1 << 20


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    return compile_program("vsock", tmp_path_factory.mktemp("vsock"))


@pytest.fixture
def path(tmp_path):
    """Of a guest's socket."""
    return str(tmp_path / "v.sock")


@pytest.fixture
def guest(start, fast_kernel, program, path):
    """Starts a guest that runs a script: it and the path of its socket."""

    def run(script, kernel=None, args=()):
        pathlib.Path(path).unlink(missing_ok=True)
        vm = start(
            kernel or fast_kernel,
            script,
            "--vsock",
            path,
            *args,
            programs=[program],
            cpus=2,
        )
        return vm, path

    return run


def read_one(s):
    """A byte, or nothing: a socket closed with something unread is reset."""
    try:
        return s.recv(1)
    except ConnectionResetError:
        return b""


def call(path, port, line=None):
    """A connection to the guest's port, and the port it got itself."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(machine.PATIENCE_S)
    s.connect(path)
    s.sendall(line or b"CONNECT %d\n" % port)
    answer = b""
    while not answer.endswith(b"\n"):
        got = read_one(s)
        if not got:
            s.close()
            return None, None
        answer += got
    word, number = answer.split()
    assert word == b"OK"
    return s, int(number)


def listen(path, port, backlog=128):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(machine.PATIENCE_S)
    s.bind(f"{path}_{port}")
    s.listen(backlog)
    return s


def accept(server):
    s = server.accept()[0]
    s.settimeout(machine.PATIENCE_S)
    return s


def read_all(s):
    data = bytearray()
    while True:
        got = s.recv(65536)
        if not got:
            return bytes(data)
        data += got


def read_exactly(s, size):
    data = bytearray()
    while len(data) < size:
        got = s.recv(min(65536, size - len(data)))
        assert got, f"{len(data)} of {size} bytes came"
        data += got
    return bytes(data)


def echoes(s, size, seed):
    """Sends bytes while it reads them back: are they the same?"""
    data = random.Random(seed).randbytes(size)
    sender = threading.Thread(target=s.sendall, args=(data,))
    sender.start()
    got = read_exactly(s, size)
    sender.join()
    s.close()
    return zlib.crc32(got) == zlib.crc32(data)


def serve_echo(server, count):
    """Echoes to so many connections, all at a time."""

    def one(s):
        while True:
            data = s.recv(65536)
            if not data:
                break
            s.sendall(data)
        s.close()

    threads = []
    for _ in range(count):
        threads.append(threading.Thread(target=one, args=(accept(server),)))
        threads[-1].start()
    for thread in threads:
        thread.join()


def shown(vm, what):
    match = vm.expect(rf"vsock: {what} (\d+) ([0-9a-f]{{8}})\r?\n")
    return int(match[1]), int(match[2], 16)


def is_what(data, pair):
    return (len(data), zlib.crc32(data)) == pair


@pytest.mark.contract(34)
def test_both_sides_call_with_every_kernel(guest, path, kernel):
    server = listen(path, 53)
    vm, _ = guest("vsock echo 52 &\nvsock send 53 1 300000\nwait", kernel=kernel)
    vm.expect("listening on 52")
    serve_echo(server, 1)
    vm.expect("1 of 1 came back")
    s, port = call(path, 52)
    assert port == FIRST_PORT
    assert echoes(s, 300000, 1)
    vm.kill()


@pytest.mark.contract(34)
def test_50_echoes_at_a_time_called_by_the_host(guest):
    vm, path = guest("vsock echo 52")
    vm.expect("listening on 52")
    made = [call(path, 52) for _ in range(50)]
    assert [port for _, port in made] == [FIRST_PORT + n for n in range(50)]
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        jobs = [
            pool.submit(echoes, s, 200000, n) for n, (s, _) in enumerate(made)
        ]
        assert all(job.result() for job in jobs)
    vm.kill()


@pytest.mark.contract(34)
def test_50_echoes_at_a_time_called_by_the_guest(guest, path):
    server = listen(path, 53)
    vm, _ = guest("vsock send 53 50 200000")
    serve_echo(server, 50)
    vm.expect("50 of 50 came back")
    vm.end_well()


def test_large_transfers_with_a_slow_reader_in_the_guest(guest):
    vm, path = guest("vsock sink 52 2")
    vm.expect("listening on 52")
    s, _ = call(path, 52)
    data = random.Random(2).randbytes(8 * MIB)
    s.sendall(data)
    s.close()
    assert is_what(data, shown(vm, "got"))
    vm.end_well()


def test_large_transfers_with_a_slow_reader_on_the_host(guest, path):
    server = listen(path, 53)
    vm, _ = guest(f"vsock pour 53 {8 * MIB}; vsock echo 52")
    s = accept(server)
    data = bytearray()
    while True:
        got = s.recv(30000)
        if not got:
            break
        data += got
        time.sleep(0.002)
    assert is_what(data, shown(vm, "sent"))
    vm.kill()


def test_a_guest_with_little_under_way_is_not_left_waiting(guest, path):
    """Linux sends no more ahead than its own buffer has, whatever squib has."""
    server = listen(path, 53)
    vm, _ = guest(f"vsock trickle 53 {MIB} 65536; vsock trickle 53 99999 3000")
    for _ in range(2):
        s = accept(server)
        assert is_what(read_all(s), shown(vm, "sent"))
        s.close()
    vm.end_well()


def test_halves_end_one_by_one(guest, path):
    server = listen(path, 53)
    vm, _ = guest("vsock half 53 500000; vsock serve 52 500000")
    s = accept(server)
    got = read_all(s)
    assert is_what(got, shown(vm, "sent"))
    reply = random.Random(3).randbytes(400000)
    s.sendall(reply)
    s.close()
    assert is_what(reply, shown(vm, "got"))
    vm.expect("listening on 52")
    s, _ = call(path, 52)
    s.sendall(reply)
    s.shutdown(socket.SHUT_WR)
    assert is_what(read_all(s), shown(vm, "sent"))
    assert is_what(reply, shown(vm, "got"))
    vm.end_well()


@pytest.mark.contract(34)
def test_nobody_listens(guest, tmp_path):
    """Not on the host, where one name is no socket, and not in the guest."""
    (tmp_path / "v.sock_97").touch()
    vm, path = guest("vsock connect 99; vsock connect 97; vsock echo 52")
    vm.expect("vsock: Connection reset by peer")
    vm.expect("vsock: Connection reset by peer")
    vm.expect("listening on 52")
    assert call(path, 98) == (None, None)
    s, _ = call(path, 52)
    assert echoes(s, 1000, 1)
    vm.kill()


def test_the_line_comes_in_one_piece_or_not_at_all(guest):
    vm, path = guest("vsock echo 52")
    vm.expect("listening on 52")
    for line in (b"connect 52\n", b"Connect 52\r\n", b"CONNECT 00000052\n"):
        s, _ = call(path, 52, line)
        assert echoes(s, 100, 1)
    for line in (b"CONNECT\n52", b"CONNECT 5x2\n", b"GET / HTTP/1.1\r\n", b"CONNECT 52 "):
        assert call(path, 52, line) == (None, None)
    assert call(path, 52, b"CONNECT " + b"0" * 30 + b"52\n") == (None, None)
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.settimeout(machine.PATIENCE_S)
    s.sendall(b"CONNE")
    assert read_one(s) == b""
    s, _ = call(path, 52, b"CONNECT 52\nearly")
    assert read_exactly(s, 5) == b"early"
    vm.kill()


def test_what_is_said_before_the_driver_is_there_waits(guest):
    vm, path = guest("vsock echo 52")
    s = unix.connect(path)
    s.sendall(b"CONNECT 52\nearly")
    # the driver is there long before anybody listens: turned away, no text
    assert read_one(s) == b""
    vm.expect("listening on 52")
    assert call(path, 52)[1] == FIRST_PORT + 1
    vm.kill()


@pytest.mark.contract(34)
def test_the_host_goes_while_the_guest_sends(guest, path):
    server = listen(path, 53)
    vm, _ = guest("vsock flood 53; vsock echo 52")
    s = accept(server)
    read_exactly(s, MIB)
    s.close()
    vm.expect("flood: (Broken pipe|Connection reset by peer)")
    vm.expect("listening on 52")
    s, _ = call(path, 52)
    assert echoes(s, 1000, 1)
    vm.kill()


@pytest.mark.contract(34)
def test_there_are_1023_connections(guest, path):
    server = listen(path, 53, 2000)
    vm, _ = guest("vsock hold 53 1100")
    vm.expect("1023 connections: Connection reset by peer")
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.settimeout(machine.PATIENCE_S)
    assert s.recv(1) == b""
    accept(server).close()
    vm.expect("vsock: ended")
    vm.end_well()


@pytest.fixture
def api_guest(api, fast_kernel, program, tmp_path):
    """A guest behind the API whose echo server is there: its socket."""
    path = str(tmp_path / "v.sock")
    is_debian = fast_kernel == KERNELS["debian"]
    rd = pack(tmp_path / "rd", "vsock echo 52", is_debian, [program])
    api.ok("PUT", "/vsock", {"guest_cid": 7, "uds_path": path})
    api.ok("PUT", "/metrics", {"metrics_path": str(tmp_path / "metrics")})
    assert api.ok("GET", "/vm/config")["vsock"] == {"guest_cid": 7, "uds_path": path}
    api.boot(fast_kernel, rd, mem=256, cpus=2)
    api.expect("listening on 52")
    return path


def counts(api, tmp_path):
    """All metrics since the last time."""
    api.ok("PUT", "/actions", {"action_type": "FlushMetrics"})
    return json.loads((tmp_path / "metrics").read_text().splitlines()[-1])


@pytest.mark.contract(34)
def test_a_pause_keeps_connections(api, api_guest, tmp_path):
    s, port = call(api_guest, 52)
    s.sendall(b"before")
    assert read_exactly(s, 6) == b"before"
    api.ok("PATCH", "/vm", {"state": "Paused"})
    s.sendall(b"during")
    s.settimeout(0.3)
    with pytest.raises(TimeoutError):
        s.recv(1)
    api.ok("PATCH", "/vm", {"state": "Resumed"})
    s.settimeout(machine.PATIENCE_S)
    assert read_exactly(s, 6) == b"during"
    assert call(api_guest, 52)[1] == port + 1
    vsock = counts(api, tmp_path)["vsock"]
    assert vsock["rx_bytes_count"] == vsock["tx_bytes_count"] == 12
    assert vsock["conns_added"] == 2


def test_many_clients_that_go_in_the_middle(api, api_guest, tmp_path):
    """They say much, read nothing and are gone: a signal each, and no harm."""
    for _ in range(3):
        clients = [call(api_guest, 52)[0] for _ in range(40)]
        for s in clients:
            s.setblocking(False)
            while True:
                try:
                    s.send(bytes(65536))
                except BlockingIOError:
                    break
        for s in clients:
            s.close()
    s, _ = call(api_guest, 52)
    assert echoes(s, 300000, 1)
    seen = counts(api, tmp_path)
    assert seen["signals"]["sigpipe"] > 0
    assert seen["vsock"]["conns_added"] == 121
    removed = seen["vsock"]["conns_removed"]
    for _ in range(2400):
        if removed == 121:
            return
        time.sleep(0.05)
        removed += counts(api, tmp_path)["vsock"]["conns_removed"]
    raise AssertionError(f"{121 - removed} connections are still there")


def test_a_socket_file_in_the_way(api, squib_path, start, fast_kernel, tmp_path):
    """Upstream's words for programs; for people a dead one is no obstacle."""
    path = str(tmp_path / "v.sock")
    live = socket.socket(socket.AF_UNIX)
    live.bind(path)
    live.listen(1)
    assert api.fault("PUT", "/vsock", {"guest_cid": 3, "uds_path": path}) == (
        "Vsock config error: Cannot create backend for vsock device: Error binding "
        "to the host-side Unix socket: Address already in use (os error 98)"
    )
    vm = start(fast_kernel, "true", "--vsock", path)
    code, err = vm.wait()
    assert code and f"--vsock {path}" in err and "Address already in use" in err
    live.close()
    vm = start(fast_kernel, "true", "--vsock", f"{path},cid=9")
    vm.end_well()
    assert os.path.exists(path)
