# SPDX-License-Identifier: Apache-2.0
"""A Debian of one's own: systemd to a login, and programs run in it.

tools/debian-rootfs makes the image; without it the test is skipped.
"""

import re

import pytest

from linux import machine, GUEST, find, tool

IMAGE = GUEST / "debian.ext4"
BOOT_S = 240


@pytest.fixture
def disk(tmp_path):
    copy = tmp_path / "debian.ext4"
    tool("cp", "--sparse=always", find(IMAGE, "Debian's root file system"), copy)
    return copy


def test_debian_boots_to_a_login_and_works(squib_path, kernel_without_modules, disk,
                                           tmp_path):
    vm = machine.Machine(
        squib_path,
        tmp_path,
        kernel_without_modules,
        ["systemd.show_status=1"],
        cpus=2,
        mem=1024,
        stdin="pipe",
        args=["--disk", f"{disk}:async", "--rng"],
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
        vm.type("poweroff\n")
        vm.process.wait(BOOT_S)
        code, err = vm.wait()
        assert (code, err) == (0, ""), err
    finally:
        vm.kill()
    assert not re.search(r"I/O error|EXT4-fs error", vm.text())
    tool("e2fsck", "-fp", disk, ok=(0, 1))
