#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make soak`: boots Linux again and again, never twice the same way.

Each boot has a random number of vCPUs, kernel, memory, tier and console, and is
disturbed while it runs: stopped and continued, typed at, sometimes ended by a
signal. A boot must come to the end it was meant to have, and say nothing that a
healthy one does not. The seed is printed; SEED=N does it all again.
"""

import os
import pathlib
import random
import signal
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/boot"))

import machine  # noqa: E402

WORK = 'squib.test squib.cmd="seq 1 2000 | md5sum; ls -lR /sys | wc -l"'


def kernels():
    found = [p for p in machine.KERNELS.values() if p.is_file()]
    if not found:
        sys.exit("soak: there is no kernel: run make first, or set SQUIB_KERNEL")
    return found


def plan(rng, folder):
    """How the next boot goes: what to start, and the end it has to have."""
    cpus = rng.choice([1, 1, 2, 2, 3, 4, 4, 5, 8, 16, 32])
    mem = rng.choice([128, 192, 256, 512, 1024])
    options = {
        "initrd": machine.INITRD,
        "cpus": cpus,
        # Debian's kernel with many CPUs has not enough to itself in 128 MiB.
        "mem": mem if cpus < 16 else max(mem, 256),
        "console": rng.choice(["ttyAMA0", "ttyS0"]),
        "how": rng.choice(["run", "run", "config"]),
        "stdin": "pipe",
    }
    if options["how"] == "run" and rng.random() < 0.25:
        options["args"] = ["--tier", "interp"]
    end = rng.choice(["poweroff", "poweroff", "reboot", "signal"])
    words = [WORK] + ["squib.reboot"] * (end == "reboot")
    return rng.choice(kernels()), words, options, end, folder


def disturb(vm, rng):
    """A little of what happens to processes."""
    kick = rng.choice(["stop", "type", "window", "nothing"])
    if kick == "stop":
        vm.signal(signal.SIGSTOP)
        time.sleep(rng.uniform(0, 0.3))
        vm.signal(signal.SIGCONT)
    elif kick == "type":
        vm.type("x" * rng.randrange(1, 200) + "\n")
    elif kick == "window":
        vm.signal(signal.SIGWINCH)


def boot(rng, folder):
    kernel, words, options, end, folder = plan(rng, folder)
    vm = machine.Machine(machine.SQUIB, folder, kernel, words, **options)
    print(end, " ".join(map(str, vm.command[1:])), flush=True)
    ends_at = time.monotonic() + rng.uniform(0.05, 4)
    patience = time.monotonic() + machine.PATIENCE_S
    try:
        while vm.process.poll() is None and time.monotonic() < patience:
            time.sleep(rng.uniform(0.01, 0.4))
            if end == "signal" and time.monotonic() > ends_at:
                vm.signal(signal.SIGTERM)
                break
            try:
                disturb(vm, rng)
            except (BrokenPipeError, ProcessLookupError):
                break
        if end == "signal":
            code, _ = vm.wait()
            assert code in (0, -signal.SIGTERM), f"exit code {code}"
        else:
            text = vm.end_well()
            assert f"{options['cpus']} CPUs" in text, text
            assert "squib-guest: exit 0" in text, text
    finally:
        vm.kill()


def main():
    count = int(os.environ.get("BOOTS", "100"))
    seed = int(os.environ.get("SEED") or random.randrange(1 << 31))
    rng = random.Random(seed)
    failed = 0
    print(f"soak: {count} boots, SEED={seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for n in range(count):
            began = time.monotonic()
            print(f"[{n + 1}/{count}] ", end="")
            try:
                boot(rng, pathlib.Path(folder))
            except AssertionError as e:
                failed += 1
                print(f"FAILED: {e}")
            print(f"    {time.monotonic() - began:.1f} s", flush=True)
    print(f"soak: {count - failed} passed, {failed} failed (SEED={seed})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
