# SPDX-License-Identifier: Apache-2.0
"""The metadata service, asked by a real guest over its NIC."""

import json
import subprocess
import time

import pytest

from apivm import COMMANDS, ApiVm
from linux import KERNELS, SQUIB, machine, pack
from nethost import DHCP, digest

IP = "169.254.169.254"
DATA = {
    "latest": {
        "meta-data": {"ami-id": "ami-12345678", "local-hostname": "squib",
                      "tags": ["red", "green"], "count": 3,
                      "placement": {"zone": "here"}},
        "user-data": "#!/bin/sh\necho hello\n",
    },
    "2016-09-02": {},
}
LIST = "2016-09-02/\nlatest/"

# An address of its own; nothing else is on the link.
STATIC = f"""
ip link set lo up
ip link set eth0 up
ip addr add 10.9.8.7/24 dev eth0
ip route add {IP} dev eth0
"""


# They share their guests, so one worker gets them all.
pytestmark = pytest.mark.xdist_group("mmds")


class Guest:
    """A microVM with an MMDS, and requests of its guest."""

    def __init__(self, folder, kernel, version="V2", net=STATIC, data=None,
                 args=(), **config):
        self.vm = vm = ApiVm(SQUIB, folder, args)
        try:
            vm.ok("PUT", "/network-interfaces/eth0",
                  {"iface_id": "eth0", "host_dev_name": "user:"})
            vm.ok("PUT", "/mmds/config",
                  {"version": version, "network_interfaces": ["eth0"], **config})
            vm.ok("PUT", "/mmds", DATA if data is None else data)
            vm.boot(kernel, pack(folder / "rd", net + COMMANDS,
                                 kernel == KERNELS["debian"]), mem=256)
            vm.expect("squib-ready")
        except BaseException:
            vm.kill()
            raise
        self.ip = config.get("ipv4_address", IP)

    def raw(self, text):
        """What comes back for these bytes, up to the end of the connection."""
        quoted = text.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")
        quoted = quoted.replace("%", "%%").replace("'", "'\\''")
        return self.vm.run(f"printf '{quoted}' | nc {self.ip} 80 | tr -d '\\r'", code=None)

    def ask(self, method, path, version="1.1", **headers):
        """Status, headers, body."""
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        said = self.raw("\r\n".join([f"{method} {path} HTTP/{version}", *lines, "", ""]))
        head, _, body = said.partition("\n\n")
        first, *rest = head.split("\n")
        assert first.startswith(f"HTTP/{version} "), said
        return int(first.split()[1]), dict(line.split(": ", 1) for line in rest), body

    def token(self, ttl=60):
        status, _, body = self.ask("PUT", "/latest/api/token",
                                   X_metadata_token_ttl_seconds=ttl)
        assert status == 200, body
        return body


@pytest.fixture(scope="module")
def v2(tmp_path_factory, fast_kernel):
    folder = tmp_path_factory.mktemp("v2")
    (folder / "metrics").touch()
    guest = Guest(folder, fast_kernel, args=["--metrics-path", str(folder / "metrics")])
    guest.metrics = folder / "metrics"
    yield guest
    guest.vm.kill()


@pytest.fixture(scope="module")
def v1(tmp_path_factory, fast_kernel):
    """V1, over an address by DHCP, elsewhere and in IMDS's format."""
    guest = Guest(tmp_path_factory.mktemp("v1"), fast_kernel, "V1",
                  net=DHCP, ipv4_address="169.254.42.1", imds_compat=True)
    yield guest
    guest.vm.kill()


@pytest.mark.contract(28)
def test_a_token_opens_it(v2):
    token = v2.token()
    assert 0 < len(token) <= 70
    for name in ("X_metadata_token", "X_aws_ec2_metadata_token", "x_METADATA_token"):
        status, headers, body = v2.ask("GET", "/", **{name: token})
        assert (status, body) == (200, LIST)
        assert headers["Content-Type"] == "text/plain"
        assert headers["Server"] == "Firecracker API"


def test_the_ttl_comes_back_with_a_token(v2):
    status, headers, _ = v2.ask("PUT", "/latest/api/token",
                                X_aws_ec2_metadata_token_ttl_seconds=300)
    assert status == 200
    assert headers["X-aws-ec2-metadata-token-ttl-seconds"] == "300"
    assert headers["Content-Type"] == "text/plain"


