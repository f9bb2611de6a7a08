# SPDX-License-Identifier: Apache-2.0
"""Linux as squib's guest under KVM: the same as under the software CPU."""

import re
import subprocess

import pytest

import nested

# How one of squib's Linux guests is configured through the API.
API = "api_client /tmp/api"


def told(text):
    """What the guest says of itself, but for its memory: what Linux keeps for
    itself depends on the CPU's features."""
    lines = re.findall(r"^squib-guest: (.*)", text, re.M)
    return [line for line in lines if "MiB" not in line]


def stats(text):
    return {
        name: int(value) for name, value in re.findall(r"^(\w+) +(\d+)$", text, re.M)
    }


@pytest.fixture(scope="module")
def under_soft(tmp_path_factory):
    """The same boot under the software CPU, on this host."""
    initrd = nested.guest_initrd(tmp_path_factory.mktemp("soft") / "initrd")

    def run(cpus):
        done = subprocess.run(
            [nested.linux.SQUIB, "run", "--accel", "soft", "--kernel"]
            + [nested.GUEST / "Image", "--initrd", initrd, "--cpus", str(cpus)]
            + ["--mem", "256", "--append"]
            + ["quiet squib.test squib.cmd=\"/script 'true'\""],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("cpus", [1, 2])
def test_linux_boots_as_under_the_software_cpu(linux, under_soft, cpus):
    text = linux("true", "--accel kvm --stats", cpus=cpus)
    assert told(text) == told(under_soft(cpus))
    assert f"squib-guest: {cpus} CPUs" in text
    assert stats(text)["kvm_mmio_reads"] > 0


# With 32 it is seconds as well, but only on idle CPUs: make bench-kvm.
def test_linux_has_many_cpus(linux):
    text = linux("grep -c processor /proc/cpuinfo", cpus=8)
    assert "squib-guest: 8 CPUs" in text
    assert re.search(r"^8$", text, re.M)


def test_auto_takes_kvm_where_it_works(linux):
    text = linux("true", "--stats")
    assert stats(text)["kvm_system_events"] == 1


def test_a_disk_keeps_what_is_written(host, linux):
    host.check("dd if=/dev/zero of=/tmp/disk bs=1M count=8")
    text = linux(
        "dd if=/dev/urandom of=/tmp/x bs=64k count=64; "
        "dd if=/tmp/x of=/dev/vda bs=64k conv=fsync; "
        "echo 3 >/proc/sys/vm/drop_caches; "
        "dd if=/dev/vda bs=64k count=64 | sha256sum; sha256sum </tmp/x",
        "--disk /tmp/disk",
    )
    inside = re.findall(r"^([0-9a-f]{64}) ", text, re.M)
    outside = host.check("dd if=/tmp/disk bs=64k count=64 2>/dev/null | sha256sum")
    assert inside == [outside.split()[0]] * 2


def test_the_entropy_device_gives_entropy(linux):
    text = linux(
        "cat /sys/class/misc/hw_random/rng_current; "
        "dd if=/dev/hwrng bs=32 count=1 2>/dev/null | sha256sum",
        "--rng",
    )
    assert "virtio_rng.0" in text
    assert re.search(r"^[0-9a-f]{64} ", text, re.M)


def test_vsock_carries_bytes_both_ways(host, linux):
    host.check(
        "rm -f /tmp/v; (vsock_peer /tmp/v 52 300000 >/tmp/peer 2>&1; "
        "killall squib) & echo"
    )
    linux("vsock echo 52", "--vsock /tmp/v", check=False)
    assert "300000 bytes came back" in host.check("cat /tmp/peer")


def test_a_reboot_ends_the_process_as_a_power_off_does(host):
    code, text = host.run(
        "squib run --level info --kernel /g/Image --initrd /g/initrd "
        '--append "quiet squib.test squib.reboot"'
    )
    assert code == 0, text
    assert "Received KVM_SYSTEM_EVENT: type: 2, event: [0]" in text
    assert "Vmm is stopping." in text


def start_api(host):
    """A microVM through the API that ticks; its console goes to /tmp/out."""
    host.check(
        "rm -f /tmp/api; (squib --accel kvm --api-sock /tmp/api </dev/null "
        ">/tmp/out 2>&1; echo ended $? >>/tmp/out) & echo started"
    )
    args = "quiet console=ttyAMA0 squib.test squib.cmd=/script"
    host.check(
        f"{API} PUT /boot-source "
        '\'{"kernel_image_path": "/g/Image", "initrd_path": "/g/ticks", '
        f'"boot_args": "{args}"}}\''
    )
    host.check(
        f"{API} PUT /machine-config " '\'{"vcpu_count": 2, "mem_size_mib": 256}\''
    )
    host.check(f'{API} PUT /actions \'{{"action_type": "InstanceStart"}}\'')


def lines_of(host):
    return int(host.check("grep -c tick /tmp/out || true").split()[0])


def test_pause_and_resume_through_the_api(host):
    start_api(host)
    try:
        host.check("until grep -q tick /tmp/out; do sleep 0.2; done")
        for _ in range(3):
            host.check(f'{API} PATCH /vm \'{{"state": "Paused"}}\'')
            assert '"Paused"' in host.check(f"{API} GET /")
            before = lines_of(host)
            host.check("sleep 1")
            assert lines_of(host) == before
            host.check(f'{API} PATCH /vm \'{{"state": "Resumed"}}\'')
            host.check(
                f"until [ $(grep -c tick /tmp/out) -gt {before} ]; "
                "do sleep 0.1; done"
            )
    finally:
        host.check(
            "kill $(pidof squib); while pidof squib; do sleep 0.1; done; "
            "rm -f /tmp/api"
        )
