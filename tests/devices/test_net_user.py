# SPDX-License-Identifier: Apache-2.0
"""The network without root: `user:`, with a real guest behind it."""

import concurrent.futures
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from apivm import COMMANDS, ApiVm
from linux import KERNELS, SQUIB, compile_program, machine, pack
from nethost import (DHCP, PATIENCE_S, Files, Server, Taker, ask, digest, free_port,
                     pattern, read_all)

# They share their guest, so one worker gets them all.
pytestmark = pytest.mark.xdist_group("net_user")

MIB = 1 << 20
GATEWAY = "10.0.2.2"

# Linux names the gateway of IPv6 by a link-local address: it is reached by the
# one that is the host's.
GATEWAY6 = "fec0::2"


def guest(folder, kernel):
    """An initial RAM disk with whose guest one can talk once it has an address."""
    return pack(folder / "rd", DHCP + COMMANDS, kernel == KERNELS["debian"],
                [compile_program("udp", folder)])


def boot(folder, kernel, host_dev_name, squib=SQUIB):
    vm = ApiVm(squib, folder)
    try:
        vm.ok("PUT", "/network-interfaces/eth0",
              {"iface_id": "eth0", "host_dev_name": host_dev_name,
               "guest_mac": "06:00:ac:10:00:02"})
        vm.boot(kernel, guest(folder, kernel), mem=256)
        vm.expect("squib-ready")
    except BaseException:
        vm.kill()
        raise
    return vm


@pytest.fixture(scope="module")
def ports():
    kinds = {"web": socket.SOCK_STREAM, "echo": socket.SOCK_STREAM,
             "udp": socket.SOCK_DGRAM}
    return {name: free_port(kind) for name, kind in kinds.items()}


@pytest.fixture(scope="module")
def vm(tmp_path_factory, fast_kernel, ports):
    """One guest for all: 80 and 7 of TCP and 53 of UDP are forwarded to it."""
    vm = boot(tmp_path_factory.mktemp("net"), fast_kernel,
              f"user:tcp={ports['web']}:80,tcp=127.0.0.1:{ports['echo']}:7,"
              f"udp={ports['udp']}:53")
    vm.run("mkdir -p /tmp/www && cd /tmp && httpd -p 80 -h /tmp/www")
    yield vm
    vm.kill()


def test_the_address_comes_by_dhcp(vm):
    assert "10.0.2.15/24" in vm.run("ip addr show eth0")
    assert "default via 10.0.2.2" in vm.run("ip route")
    assert "nameserver 10.0.2.3" in vm.run("cat /etc/resolv.conf")


def test_the_gateway_answers_ping(vm):
    assert " 0% packet loss" in vm.run(f"ping -c 3 -i 0.1 {GATEWAY}")


def test_files_come_from_the_host(vm):
    data = pattern(20 * MIB)
    with Files({"/big": data}) as host:
        assert digest(data) in vm.run(
            f"wget -q -O - http://{GATEWAY}:{host.port}/big | sha256sum")


def test_files_go_to_the_host(vm):
    with Taker() as host:
        said = vm.run(
            "head -c 10000000 /dev/urandom >/tmp/up && sha256sum /tmp/up && "
            f"nc {GATEWAY} {host.port} </tmp/up")
        taken = host.get()
    assert len(taken) == 10_000_000
    assert digest(taken) in said


def test_a_small_mtu_is_respected(vm):
    data = pattern(MIB)
    with Files({"/big": data}) as host:
        vm.run("ip link set eth0 mtu 700")
        assert digest(data) in vm.run(
            f"wget -q -O - http://{GATEWAY}:{host.port}/big | sha256sum")
        vm.run("ip link set eth0 mtu 1500")


def test_ipv6_reaches_the_host(vm):
    """By an address that the router announces."""
    vm.run("for n in $(seq 600); do ip -6 addr show dev eth0 | grep -q fec0: && "
           "break; sleep 0.2; done; ip -6 addr show dev eth0 | grep fec0:")
    assert " 0% packet loss" in vm.run(f"ping6 -c 2 -i 0.1 {GATEWAY6}")


def test_a_forwarded_port_reaches_the_guest(vm, ports):
    data = vm.run("head -c 1000000 /dev/urandom >/tmp/www/down; "
                  "sha256sum /tmp/www/down")
    got = ask(ports["web"], b"GET /down HTTP/1.0\r\n\r\n")
    assert got.startswith(b"HTTP/1."), got[:100]
    assert digest(got.partition(b"\r\n\r\n")[2]) in data


def until_bound(protocol, port):
    """Until a program of the guest has this port."""
    return f"until grep -q ':{port:04X} ' /proc/net/{protocol}*; do sleep 0.1; done"


def test_much_goes_through_a_forward_both_ways(vm, ports):
    vm.run("nc -ll -p 7 -e cat >/dev/null 2>&1 & " + until_bound("tcp", 7))
    data = pattern(3 * MIB, 2)
    with socket.create_connection(("127.0.0.1", ports["echo"]), PATIENCE_S) as s:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            sent = pool.submit(lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)))
            got = read_all(s)
            sent.result()
    assert digest(got) == digest(data)


