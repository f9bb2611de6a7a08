# SPDX-License-Identifier: Apache-2.0
"""A /dev/kvm that cannot be used: who asks for it learns why, at the start."""

import pytest

import nested

GUEST = "squib run --kernel /g/reset.img --mem 128 --append console=ttyAMA0"


@pytest.fixture
def no_device(host):
    host.check("mv /dev/kvm /dev/kvm.away")
    yield
    host.check("rm -f /dev/kvm; mv /dev/kvm.away /dev/kvm")


def test_a_missing_device_is_named_and_auto_goes_on(host, no_device):
    code, text = host.run("squib --accel kvm --api-sock /tmp/none")
    assert code == 1
    assert "this host has no /dev/kvm: No such file or directory" in text
    assert "--accel soft" in text
    code, text = host.run(f"{GUEST} --accel kvm")
    assert code == 1 and "this host has no /dev/kvm" in text
    text = host.check(f"{GUEST} --stats --level info")
    assert "done 1 tests, 0 failed" in text
    assert "this host has no /dev/kvm" in text
    assert "instructions" in text and "kvm_kicks" not in text


def test_another_device_in_its_place_is_no_kvm(host, no_device):
    host.check("mknod /dev/kvm c 1 3")
    code, text = host.run("squib --accel kvm --api-sock /tmp/none")
    assert code == 1
    assert "/dev/kvm is not Linux's KVM device" in text


def test_without_permission_one_learns_how_to_get_it(host):
    host.check("chmod 660 /dev/kvm")
    code, text = host.run("su somebody -c 'squib --accel kvm --api-sock /tmp/none'")
    assert code == 1
    assert "you may not use /dev/kvm: Permission denied" in text
    assert "usermod -aG kvm" in text and "setfacl -m u:$USER:rw" in text


def test_the_group_of_the_device_may_use_it(host):
    host.check("chown 0:104 /dev/kvm; chmod 660 /dev/kvm")
    try:
        text = host.check(f"su member -c '{GUEST} --accel kvm'")
        assert "done 1 tests, 0 failed" in text
    finally:
        host.check("chown 0:0 /dev/kvm; chmod 600 /dev/kvm")


def test_a_host_with_a_gicv2_is_told_so(host):
    """A second emulated host, as a Raspberry Pi 4 is one."""
    old = nested.Nested(host.initrd, machine="virt,virtualization=on,gic-version=2")
    try:
        code, text = old.run("squib --accel kvm --api-sock /tmp/none")
        assert code == 1, text
        assert "this host's interrupt controller is a GICv2" in text
        assert "use --accel soft (or auto)" in text
        code, text = old.run(f"{GUEST} --stats --level info")
        assert code == 0, text
        assert "done 1 tests, 0 failed" in text
        assert "is a GICv2" in text and "kvm_kicks" not in text
    finally:
        old.kill()
