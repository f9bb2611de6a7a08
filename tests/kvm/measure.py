#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a guest takes to init under KVM, and how often it leaves, beside
qemu's KVM, both in the emulated arm64 host of these tests.

    make bench-kvm

prints what notifications and interrupts cost by two ways each (cost.c), and a
line for each program and number of CPUs, the best of three turns, and how long
many CPUs take.
"""

import pathlib
import re
import subprocess
import tempfile
import time

import nested

TURNS = 3
QEMU = nested.ROOT / ".cache/guest/qemu-arm64"
COUNTERS = ["exits", "mmio_exit_user", "mmio_exit_kernel", "wfi_exit_stat",
            "hvc_exit_stat"]
WORDS = "quiet squib.test squib.cmd=/script console=ttyAMA0 reboot=k panic=1"
GUEST = "echo is-up; while :; do sleep 1000; done\n"
PROGRAMS = {
    "squib": f"squib run --accel kvm --kernel /g/Image --initrd /g/guest "
             f"--cpus %d --mem 256 --append '{WORDS}'",
    "qemu": f"env LD_LIBRARY_PATH=/g/lib /g/qemu -accel kvm -cpu host "
            f"-M virt,gic-version=3 -smp %d -m 256 -display none -serial stdio "
            f"-monitor none -nodefaults -kernel /g/Image -initrd /g/guest "
            f"-append '{WORDS}'",
}


def fetch_qemu():
    """Debian's, for arm64, and all it is linked with: name -> file."""
    program = QEMU / "usr/bin/qemu-system-aarch64"
    if not program.exists():
        subprocess.run([nested.ROOT / "tools/fetch-debs", "arm64", QEMU,
                        "qemu-system-arm+"], check=True)
    found = {}
    nested.LIBRARIES += [QEMU / "usr/lib/aarch64-linux-gnu",
                         QEMU / "lib/aarch64-linux-gnu",
                         QEMU / "usr/lib/aarch64-linux-gnu/pulseaudio"]
    nested.libraries(program, found)
    return program, found


def boot(host, command):
    """Seconds to the guest's init, and the counters of the host's KVM."""
    code, said = host.run(
        "rm -f /tmp/o; T=$(cut -d' ' -f1 /proc/uptime); "
        f"({command}) </dev/null >/tmp/o 2>&1 & "
        "n=0; until grep -q is-up /tmp/o || [ $n = 3000 ]; "
        "do usleep 20000; n=$((n+1)); done; "
        "echo $T $(cut -d' ' -f1 /proc/uptime); cd /sys/kernel/debug/kvm; "
        f"for f in {' '.join(COUNTERS)}; do echo $f $(cat $f); done; "
        "killall squib qemu; sleep 1", 300)
    start, end = re.search(r"^([\d.]+) ([\d.]+)$", said, re.M).groups()
    counts = {name: int(n) for name, n in re.findall(r"^(\w+) (\d+)$", said, re.M)}
    return float(end) - float(start), counts


def many(host):
    """From the start of the program to its end, with as many as there can be."""
    for cpus in (8, 16, 32):
        start = time.monotonic()
        code, said = host.run(
            f"squib run --accel kvm --kernel /g/Image --initrd /g/initrd --cpus "
            f"{cpus} --mem 512 --append 'quiet squib.test'", 300)
        assert code == 0 and f"{cpus} CPUs" in said, said
        print(f"squib, {cpus} CPUs, boot and power off: "
              f"{time.monotonic() - start:.1f} s", flush=True)


def main():
    program, libraries = fetch_qemu()
    folders = nested.folders
    nested.folders = lambda ar, names: folders(ar, [*names, "g/lib"])
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        guest = nested.linux.pack(folder / "guest", GUEST, False)
        extra = [("Image", nested.GUEST / "Image"), ("guest", guest),
                 ("initrd", nested.guest_initrd(folder / "guest-initrd")),
                 ("qemu", program)]
        extra += [(f"lib/{name}", path) for name, path in libraries.items()]
        (folder / "initrd").write_bytes(
            nested.archive(nested.ARM64 / "squib", extra))
        host = nested.Nested(folder / "initrd")
        host.run("mount -t debugfs debug /sys/kernel/debug")
        print("\n".join(re.findall(r"^\w+: .* ns .*", host.run("cost")[1], re.M)))
        print("program  CPUs  seconds  " + "  ".join(COUNTERS))
        for cpus in (1, 2):
            for name, command in PROGRAMS.items():
                seconds, counts = min(
                    (boot(host, command % cpus) for _ in range(TURNS)),
                    key=lambda turn: turn[0])
                print(f"{name:7}  {cpus:4}  {seconds:7.2f}  " + "  ".join(
                    f"{counts[c]:{len(c)}}" for c in COUNTERS), flush=True)
        many(host)
        host.kill()


if __name__ == "__main__":
    main()