@pytest.mark.contract(28)
def test_json_is_given_to_who_accepts_it(v2):
    token = v2.token()
    status, headers, body = v2.ask("GET", "/latest/meta-data", Accept="application/json",
                                   X_metadata_token=token)
    assert (status, json.loads(body)) == (200, DATA["latest"]["meta-data"])
    assert headers["Content-Type"] == "application/json"
    status, _, body = v2.ask("GET", "/latest/meta-data/tags/1", Accept="application/json",
                             X_metadata_token=token)
    assert (status, body) == (200, '"green"')


NO_TOKEN = ("No MMDS token provided. Use `X-metadata-token` or "
            "`X-aws-ec2-metadata-token` header to specify the session token.")
NO_TTL = ("Token time to live value not found. Use `X-metadata-token-ttl-seconds` or "
          "`X-aws-ec2-metadata-token-ttl-seconds` header to specify the token's "
          "lifetime.")
RANGE = "Please provide a value between 1 and 21600."
TTL = "X-metadata-token-ttl-seconds"


@pytest.mark.parametrize(
    "request_line, headers, status, body",
    [
        ("GET /", {}, 401, NO_TOKEN),
        ("GET /", {"X-metadata-token": "foo"}, 401, "MMDS token not valid."),
        ("PUT /latest/api/token", {}, 400, NO_TTL),
        ("PUT /latest/api/token", {TTL: 0}, 400,
         "Invalid time to live value provided for token: 0. " + RANGE),
        ("PUT /latest/api/token", {TTL: 21601}, 400,
         "Invalid time to live value provided for token: 21601. " + RANGE),
        ("PUT /latest/api/token", {TTL: "-60"}, 400,
         f"Invalid header. Reason: Invalid value. Key:{TTL}; Value: -60"),
        ("PUT /latest/api/token", {TTL: 60, "X-Forwarded-For": "203.0.113.195"}, 400,
         "Invalid header. Reason: Unsupported header name. Key: X-Forwarded-For"),
        ("PUT /other", {TTL: 60}, 404, "Resource not found: /other."),
        ("PATCH /", {}, 405, "Not allowed HTTP method."),
        ("BREW /", {}, 501, None),
        ("GET ", {}, 400, None),
        ("GET /", {"Content-Length": 4}, 400, "Invalid request."),
    ],
)
@pytest.mark.contract(28)
def test_what_is_wrong_is_said(v2, request_line, headers, status, body):
    method, _, path = request_line.partition(" ")
    got = v2.ask(method, path, **{name.replace("-", "_"): value
                                  for name, value in headers.items()})
    assert got[0] == status, got
    assert body is None or got[2] == body
    if status == 405:
        assert got[1]["Allow"] == "GET, PUT"


def test_a_missing_value_is_named(v2):
    token = v2.token()
    assert v2.ask("GET", "/latest/nothing", X_metadata_token=token)[::2] == (
        404, "Resource not found: /latest/nothing.")
    assert v2.ask("GET", "/latest/meta-data/count", X_metadata_token=token)[::2] == (
        501, "Cannot retrieve value. The value has an unsupported type.")


def test_a_token_expires(v2):
    begin, ttl, status = time.monotonic(), 2, 200
    token = v2.token(ttl)
    while status == 200:
        assert time.monotonic() - begin < 300
        status, _, body = v2.ask("GET", "/", X_metadata_token=token)
    assert time.monotonic() - begin >= ttl
    assert (status, body) == (401, "MMDS token not valid.")


def test_the_version_is_that_of_the_question(v2):
    assert v2.ask("GET", "/", "1.0", X_metadata_token=v2.token())[0] == 200


def test_a_connection_serves_several_requests(v2):
    token = v2.token()
    one = (f"GET /latest/meta-data/local-hostname HTTP/1.1\r\n"
           f"X-metadata-token: {token}\r\n\r\n")
    said = v2.raw(one * 4)
    assert said.count("HTTP/1.1 200") == 4
    assert said.count("\n\nsquib") == 4


def test_a_long_request_is_reset(v2):
    v2.vm.run("head -c 2600 /dev/zero | tr '\\0' x >/tmp/long")
    said = v2.vm.run(f"cat /tmp/long | nc {IP} 80", code=None)
    assert "HTTP" not in said
    fits = v2.raw("GET /" + "x" * 2400 + " HTTP/1.1\r\n\r\n")
    assert "401" in fits


def test_other_ports_are_refused(v2):
    assert "refused" in v2.vm.run(f"wget -O - http://{IP}:81/", code=1)


