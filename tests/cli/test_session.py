# SPDX-License-Identifier: Apache-2.0
"""From boot to the end, and every way there: hand-made guests, real exits."""

import os
import pty
import select
import signal
import subprocess
import termios
import time

import pytest

import guests

ARGS = "console=ttyAMA0"
PROMPT = b"ready\n"


@pytest.fixture
def kernel(tmp_path):
    def write(*parts):
        path = tmp_path / "Image"
        path.write_bytes(guests.image(*parts))
        return path

    return write


@pytest.fixture
def boot(squib, vm_json, kernel):
    """Boots a guest Firecracker's way, to its end."""

    def run(*parts, args=(), machine=None, **kwargs):
        source = {"kernel_image_path": str(kernel(*parts)), "boot_args": ARGS}
        config = vm_json(boot_source=source, machine_config=machine)
        return squib("--no-api", "--config-file", config, *args, **kwargs)

    return run


HELLO = [*guests.uart(), *guests.say("hello\n")]
READY = [*guests.uart(), *guests.say(PROMPT.decode())]


@pytest.mark.parametrize("end", [guests.SYSTEM_OFF, guests.SYSTEM_RESET])
@pytest.mark.contract(31)
def test_power_off_and_reset_both_end_well(boot, tmp_path, end):
    # In a file of its own the log cannot come between the guest's letters.
    log = tmp_path / "log"
    result = boot(HELLO, guests.psci(end), args=("--log-path", log))
    assert (result.code, result.out, result.err) == (0, "hello\n", "")
    event = 1 if end == guests.SYSTEM_OFF else 2
    lines = [line.split("] ", 1)[-1] for line in log.read_text().splitlines()]
    assert lines == [
        "Running Firecracker v1.17.0-dev",
        "Successfully started microvm that was configured from one single json",
        f"Received KVM_SYSTEM_EVENT: type: {event}, event: [0]",
        "Vmm is stopping.",
        "Firecracker exiting successfully. exit_code=0",
    ]


def test_run_shows_the_console_and_nothing_else(squib, kernel):
    result = squib("run", "-k", kernel(HELLO, guests.psci(guests.SYSTEM_OFF)))
    assert (result.code, result.out, result.err) == (0, "hello\n", "")


def test_counters_are_printed_on_request(squib, kernel):
    path = kernel(HELLO, guests.psci(guests.SYSTEM_OFF))
    result = squib("run", path, "--stats")
    assert result.code == 0
    rows = [line.split() for line in result.err.splitlines()]
    assert rows and all(len(row) == 2 and row[1].isdigit() for row in rows)


@pytest.mark.parametrize("vcpus", [1, 2, 32])
@pytest.mark.parametrize("mib", [16, 128, 1 << 16])
def test_machines_of_all_sizes(boot, vcpus, mib):
    machine = {"vcpu_count": vcpus, "mem_size_mib": mib}
    result = boot(HELLO, guests.psci(guests.SYSTEM_OFF), machine=machine)
    assert result.code == 0, result


@pytest.mark.parametrize("mib", [1, 2, 3])
def test_too_little_memory_is_explained(boot, mib):
    machine = {"vcpu_count": 1, "mem_size_mib": mib}
    result = boot(HELLO, machine=machine)
    assert result.code == 1
    assert "Could not Start MicroVM from one single json: " in result.err
    assert "memory" in result.err or "MiB" in result.err


def test_the_device_tree_is_written(boot, tmp_path):
    path = tmp_path / "vm.dtb"
    result = boot(guests.psci(guests.SYSTEM_OFF), args=["--dump-fdt", path])
    assert result.code == 0
    assert path.read_bytes()[:4] == b"\xd0\x0d\xfe\xed"
    result = boot(guests.WFI, args=["--dump-fdt", "/nowhere/vm.dtb"])
    assert result.code == 1
    assert "/nowhere/vm.dtb" in result.err


def test_unknown_accelerators_are_named(boot):
    result = boot(guests.WFI, args=["--accel", "warp"])
    assert result.code == 1
    assert "no accelerator is called 'warp': try auto, kvm or soft" in result.err


@pytest.mark.parametrize("flag, why", [
    (["--tier", "x"], "--tier: no tier is called 'x': try auto, jit"),
    (["--tier", "interp,eager"], "--tier: the tier interp has no options"),
    (["--code-mib", "0"], "--code-mib: the memory for translated code is 1 to"),
])
def test_what_a_flag_says_wrong_is_said_before_a_guest_starts(
        squib, tmp_path, flag, why):
    result = squib("--api-sock", tmp_path / "api.sock", *flag)
    assert result.code == 1
    assert result.err.startswith(f"Error: {why}")


