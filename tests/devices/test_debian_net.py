# SPDX-License-Identifier: Apache-2.0
"""Networks under Debian's own tools in the guest, over a TAP and over `user:`:
iperf3, both ways, and curl for the metadata.

They come from Debian's root file system (tools/debian-rootfs), which is only
read; without it the tests are skipped.
"""

import re
import shutil
import subprocess

import pytest

from apivm import COMMANDS, ApiVm
from linux import DEBIAN, DEBIAN_PROGRAMS, KERNELS, find, pack
from nethost import DHCP, free_port

import netns  # of tools/, which linux has put in the path

HOST, GUEST = "172.31.0.1", "172.31.0.2"
STATIC = f"ip link set lo up\nip addr add {GUEST}/24 dev eth0\nip link set eth0 up\n"
MMDS = "169.254.169.254"


class Link:
    """The guest's network, and what runs on the host's side of it."""

    def __init__(self, kind):
        self.kind, self.space = kind, None
        if kind == "tap":
            if netns.missing():
                pytest.skip(netns.missing())
            try:
                self.space = netns.Namespace()
            except OSError as e:
                pytest.skip(str(e))
            self.space.tap("tap0", f"{HOST}/24")
        self.host = HOST if self.space else "10.0.2.2"
        self.nic = "tap0" if self.space else "user:"
        self.up = STATIC if self.space else DHCP

    def words(self):
        return self.space.words() if self.space else []

    def squib(self, path, folder):
        return self.space.wrap(path, folder) if self.space else path

    def close(self):
        if self.space:
            self.space.close()


@pytest.fixture(params=["user", "tap"])
def link(request):
    given = Link(request.param)
    yield given
    given.close()


@pytest.fixture
def vm(link, squib_path, fast_kernel, tmp_path):
    """A guest on the link, with metadata, that has Debian's programs."""
    api = ApiVm(link.squib(squib_path, tmp_path), tmp_path)
    try:
        api.ok("PUT", "/drives/debian",
               {"drive_id": "debian", "path_on_host": str(find(DEBIAN, "Debian")),
                "is_root_device": False, "is_read_only": True})
        api.ok("PUT", "/network-interfaces/eth0",
               {"iface_id": "eth0", "host_dev_name": link.nic})
        api.ok("PUT", "/mmds/config",
               {"version": "V2", "network_interfaces": ["eth0"]})
        api.ok("PUT", "/mmds", {"names": {"first": "squib", "second": ["a", 2]}})
        script = DEBIAN_PROGRAMS + link.up + COMMANDS
        rd = pack(tmp_path / "rd", script, fast_kernel == KERNELS["debian"])
        api.boot(fast_kernel, rd, mem=256, cpus=2)
        api.expect("squib-ready")
        yield api
    finally:
        api.kill()


@pytest.fixture
def iperf(link):
    """iperf3's server on the host: its port."""
    if not shutil.which("iperf3"):
        pytest.skip("there is no iperf3 on this host")
    port = free_port()
    server = subprocess.Popen(
        [*link.words(), "iperf3", "-s", "-p", str(port), "--forceflush"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in server.stdout:
        if "listening" in line:
            break
    else:
        pytest.fail("iperf3 does not listen")
    yield port
    server.kill()
    server.wait()
    server.stdout.close()


def received_mib(said):
    """What iperf3's receiver says it has got."""
    match = re.search(r"([\d.]+) (K|M|G)Bytes .*receiver", said)
    assert match, said
    return float(match[1]) * {"K": 2**-10, "M": 1, "G": 2**10}[match[2]]


def test_iperf_both_ways(vm, link, iperf):
    """Its receiver does not count what is on its way when the sender is through.
    Datagrams may be lost, but not many are at so gentle a pace. Where others
    hold up one side for a while both are more: one try of several counts."""
    client = f"debian iperf3 -c {link.host} -p {iperf} "
    udp = "-u -l 1400 -b 8M -n 2M "
    for options, mib in (("-n 64M", 64), ("-n 64M -R", 64), ("-n 32M -P 4", 32),
                         (udp, 2), (udp + "-R", 2)):
        for _ in range(8):
            said = vm.run(client + options)
            if received_mib(said[max(said.rfind("SUM"), 0):]) >= mib * 3 / 4:
                break
        else:
            pytest.fail(said)


def test_curl_gets_the_metadata(vm):
    curl = "debian curl -s --max-time 240 "
    vm.run(f"ip route add {MMDS} dev eth0 || true")
    token = vm.run(curl + f"-X PUT http://{MMDS}/latest/api/token "
                   "-H 'X-metadata-token-ttl-seconds: 300'")
    assert re.fullmatch(r"[A-Za-z0-9+/=]{1,70}", token), token

    def get(path, *headers):
        words = " ".join(f"-H '{h}'" for h in headers)
        return vm.run(curl + f"-w '|%{{http_code}}' {words} http://{MMDS}{path}")

    with_token = f"X-metadata-token: {token}"
    assert get("/names/first", with_token) == "squib|200"
    assert get("/names/second", with_token, "Accept: application/json") == '["a",2]|200'
    assert get("/names", f"X-aws-ec2-metadata-token: {token}") == "first\nsecond|200"
    assert get("/names/third", with_token).endswith("|404")
    assert get("/names/first", "X-metadata-token: no").endswith("|401")
    assert get("/names/first").startswith("No MMDS token provided.")
