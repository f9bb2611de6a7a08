# SPDX-License-Identifier: Apache-2.0
"""A Debian of one's own: systemd to a login, programs run in it, and the host
reaches it over a network without root.

make test makes the image if it may; without it the test is skipped.
"""

import re
import shutil

import pytest

from linux import DEBIAN, GUEST, find, machine, mkinitrd, tool
from nethost import Files, Taker, digest, free_port, pattern

BOOT_S = 240


@pytest.fixture
def disk(tmp_path):
    copy = tmp_path / "debian.ext4"
    tool("cp", "--sparse=always", find(DEBIAN, "Debian's root file system"), copy)
    return copy


def initrd(path):
    """What a kernel whose drivers are modules needs to find its root."""
    busybox = find(GUEST / "busybox", "busybox")
    path.write_bytes(mkinitrd.pack_disk(busybox, GUEST / "modules"))
    return path


@pytest.fixture(params=["debian", "microvm"])
def kernel_and_initrd(request, tmp_path):
    kernel = machine.find_kernel(request.param)
    return kernel, initrd(tmp_path / "rd") if request.param == "debian" else None


def ssh(port, command):
    """Runs it in the guest, over the network: what it says."""
    if not shutil.which("ssh"):
        pytest.skip("there is no ssh on this host: openssh-client")
    return tool("ssh", "-p", port, "-o", "StrictHostKeyChecking=no",
                "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
                "-o", "ConnectTimeout=60", "root@127.0.0.1", command)


def use_network(port):
    """By ssh, files both ways; and what curl thinks of the metadata."""
    assert "10.0.2.15/24" in ssh(port, "ip -4 addr show scope global")
    data = pattern(30_000_000)
    with Files({"/big": data}) as host:
        said = ssh(port, f"curl -s http://10.0.2.2:{host.port}/big | sha256sum")
    assert digest(data) in said
    with Taker() as host:
        said = ssh(port, "head -c 20000000 /dev/urandom >/tmp/up; sha256sum /tmp/up; "
                   f"cat /tmp/up >/dev/tcp/10.0.2.2/{host.port}")
        taken = host.get()
    assert len(taken) == 20_000_000
    assert digest(taken) in said
    said = ssh(port, "U=http://169.254.169.254; T=$(curl -sX PUT $U/latest/api/token "
               "-H 'X-metadata-token-ttl-seconds: 60'); "
               "curl -s $U/names/first -H \"X-metadata-token: $T\"; "
               "curl -s -o /dev/null -w ' %{http_code}' $U/names/second")
    assert said == "squib 404"


def test_debian_boots_to_a_login_and_works(squib_path, kernel_and_initrd, disk,
                                           tmp_path):
    kernel, rd = kernel_and_initrd
    port, metadata = free_port(), tmp_path / "data.json"
    metadata.write_text('{"names": {"first": "squib"}}')
    vm = machine.Machine(
        squib_path,
        tmp_path,
        kernel,
        ["systemd.show_status=1"],
        initrd=rd,
        cpus=2,
        mem=1024,
        stdin="pipe",
        args=["--disk", f"{disk}:async", "--rng", "--net", f"user:tcp={port}:22",
              "--share-metadata", metadata],
    )
    try:
        vm.expect(r"squib login: ", BOOT_S)
        vm.type("root\n")
        vm.expect(r"root@squib:~# ", BOOT_S)
        for command, answer in [
            ("apt-get --version", r"apt 2\.\d+"),
            ("python3 -c 'print(sum(range(10**5)))'", r"4999950000"),
            ("echo 'int printf(const char *, ...); int main(void) "
             "{ return !printf(\"%d\\n\", 6 * 7); }' >a.c && gcc a.c && ./a.out",
             r"[^*] ?42\r?\n"),
            ("systemctl is-system-running --wait", r"(running|degraded)\r?\n"),
        ]:
            vm.type(command + "\n")
            vm.expect(answer, BOOT_S)
            vm.expect(r"root@squib:~# ", BOOT_S)
        use_network(port)
        vm.type("poweroff\n")
        vm.process.wait(BOOT_S)
        code, err = vm.wait()
        assert (code, err) == (0, ""), err
    finally:
        vm.kill()
    assert not re.search(r"I/O error|EXT4-fs error", vm.text())
    tool("e2fsck", "-fp", disk, ok=(0, 1))