def test_standard_input_reaches_the_guest(squib, kernel):
    # Reads a byte, says it, and is off.
    code = [
        *guests.uart(),
        guests.ldr(1, 9, guests.FR),
        guests.tbnz(1, guests.RXFE, -1),
        guests.ldr(1, 9, guests.DR),
        guests.str_(1, 9, guests.DR),
        *guests.psci(guests.SYSTEM_OFF),
    ]
    result = squib("run", kernel(code), stdin=None, input=b"x")
    assert (result.code, result.out) == (0, "x")


# ---- guests gone wrong ----

LOST = {
    "an endless loop": [guests.branch(0)],
    "sleep": [guests.WFI, guests.branch(-1)],
    "an undefined instruction, and no vectors": [guests.UNDEFINED],
    "a jump into a device": [*guests.mov(9, guests.UART), guests.br(9)],
    "a jump to where nothing is": [guests.movz(9, 0xFFFF, 2), guests.br(9)],
    "a read from where nothing is": [guests.movz(9, 0x10, 2), guests.ldr(1, 9)],
    "an exception in its own vector": [
        *guests.mov(9, 0x9000_0000),
        guests.msr(9, guests.VBAR_EL1),
        guests.UNDEFINED,
    ],
    "garbage for translation tables": [
        *guests.mov(9, 0x8000_0000),
        guests.msr(9, guests.TTBR0_EL1),
        *guests.mov(9, 0xFFFF_FFFF),
        guests.msr(9, guests.TCR_EL1),
        *guests.mov(9, 0x30D0_0801 | 1),
        guests.msr(9, guests.SCTLR_EL1),
        guests.ISB,
        guests.ldr(1, 9),
    ],
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("guest", LOST, ids=lambda name: name.replace(" ", "-"))
def test_lost_guests_can_be_ended(squib_path, kernel, guest, number):
    path = kernel(READY, LOST[guest])
    process = subprocess.Popen(
        [str(squib_path), "run", str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.read(len(PROMPT)) == PROMPT
    time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate(timeout=guests.PATIENCE_S)
    # The engine may give up on it before, and then says why.
    if process.returncode != 1 or not err.startswith(b"squib run: "):
        assert process.returncode == (156 if number == signal.SIGHUP else -number)
    assert b"AddressSanitizer" not in err


# ---- on a terminal ----


class Terminal:
    """squib on a pseudo terminal, and what that looks like from outside."""

    def __init__(self, squib_path, *args):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            [str(squib_path), *map(str, args)],
            stdin=self.slave,
            stdout=self.slave,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.seen = b""

    def wait_for(self, text):
        deadline = time.monotonic() + guests.PATIENCE_S
        while text not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0, f"no {text!r} in {self.seen!r}"
            if select.select([self.master], [], [], left)[0]:
                self.seen += os.read(self.master, 4096)

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def type(self, keys):
        os.write(self.master, keys)

    def end(self):
        _, err = self.process.communicate(timeout=guests.PATIENCE_S)
        assert termios.tcgetattr(self.slave) == self.before, "left raw"
        os.close(self.master)
        os.close(self.slave)
        return self.process.returncode, err


@pytest.fixture
def terminal(squib_path, kernel):
    def start(*parts):
        t = Terminal(squib_path, "run", kernel(READY, *parts))
        t.wait_for(b"ready")
        assert t.is_raw()
        return t

    return start


def test_keys_reach_the_guest_and_ctrl_a_x_leaves(terminal):
    t = terminal(guests.echo())
    t.type(b"hello\x03\x1a")  # Ctrl-C and Ctrl-Z are the guest's
    t.wait_for(b"hello\x03\x1a")
    t.type(b"\x01x")
    assert t.end() == (0, b"")


@pytest.mark.contract(44)
def test_a_terminal_is_restored_after_power_off(terminal):
    wait = [guests.ldr(1, 9, guests.FR), guests.tbnz(1, guests.RXFE, -1)]
    t = terminal(wait, guests.psci(guests.SYSTEM_OFF))
    t.type(b"q")
    assert t.end() == (0, b"")


@pytest.mark.parametrize(
    "number, code",
    [
        (signal.SIGTERM, -signal.SIGTERM),
        (signal.SIGINT, -signal.SIGINT),
        (signal.SIGQUIT, -signal.SIGQUIT),
        (signal.SIGHUP, 156),
        (signal.SIGSEGV, 150),
        (signal.SIGBUS, 149),
        (signal.SIGILL, 157),
        (signal.SIGABRT, -signal.SIGABRT),
    ],
)
@pytest.mark.contract(44)
def test_a_terminal_is_restored_after_signals(terminal, number, code):
    t = terminal(guests.branch(0))
    t.process.send_signal(number)
    assert t.end()[0] == code


def test_a_terminal_is_restored_when_the_start_fails(squib_path, tmp_path):
    t = Terminal(squib_path, "run", tmp_path)
    code, err = t.end()
    assert code == 1
    assert b"is a directory" in err
