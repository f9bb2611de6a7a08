# SPDX-License-Identifier: Apache-2.0
"""Networks over TAPs, in a network namespace that each test makes."""

import hashlib
import json
import os
import random
import re
import subprocess
import threading
import time

import pytest

from apivm import COMMANDS, ApiVm
from linux import machine, pack

import netns  # of tools/, which linux has put in the path

pytestmark = pytest.mark.skipif(bool(netns.missing()), reason=netns.missing() or "")

MAC = "06:00:00:00:00:77"
HOST, GUEST = "172.31.0.1", "172.31.0.2"
UP = f"ip addr add {GUEST}/24 dev eth0\nip link set eth0 up\n"
TAP_FAILED = (
    "Could not create the network device: Open tap device failed: Error while creating "
    "ifreq structure: "
)


@pytest.fixture
def ns():
    try:
        space = netns.Namespace()
    except OSError as e:
        pytest.skip(str(e))
    yield space
    space.close()


@pytest.fixture
def run(squib_path, ns, tmp_path):
    """Runs a script in a guest inside the namespace to a good end."""
    started = []

    def go(kernel, script, *args, **options):
        initrd = pack(tmp_path / "rd", f"set -e\n{script}", "microvm" not in kernel.name)
        vm = machine.Machine(
            ns.wrap(squib_path, tmp_path),
            tmp_path,
            kernel,
            ["squib.test", "squib.cmd=/script"],
            initrd=initrd,
            args=args,
            **options,
        )
        started.append(vm)
        text = vm.end_well()
        assert "squib-guest: exit 0" in text, text
        return text

    yield go
    for vm in started:
        vm.kill()


@pytest.fixture
def api(squib_path, ns, tmp_path):
    vm = ApiVm(ns.wrap(squib_path, tmp_path), tmp_path)
    yield vm
    vm.kill()


def pattern(size):
    return random.Random(size).randbytes(size)


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Served(threading.Thread):
    """Calls serve(connection, *args) for the first client of a new port."""

    def __init__(self, ns, serve, *args):
        super().__init__(daemon=True)
        self.listener, self.port = ns.listener()
        self.serve, self.args, self.result = serve, args, None
        self.start()

    def run(self):
        connection, _ = self.listener.accept()
        with connection:
            connection.settimeout(machine.PATIENCE_S)
            self.result = self.serve(connection, *self.args)
        self.listener.close()

    def get(self):
        self.join(machine.PATIENCE_S)
        return self.result


def drain(connection):
    parts = []
    while part := connection.recv(1 << 18):
        parts.append(part)
    return b"".join(parts)


def test_a_guest_talks_to_its_host(run, ns, kernel):
    ns.tap("tap0", f"{HOST}/24")
    down = pattern(8 << 20)
    up = down[: 5 << 20]
    giver = Served(ns, lambda s: s.sendall(down))
    taker = Served(ns, drain)
    text = run(
        kernel,
        UP
        + f"""
        echo "address $(cat /sys/class/net/eth0/address)"
        echo "mtu $(cat /sys/class/net/eth0/mtu)"
        ping -c 2 -s 1400 {HOST}
        nc {HOST} {giver.port} </dev/null >/tmp/down
        echo "down $(sha256sum </tmp/down)"
        head -c {len(up)} /tmp/down | nc {HOST} {taker.port} >/dev/null
        """,
        *["--net", f"tap=tap0,mac={MAC},mtu=1492"],
        cpus=2,
    )
    assert f"address {MAC}" in text and "mtu 1492" in text
    assert "2 packets received" in text
    assert f"down {digest(down)}" in text
    assert digest(taker.get()) == digest(up)


# VERSION_1, EVENT_IDX and what a TAP can do: CSUM, GUEST_CSUM, MTU, MAC, the
# GUEST_ and HOST_ segments, MRG_RXBUF.
FEATURES = [0, 1, 3, 5, 7, 8, 10, 11, 12, 14, 15, 29, 32]


@pytest.mark.contract(41)
def test_the_guest_sees_what_a_tap_can_do(run, ns, fast_kernel):
    ns.tap("tap0", f"{HOST}/24")
    text = run(
        fast_kernel,
        "echo features $(cat /sys/bus/virtio/devices/virtio0/features)",
        *["--net", f"tap=tap0,mac={MAC},mtu=1492"],
    )
    bits = re.search("features ([01]+)", text)[1]
    assert [n for n, bit in enumerate(bits) if bit == "1"] == FEATURES