def test_udp_is_forwarded_and_answered(vm, ports):
    vm.run("udp echo 53 & " + until_bound("udp", 53))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(PATIENCE_S)
        s.connect(("127.0.0.1", ports["udp"]))
        s.send(b"who is there?")
        assert s.recv(100) == b"who is there?"


def test_udp_fragments_arrive(vm):
    """A datagram larger than the guest's MTU."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        s.settimeout(PATIENCE_S)
        vm.run(f"udp send {GATEWAY} {s.getsockname()[1]} 8000")
        assert s.recv(20000) == b"x" * 8000


def test_many_connections_at_once(vm, ports):
    files = {f"/{n}": pattern(100_000, n) for n in range(50)}
    with Files(files) as host:
        said = vm.run(
            "mkdir -p /tmp/many && pids= && for n in $(seq 0 49); do "
            f"wget -q -O /tmp/many/$n http://{GATEWAY}:{host.port}/$n & "
            'pids="$pids $!"; done; wait $pids; '
            "cd /tmp/many && sha256sum *; cd /tmp")
    for n in range(50):
        assert f"{digest(files[f'/{n}'])}  {n}\n" in said
    whole = digest(ask(ports["web"], b"GET /down HTTP/1.0\r\n\r\n")
                   .partition(b"\r\n\r\n")[2])
    # As many as the guest's server lets wait.
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for got in pool.map(
            lambda _: ask(ports["web"], b"GET /down HTTP/1.0\r\n\r\n"), range(50)):
            assert digest(got.partition(b"\r\n\r\n")[2]) == whole


def test_a_connection_the_host_refuses_is_refused(vm):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))  # and does not listen
        port = s.getsockname()[1]
        said = vm.run(f"wget -O - http://{GATEWAY}:{port}/", code=1)
    assert "refused" in said


def test_a_connection_the_guest_refuses_ends(vm, ports):
    """A forward takes it, and hears then that nobody listens in the guest."""
    vm.run("killall nc; true")
    with socket.create_connection(("127.0.0.1", ports["echo"]), PATIENCE_S) as s:
        s.settimeout(PATIENCE_S)
        try:
            assert s.recv(10) == b""
        except ConnectionResetError:
            pass


def test_killed_connections_end_and_others_go_on(vm):
    def cut(s):
        s.recv(1000)
        s.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 1000000\r\n\r\n" + bytes(50000))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()

    begun, ended = threading.Event(), threading.Event()

    def hold(s):
        s.recv(1000)
        begun.set()
        try:
            while True:
                s.sendall(bytes(100000))
        except OSError:
            ended.set()

    with Server(cut) as cutter, Server(hold) as holder:
        vm.run(f"timeout 240 wget -q -O /dev/null http://{GATEWAY}:{cutter.port}/", code=1)
        vm.run(f"(echo hello; exec sleep 1000) | nc {GATEWAY} {holder.port} "
               ">/dev/null & true")
        assert begun.wait(PATIENCE_S)
        vm.run("killall -9 nc; killall sleep")
        assert ended.wait(PATIENCE_S)
    test_the_gateway_answers_ping(vm)


def test_connections_outlive_a_pause(vm):
    data = pattern(2 * MIB, 3)
    gate = threading.Event()

    def serve(s):
        s.recv(1000)
        s.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + data[:MIB])
        gate.wait(PATIENCE_S)
        s.sendall(data[MIB:])

    with Server(serve) as host:
        vm.send(f"wget -q -O - http://{GATEWAY}:{host.port}/ | sha256sum")
        time.sleep(0.5)
        vm.ok("PATCH", "/vm", {"state": "Paused"})
        gate.set()
        time.sleep(1.5)
        vm.ok("PATCH", "/vm", {"state": "Resumed"})
        vm.expect(digest(data))
    vm.run("true", code=None)


def test_an_idle_guest_costs_nothing(vm):
    def cpu_ticks():
        fields = pathlib.Path(f"/proc/{vm.process.pid}/stat").read_text().split()
        return int(fields[13]) + int(fields[14])

    with Server(lambda s: s.recv(10)) as host:
        vm.run(f"(sleep 60 | nc {GATEWAY} {host.port} >/dev/null) & sleep 1")
        for _ in range(20):  # others may disturb
            before = cpu_ticks()
            time.sleep(2)
            spent = cpu_ticks() - before
            if spent <= 0.2 * os.sysconf("SC_CLK_TCK"):
                return
    raise AssertionError(f"{spent} ticks in 2 s")


# What answers names: any name has one address.
NAMES = """
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 53))
open("READY", "w").close()
while True:
    query, peer = s.recvfrom(512)
    end = query.index(b"\\0", 12) + 5
    kind = struct.unpack(">H", query[end - 4 : end - 2])[0]
    answer = b"\\xc0\\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([192, 0, 2, 7])
    count = 1 if kind == 1 else 0
    head = query[:2] + struct.pack(">HHHHH", 0x8180, 1, count, 0, 0)
    s.sendto(head + query[12:end] + answer * count, peer)
