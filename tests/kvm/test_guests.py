# SPDX-License-Identifier: Apache-2.0
"""The bare-metal guests of tests/guest under KVM, beside the software CPU.

Each must say the same on both. Where it does not, the reason is in KNOWN: what
KVM answers by itself, or what the emulated host's CPU (that of qemu 7.2) does
otherwise; a guest under KVM runs on the host's CPU, whatever that is.
"""

import re
import subprocess

import pytest

import nested

GUESTS = {
    "code": [1, 2, 32],
    "exception": [1],
    "gic": [1, 4, 32],
    "litmus": [4],
    "mmu": [1, 2],
    "psci": [1, 3, 32],
    "remap": [2],
    "reset": [1, 32],
    "smp": [2],
    "timer": [1],
}
RUNS = [(name, cpus) for name, counts in GUESTS.items() for cpus in counts]

SMC = "KVM's firmware answers HVC, and SMC only since Linux 6.4"
ORDER = "qemu on an x86 host lets a load go before an older store-release"
ALIGNMENT = "qemu 7.2 does not check the alignment of device memory"
STALE = (
    "qemu drops the translations of a word before it stores to it, and takes a "
    "page for one without code while another CPU translates some of it: either "
    "way a translation of the old word stays, until a later store"
)
KNOWN = {
    "code": {
        "others_run_what_was_published": STALE,
        "all_write_and_run_in_one_page": STALE,
    },
    "exception": {
        "all_of_these_are_undefined": "the host has SVE, if not for its guests",
        "calls_to_firmware_come_back_with_an_answer": SMC,
        "el0_is_trapped_where_the_kernel_wants_it": "qemu 7.2 exchanges op1 and "
        "op2 of MSR (immediate) in the syndrome",
        "waiting_can_be_trapped": "qemu's WFE is a NOP",
        "device_memory_wants_alignment": ALIGNMENT,
        "an_abort_of_el0_has_the_lower_class": ALIGNMENT,
        "a_crooked_stack_pointer_is_its_own_class": "qemu 7.2 does not check SP",
    },
    "gic": {
        "priorities_decide": "which of equals comes first is KVM's to choose",
        "groups_have_their_switches": "KVM looks at what is pending when an "
        "interrupt comes, not when GICD_CTLR lets it through again",
    },
    "litmus": {
        "forbidden_by_two_is_never_seen": ORDER,
        "forbidden_by_more_is_never_seen": ORDER,
    },
    "mmu": {
        "reserved_descriptors_do_not_map": "qemu 7.2 has blocks at level 0",
        "devices_want_alignment_and_memory_does_not": ALIGNMENT,
        "zeroing_and_maintenance_fault_as_stores": "qemu's cache maintenance "
        "does not look at its address",
        "tables_that_are_nowhere": "KVM reports a walk that leaves memory as an "
        "external abort that was not on a walk",
    },
    "psci": {
        "versions": SMC,
        "random_numbers_of_every_width": "KVM is content to be asked for no bits",
        "features_name_what_is_there": "KVM's ARCH_FEATURES knows workarounds "
        "only, not SMCCC_VERSION",
    },
    "smp": {
        "a_store_is_seen_before_the_load_behind_a_barrier": ORDER,
    },
    "timer": {
        "the_counters_agree_and_move": "the frequency is the host's, and the "
        "physical counter begins with the host, not with the guest",
        "the_timer_value_counts_down": "likewise: cval against another counter",
    },
}

# These would never end.
LEFT_OUT = {
    "code": {
        "a_loop_notices_that_its_callee_is_patched": STALE,
    },
}


def results(text):
    """Test -> whether it passed, and what was wrong."""
    found, wrong = {}, []
    for line in text.splitlines():
        match = re.match(r"(not ok|ok) (\S+)$", line.strip())
        if match:
            found[match.group(2)] = (match.group(1) == "ok", wrong)
            wrong = []
        elif line.startswith("#"):
            wrong.append(line)
    return found


def run_soft(name, cpus):
    done = subprocess.run(
        [nested.linux.SQUIB, "run", "--accel", "soft", "--mem", "128"]
        + ["--kernel", nested.IMAGES / f"{name}.img", "--cpus", str(cpus)]
        + ["--append", "console=ttyAMA0"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=nested.COMMAND_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return results(done.stdout)


def run_kvm(host, name, cpus):
    left_out = "".join(f" skip={test}" for test in LEFT_OUT.get(name, ()))
    text = host.check(
        f"squib run --accel kvm --kernel /g/{name}.img --cpus {cpus} "
        f"--mem 128 --append 'console=ttyAMA0{left_out}'"
    )
    found = results(text)
    done = re.search(r"^done (\d+) tests, (\d+) failed", text, re.M)
    assert done, text
    assert int(done.group(1)) == len(found), text
    assert int(done.group(2)) == sum(not ok for ok, _ in found.values()), text
    return found


def test_an_access_that_is_not_decoded_ends_the_guest_with_a_sentence(host):
    code, text = host.run(
        "squib run --accel kvm --kernel /g/mmio.img --mem 128 "
        "--append console=ttyAMA0"
    )
    assert code == 1
    assert "Received ENOSYS error because KVM failed to emulate an" in text
    assert re.search(r"at PC 0x80[0-9a-f]+ accesses 0xe0a0fe0, which is no", text)
    assert "--accel soft runs" in text


# The guest says more of it, and of blocks that are not plugged, which KVM cannot
# keep from it (docs/kvm.md): it does not get that far.
def test_a_file_that_is_read_only_is_written_to_by_plain_stores_alone(host):
    host.check("printf '\\042\\021%.0s' $(seq 2048) >/tmp/p; truncate -s 2M /tmp/p")
    code, text = host.run(
        "squib run --accel kvm --kernel /g/farmem.img --mem 128 "
        "--pmem /tmp/p:ro --hotplug-mem 256M --append console=ttyAMA0"
    )
    assert code == 1
    assert re.search(r"at PC 0x80[0-9a-f]+ accesses 0x8000000000, which", text)


@pytest.mark.parametrize("name,cpus", RUNS, ids=[f"{n}-{c}cpu" for n, c in RUNS])
def test_a_guest_sees_what_it_sees_under_the_software_cpu(host, name, cpus):
    soft, kvm = run_soft(name, cpus), run_kvm(host, name, cpus)
    assert kvm.keys() == soft.keys() - LEFT_OUT.get(name, {}).keys()
    known = KNOWN.get(name, {})
    wrong = [
        "\n".join([test, *kvm[test][1]])
        for test in kvm
        if kvm[test][0] != soft[test][0] and test not in known
    ]
    assert not wrong, "\n\n".join(wrong)