def test_each_interface_has_its_tap(run, ns, fast_kernel):
    for n in range(3):
        ns.tap(f"tap{n}", f"172.31.{n}.1/24")
    script = "".join(
        f"""
        ip addr add 172.31.{n}.2/24 dev eth{n}
        ip link set eth{n} up
        ping -c 1 -W 5 172.31.{n}.1
        echo "eth{n} $(cat /sys/class/net/eth{n}/address)"
        """
        for n in range(3)
    )
    text = run(fast_kernel, script, *["--net", "tap=tap0", "--net", "tap=tap1"],
               *["-n", "tap=tap2"])
    assert text.count("1 packets received") == 3
    addresses = re.findall(r"eth\d (06:00:[0-9a-f:]{11})\n", text)
    assert len(set(addresses)) == 3


def test_the_driver_can_go_and_come_back(run, ns, fast_kernel):
    ns.tap("tap0", f"{HOST}/24")
    text = run(
        fast_kernel,
        UP
        + f"""
        cd /sys/bus/virtio/drivers/virtio_net
        for n in 1 2 3; do
            ping -c 1 -W 5 {HOST}
            dd if=/dev/zero bs=64k count=20 2>/dev/null | nc {HOST} 9 || true
            echo virtio0 >unbind
            echo virtio0 >bind
            {UP}
        done
        ping -c 1 -W 5 {HOST}
        """,
        *["--net", "tap=tap0"],
    )
    assert text.count("1 packets received") == 4


def test_many_connections_at_once(run, ns, fast_kernel):
    """Both ways at the same time, with the guest as the server."""
    ns.tap("tap0", f"{HOST}/24")
    count, data = 8, pattern(1 << 20)
    echoed = []

    def echo(n):
        for _ in range(10 * machine.PATIENCE_S):
            try:
                s = ns.socket()
                s.connect((GUEST, 7000 + n))
                break
            except OSError:
                time.sleep(0.1)
        sender = threading.Thread(target=lambda: s.sendall(data), daemon=True)
        sender.start()
        got = b""
        while len(got) < len(data) and (part := s.recv(1 << 18)):
            got += part
        sender.join(machine.PATIENCE_S)
        s.close()
        echoed.append(digest(got))

    threads = [threading.Thread(target=echo, args=[n], daemon=True) for n in range(count)]
    for thread in threads:
        thread.start()
    run(
        fast_kernel,
        UP
        + "".join(f"nc -l -p {7000 + n} -e /bin/cat &\n" for n in range(count))
        + "wait\n",
        *["--net", "tap=tap0"],
        cpus=2,
    )
    for thread in threads:
        thread.join(machine.PATIENCE_S)
    assert echoed == [digest(data)] * count


# ---- through the API ----


def nic(name="eth0", tap="tap0", **more):
    return {"iface_id": name, "host_dev_name": tap, **more}


def boot(api, kernel, tmp_path):
    rd = pack(tmp_path / "rd", COMMANDS, "microvm" not in kernel.name)
    api.boot(kernel, rd)
    api.run(UP.replace("\n", ";"))


def speed_down(ns, api, size):
    """Bytes a second from the host to the guest, after the first of them."""
    giver = Served(ns, lambda s: s.sendall(bytes(size)))
    said = api.run(f"nc {HOST} {giver.port} </dev/null | (head -c {size // 4} >/dev/null; "
                   "cut -d' ' -f1 /proc/uptime; wc -c; cut -d' ' -f1 /proc/uptime)")
    began, count, ended = said.split()
    return int(count) / (float(ended) - float(began))


def speed_up(ns, api, size):
    def take(s):
        began, count = None, 0
        while part := s.recv(1 << 18):
            if began:
                count += len(part)
            else:
                size_of_burst[0] += len(part)
                if size_of_burst[0] > size // 4:
                    began = time.monotonic()
        return count / (time.monotonic() - began)

    size_of_burst = [0]
    taker = Served(ns, take)
    api.run(f"head -c {size} /dev/zero | nc {HOST} {taker.port} >/dev/null")
    return taker.get()


def is_reached(speed, ns, api, size, rate):
    """Whether some try of several is as fast: others disturb the rest."""
    return any(speed(ns, api, size) > rate for _ in range(8))