"""


def test_names_are_resolved(tmp_path, fast_kernel):
    """By whom the host asks: in a name space that has a resolver of its own."""
    flags = [] if os.getuid() == 0 else ["-r"]
    if subprocess.run(["unshare", *flags, "-nm", "true"], check=False).returncode:
        pytest.skip("this host gives no name spaces")
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    ready = tmp_path / "ready"
    (tmp_path / "names.py").write_text(NAMES.replace("READY", str(ready)))
    wrapper = tmp_path / "squib"
    wrapper.write_text(f"""#!/bin/sh
ip link set lo up
mount --bind {tmp_path}/resolv.conf /etc/resolv.conf || exit 1
{sys.executable} {tmp_path}/names.py &
names=$!
while [ ! -e {ready} ] && kill -0 $names; do sleep 0.1; done
{SQUIB} "$@"
code=$?
kill $names
exit $code
""")
    outer = tmp_path / "outer"
    outer.write_text(f'#!/bin/sh\nexec unshare {" ".join(flags)} -nm sh {wrapper} "$@"\n')
    outer.chmod(0o755)
    vm = boot(tmp_path, fast_kernel, "user:", squib=outer)
    try:
        assert "192.0.2.7" in vm.run("nslookup some.where.example 10.0.2.3", code=None)
    finally:
        vm.send("exit")
        vm.process.wait(PATIENCE_S)
        vm.kill()


def test_nobody_in_particular_can_use_it(fast_kernel):
    """squib runs as a user without any rights."""
    if os.getuid() != 0:
        pytest.skip("the whole suite runs without root already")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="squib-nobody-"))
    try:
        os.chown(folder, 65534, 65534)
        shutil.copy(SQUIB.resolve(), folder / "squib.bin")
        wrapper = folder / "squib"
        wrapper.write_text(
            "#!/bin/sh\nexec setpriv --reuid 65534 --regid 65534 --clear-groups "
            f'--bounding-set=-all --inh-caps=-all --no-new-privs {folder}/squib.bin "$@"\n')
        wrapper.chmod(0o755)
        kernel = folder / "kernel"
        shutil.copy(fast_kernel, kernel)
        initrd = guest(folder, fast_kernel)
        for file in folder.iterdir():
            file.chmod(0o755)
        port = free_port()
        with Files({"/x": b"from the host"}) as host:
            vm = machine.Machine(
                wrapper, folder, kernel, ["squib.test", "squib.cmd=/script"],
                initrd=initrd, stdin="pipe", args=["--net", f"user:tcp={port}:80"])
            try:
                vm.expect("squib-ready")
                status = pathlib.Path(f"/proc/{vm.process.pid}/status").read_text()
                assert "Uid:\t65534" in status and "CapEff:\t0000000000000000" in status
                vm.type(f"wget -q -O - http://{GATEWAY}:{host.port}/x\n")
                vm.expect("from the host(.|\n)*squib-end 0")
                vm.type("echo from the guest >/tmp/x; httpd -p 80 -h /tmp\n")
                vm.expect("squib-end 0")
                assert b"from the guest" in ask(port, b"GET /x HTTP/1.0\r\n\r\n")
            finally:
                vm.kill()
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    "forwards, why",
    [
        ("8080:80", "'8080:80' is no forward"),
        ("tcp=80", "does not name a port of the host and one of the guest"),
        ("tcp=99999:80", "ports are numbers from 1 to 65535"),
        ("tcp=localhost:8080:80", "IPv4 address"),
        ("tcp=8080:80,", "'' is no forward"),
        ("x" * 5000, "is no forward"),
    ],
)
def test_what_is_no_forward_is_explained(tmp_path, forwards, why):
    vm = ApiVm(SQUIB, tmp_path)
    try:
        said = vm.fault("PUT", "/network-interfaces/eth0",
                        {"iface_id": "eth0", "host_dev_name": "user:" + forwards})
        assert why in said and "user:tcp=8080:80" in said
    finally:
        vm.kill()
    done = subprocess.run([SQUIB, "run", "--kernel", "/none", "--net", "user:" + forwards],
                          capture_output=True, text=True, check=False)
    assert done.returncode != 0 and why in done.stderr


def test_a_port_that_is_taken_is_named(tmp_path):
    vm = ApiVm(SQUIB, tmp_path)
    nic = {"iface_id": "eth0", "host_dev_name": ""}
    try:
        with Server(lambda s: None) as host:
            nic["host_dev_name"] = f"user:tcp={host.port}:80"
            said = vm.fault("PUT", "/network-interfaces/eth0", nic)
            assert f"port {host.port} of 127.0.0.1 (tcp)" in said
            assert "in use" in said
        vm.ok("PUT", "/network-interfaces/eth0", nic)
        vm.ok("PUT", "/network-interfaces/eth0", nic)  # its own is not in the way
    finally:
        vm.kill()