def test_more_than_fits_a_window_arrives_whole(v2):
    text = "".join(chr(97 + n * 7 % 26) for n in range(45000))
    v2.vm.ok("PATCH", "/mmds", {"big": text})
    said = v2.vm.run(
        f"wget -q -O - --header 'X-metadata-token: {v2.token()}' "
        f"http://{IP}/big | sha256sum")
    v2.vm.ok("PATCH", "/mmds", {"big": None})
    assert digest(text.encode()) in said


def test_fifty_at_a_time_get_it_in_the_end(v2):
    """There are 30 connections; the others try again."""
    said = v2.vm.run(
        f"pids=; for n in $(seq 50); do (for t in $(seq 300); do "
        f"wget -q -O /tmp/f$n --header 'X-metadata-token: {v2.token()}' "
        f"http://{IP}/latest/meta-data/ami-id && break; sleep 0.$((t % 9 + 1)); done) & "
        'pids="$pids $!"; done; wait $pids; cat /tmp/f[0-9]*')
    assert said.count("ami-12345678") == 50


@pytest.mark.contract(28)
def test_what_the_host_changes_is_seen(v2):
    token = v2.token()
    v2.vm.ok("PATCH", "/mmds", {"latest": {"meta-data": {"ami-id": "other"}}})
    assert v2.ask("GET", "/latest/meta-data/ami-id", X_metadata_token=token)[2] == "other"
    v2.vm.ok("PUT", "/mmds", DATA)
    assert v2.ask("GET", "//latest///meta-data/ami-id/",
                  X_metadata_token=token)[2] == "ami-12345678"


def test_it_answers_arp_with_its_address(v2):
    v2.vm.run(f"arping -c 1 -I eth0 {IP}")
    v2.ask("GET", "/")
    assert "06:01:23:45:67:01" in v2.vm.run(f"ip neigh show {IP}").lower()


def test_it_is_counted(v2):
    v2.ask("GET", "/")
    v2.ask("GET", "/", X_metadata_token="no")
    v2.vm.run(f"wget -O - http://{IP}:81/", code=1)
    count = v2.vm.metrics(v2.metrics, "mmds")
    for name in ("rx_accepted", "rx_count", "tx_count", "tx_frames", "tx_bytes",
                 "connections_created", "connections_destroyed", "rx_no_token",
                 "rx_invalid_token", "rx_accepted_unusual"):
        assert count[name] > 0, name
    assert count["connections_created"] - count["connections_destroyed"] <= 30


@pytest.mark.contract(24, 28)
def test_v1_needs_no_token(v1):
    address = v1.ip
    v1.vm.run(f"ip route add {address} dev eth0")
    assert v1.vm.run(f"wget -q -O - http://{address}/").strip() == LIST
    assert v1.ask("GET", "/latest/meta-data/placement/zone")[2] == "here"
    assert v1.ask("GET", "/", X_metadata_token="none")[2] == LIST
    token = v1.token()
    status, headers, body = v1.ask("GET", "/latest", Accept="application/json",
                                   X_metadata_token=token)
    assert (status, body) == (200, "meta-data/\nuser-data")  # imds_compat
    assert headers["Content-Type"] == "application/json"


def test_the_host_is_reached_beside_it(v1):
    assert " 0% packet loss" in v1.vm.run("ping -c 1 10.0.2.2")


@pytest.mark.parametrize("kernel_name", ["debian", "microvm"])
def test_metadata_is_shared_by_squib_run(tmp_path, kernel_name):
    kernel = machine.find_kernel(kernel_name)
    (tmp_path / "data.json").write_text(json.dumps(DATA))
    script = DHCP + f"wget -q -O - http://{IP}/latest/user-data\n"
    vm = machine.Machine(
        SQUIB, tmp_path, kernel, ["squib.test", "squib.cmd=/script"],
        initrd=pack(tmp_path / "rd", script, kernel_name == "debian"),
        args=["--share-metadata", tmp_path / "data.json"])
    try:
        vm.end_well()
    finally:
        vm.kill()
    assert "#!/bin/sh\necho hello\n" in vm.text()


def test_bad_metadata_is_refused_before_the_start(tmp_path):
    (tmp_path / "bad.json").write_text("{no json")
    for file, why in [("bad.json", "JSON"), ("none.json", "No such file")]:
        done = subprocess.run(
            [SQUIB, "run", "--kernel", "/none", "--share-metadata", tmp_path / file],
            capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert why.lower() in done.stderr.lower() and file in done.stderr
