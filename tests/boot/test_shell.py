# SPDX-License-Identifier: Apache-2.0
"""The interactive shell: on a terminal as a person has it, and from a pipe."""

import hashlib
import random
import signal
import string

import pytest

# At the end of what was written; busybox then asks where the cursor is.
PROMPT = r"squib:\S*# (\x1b\[6n)?$"


@pytest.fixture(params=["ttyAMA0", "ttyS0"])
def shell(start, fast_kernel, request):
    """A shell on a terminal of 24 rows and 80 columns."""
    vm = start(
        fast_kernel,
        "quiet squib.tty=24x80 squib.term=vt100",
        cpus=2,
        console=request.param,
        stdin="terminal",
    )
    vm.expect(PROMPT)
    assert vm.is_raw()
    return vm


def ask(vm, command, answer):
    vm.type(command + "\r")
    match = vm.expect(answer)
    vm.expect(PROMPT)
    return match


def begin_waiting(vm):
    """A command that is in the foreground, for it has said something."""
    vm.type("sh -c 'echo wait\"\"ing; exec sleep 1000'\r")
    vm.expect("waiting")


def leave(vm):
    vm.type("poweroff\r")
    code, err = vm.wait()
    assert (code, err) == (0, ""), vm.text()
    assert vm.is_restored()


def test_a_person_at_the_shell(shell):
    vm = shell
    ask(vm, "uname -m", r"\naarch64\r")
    ask(vm, "nproc", r"\n2\r")
    ask(vm, "grep -c ^processor /proc/cpuinfo", r"\n2\r")
    ask(vm, "stty size", r"\n24 80\r")
    # Ctrl-C is the guest's, and its shell has job control.
    begin_waiting(vm)
    vm.type("\x03")
    vm.expect(PROMPT)
    ask(vm, "echo code $?", r"\ncode 130\r")
    begin_waiting(vm)
    vm.type("\x1a")
    vm.expect(r"Stopped.*\n")
    vm.expect(PROMPT)
    ask(vm, "kill %1; echo gone", r"\ngone\r")
    # Line editing: erase and history.
    ask(vm, "echo abX\x7fc", r"\nabc\r")
    ask(vm, "\x1b[A", r"\nabc\r")
    leave(vm)


def test_top_runs(shell):
    vm = shell
    vm.type("top\r")
    vm.expect("Mem: .* used")
    vm.expect("PID +PPID +USER")
    vm.type("q")
    vm.expect(PROMPT)
    leave(vm)


def test_the_escape_key(shell):
    vm = shell
    vm.type("\x01h")
    vm.expect("Ctrl-A x")
    vm.type("\r")
    vm.expect(PROMPT)
    vm.type("echo re''ady; cat -v\r")
    vm.expect(r"ready\r+\n")  # the shell no longer reads
    vm.type("\x01\x01\r\x04")
    vm.expect(r"\^A\r+\n")
    vm.type("\x01x")
    code, err = vm.wait()
    assert (code, err) == (0, "")
    assert vm.is_restored()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_gives_the_terminal_back(shell, number):
    vm = shell
    vm.signal(number)
    assert vm.wait()[0] == (156 if number == signal.SIGHUP else -number)
    assert vm.is_restored()


def lines_of(size, seed):
    """Text to paste, in lines that a terminal's line discipline takes."""
    rng = random.Random(seed)
    text = ""
    while len(text) < size:
        count = rng.randrange(1, 200)
        text += "".join(rng.choices(string.ascii_letters, k=count)) + "\n"
    return text


def test_a_large_paste_is_not_lost(shell):
    text = lines_of(32 << 10, 1)
    digest = hashlib.md5(text.encode()).hexdigest()
    shell.type(
        "stty -echo; echo re''ady; cat >/tmp/paste; stty echo; md5sum /tmp/paste\r"
    )
    shell.expect(r"ready\r+\n")
    shell.type(text.replace("\n", "\r") + "\x04")
    shell.expect(digest)
    shell.expect(PROMPT)
    leave(shell)


def test_a_raw_paste_of_bytes_is_not_lost(shell):
    data = bytes(b for b in random.Random(2).randbytes(16 << 10) if b != 1)
    digest = hashlib.md5(data).hexdigest()
    take = f"head -c {len(data)} >/tmp/paste"
    shell.type(f"stty raw -echo; echo re''ady; {take}; stty sane; md5sum /tmp/paste\r")
    shell.expect("ready")
    shell.type(data)
    shell.expect(digest)
    leave(shell)


@pytest.mark.parametrize("console", ["ttyAMA0", "ttyS0"])
def test_commands_may_come_from_a_pipe(start, kernel, console):
    """They are there before the kernel is, and wait for it."""
    vm = start(kernel, stdin="pipe", console=console)
    vm.type("echo $((6 * 7)) is it\npoweroff\n")
    code, err = vm.wait()
    assert (code, err) == (0, "")
    assert "\n42 is it\n" in vm.text()


def test_much_output_arrives_whole(start, fast_kernel):
    count = 20000
    vm = start(
        fast_kernel, f'squib.test squib.cmd="seq 1 {count}"', "quiet", cpus=2
    )
    text = vm.end_well()
    lines = [line for line in text.splitlines() if line.isdigit()]
    assert lines == [str(n) for n in range(1, count + 1)]