def is_kept(speed, ns, api, seconds, limit, burst):
    """So much takes its time, and in some try of several not much longer."""
    for _ in range(8):
        began = time.monotonic()
        rate = speed(ns, api, seconds * limit)
        # A full bucket is filled once more when it is found empty.
        assert time.monotonic() - began >= seconds - 2 * burst / limit
        if rate > 0.5 * limit:
            return True
    return False


def bandwidth(size, refill_ms):
    return {"bandwidth": {"size": size, "refill_time": refill_ms}}


def test_limits_hold_and_can_be_changed(api, ns, fast_kernel, tmp_path):
    ns.tap("tap0", f"{HOST}/24")
    limit = 1 << 20  # bytes a second, in buckets of half a second
    api.ok("PUT", "/network-interfaces/eth0",
           nic(rx_rate_limiter=bandwidth(limit // 2, 500)))
    boot(api, fast_kernel, tmp_path)
    assert is_reached(speed_up, ns, api, 16 << 20, 2 * limit)
    assert is_kept(speed_down, ns, api, 4, limit, limit // 2)

    api.ok("PATCH", "/network-interfaces/eth0",
           {"iface_id": "eth0", "rx_rate_limiter": bandwidth(0, 0),
            "tx_rate_limiter": bandwidth(limit // 2, 500)})
    assert is_reached(speed_down, ns, api, 16 << 20, 2 * limit)
    assert is_kept(speed_up, ns, api, 4, limit, limit // 2)

    shown = api.ok("GET", "/vm/config")["network-interfaces"][0]
    assert shown["rx_rate_limiter"] is None
    assert shown["tx_rate_limiter"]["bandwidth"]["size"] == limit // 2
    api.ok("PATCH", "/network-interfaces/eth0",
           {"iface_id": "eth0", "tx_rate_limiter": {"ops": {"size": 5, "refill_time": 500}}})
    shown = api.ok("GET", "/vm/config")["network-interfaces"][0]
    assert shown["tx_rate_limiter"]["bandwidth"]["size"] == limit // 2
    assert shown["tx_rate_limiter"]["ops"]["size"] == 5
    began = time.monotonic()
    api.run(f"ping -c 20 -i 0.01 {HOST}")
    assert time.monotonic() - began > 1
    fault = api.fault("PATCH", "/network-interfaces/eth1", {"iface_id": "eth1"})
    assert "Device not found" in fault


@pytest.mark.contract(27)
@pytest.mark.contract(41)
def test_frames_are_counted(api, ns, fast_kernel, tmp_path):
    for n in range(2):
        ns.tap(f"tap{n}", f"172.31.{n}.1/24")
        api.ok("PUT", f"/network-interfaces/eth{n}", 
               nic(f"eth{n}", f"tap{n}", guest_mac=f"{MAC[:-1]}{n}"))
    out = tmp_path / "metrics"
    out.touch()
    api.ok("PUT", "/metrics", {"metrics_path": str(out)})
    boot(api, fast_kernel, tmp_path)
    api.run(f"ping -c 5 -i 0.1 {HOST}")
    api.run("ip addr add 172.31.1.2/24 dev eth1; ip link set eth1 up; ping -c 1 172.31.1.1")
    one, two, both = (api.metrics(out, group) for group in ("net_eth0", "net_eth1", "net"))
    assert one["tx_packets_count"] >= 6 and one["rx_packets_count"] >= 6
    assert one["tx_count"] == one["tx_packets_count"]
    assert one["tx_bytes_count"] >= 5 * (12 + 14 + 20 + 8 + 56)
    assert one["tx_spoofed_mac_count"] == 0
    assert one["rx_tap_event_count"] > 0 and one["tx_queue_event_count"] > 0
    assert two["tx_packets_count"] > 0
    for name, value in both.items():
        assert value == one[name] + two[name], name
    api.run("ip link set eth0 down; ip link set eth0 address 06:00:00:00:00:99")
    api.run(f"ip link set eth0 up; ping -c 2 -i 0.1 {HOST}")
    assert api.metrics(out, "net_eth0")["tx_spoofed_mac_count"] >= 2


@pytest.mark.contract(29)
def test_a_pause_stops_frames(api, ns, fast_kernel, tmp_path):
    ns.tap("tap0", f"{HOST}/24")
    api.ok("PUT", "/network-interfaces/eth0", nic())
    out = tmp_path / "metrics"
    out.touch()
    api.ok("PUT", "/metrics", {"metrics_path": str(out)})
    boot(api, fast_kernel, tmp_path)
    api.run(f"ping -c 1 {HOST}")
    api.ok("PATCH", "/vm", {"state": "Paused"})
    before = api.metrics(out, "net_eth0")
    ping = [*ns.words(), "python3", "-c", f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(20): s.sendto(b"x", ("{GUEST}", 9))
"""]
    subprocess.run(ping, check=True)
    time.sleep(0.2)
    assert api.metrics(out, "net_eth0") == before
    api.ok("PATCH", "/vm", {"state": "Resumed"})
    api.run(f"ping -c 1 {HOST}")
    assert api.metrics(out, "net_eth0")["rx_packets_count"] > before["rx_packets_count"]


# ---- TAPs that cannot be had ----

NO_ADMIN = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"]


def refused(squib, *args):
    done = subprocess.run(
        [str(squib), "run", "--kernel", "k", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=300,
    )
    assert done.returncode != 0
    return done.stderr.decode()


def makes(name):
    return f"sudo ip tuntap add dev {name} mode tap user $USER && sudo ip link set {name} up"


@pytest.mark.contract(41)
def test_what_is_wrong_with_a_tap_is_said(squib_path, ns, tmp_path):
    squib = ns.wrap(squib_path, tmp_path)
    fault = refused(squib, "--net", "tap=nope")
    assert TAP_FAILED + "No such device (os error 19). Invalid TUN/TAP Backend" in fault
    assert f"There is no interface nope; to make it: {makes('nope')}" in fault

    ns.tap("many", None, "multi_queue")
    fault = refused(squib, "--net", "tap=many")
    assert TAP_FAILED + "Invalid argument (os error 22)" in fault
    assert "many has to be a TAP with one queue" in fault
    assert "has to be a TAP" in refused(squib, "--net", "tap=lo")

    fd = ns.hold(ns.tap("held"))
    fault = refused(squib, "--net", "tap=held")
    os.close(fd)
    assert TAP_FAILED + "Device or resource busy (os error 16)" in fault
    assert "Somebody else has held open" in fault and "ip tuntap add" in fault

    fault = refused(squib, "--net", "tap=a_name_of_16bytes")
    assert "Invalid interface name" in fault


def test_who_may_not_is_told(squib_path, ns, tmp_path):
    ns.tap("owned", None, "user", "12345")
    squib = ns.wrap(squib_path, tmp_path, *NO_ADMIN)
    fault = refused(squib, "--net", "tap=owned")
    assert TAP_FAILED + "Operation not permitted (os error 1)" in fault
    assert f"owned is another user's; after sudo ip link del owned: {makes('owned')}" in fault


def test_the_api_makes_a_tap_if_it_may(api, ns, squib_path, tmp_path):
    prefix = "Network config error: " + TAP_FAILED
    api.ok("PUT", "/network-interfaces/a", nic("a", "fresh"))
    assert "fresh" in ns.ip("link")
    assert "There was no interface fresh, so it was made" in api.text()
    api.ok("PUT", "/network-interfaces/a", nic("a", "fresh"))
    fault = api.fault("PUT", "/network-interfaces/b", nic("b", "fresh"))
    assert fault.startswith(prefix + "Device or resource busy (os error 16). Invalid TUN/TAP "
                            "Backend provided by fresh. Check our documentation on setting "
                            "up the network devices.")
    assert makes("NAME") in fault
    folder = tmp_path / "other"
    folder.mkdir()
    other = ApiVm(ns.wrap(squib_path, folder, *NO_ADMIN), folder)
    fault = other.fault("PUT", "/network-interfaces/a", nic("a", "nope"))
    other.kill()
    assert fault.startswith(prefix + "Operation not permitted (os error 1)")
    assert f"There is no interface nope; to make it: {makes('nope')}" in fault


def test_a_config_file_names_what_is_wrong(squib_path, ns, tmp_path, fast_kernel):
    ns.tap("many", None, "multi_queue")
    path = tmp_path / "vm.json"
    path.write_text(json.dumps({
        "boot-source": {"kernel_image_path": str(fast_kernel)},
        "drives": [],
        "network-interfaces": [nic("a", "many")],
    }))
    done = subprocess.run(
        [str(ns.wrap(squib_path, tmp_path)), "--no-api", "--config-file", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
    )
    assert done.returncode != 0
    assert TAP_FAILED + "Invalid argument (os error 22)" in done.stdout.decode()
    assert "has to be a TAP with one queue" in done.stdout.decode()
