# SPDX-License-Identifier: Apache-2.0
"""A network namespace of one's own, with TAPs in it, for tests and the bench."""

import ctypes
import fcntl
import itertools
import os
import socket
import struct
import subprocess
import threading

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000

numbers = itertools.count()


def missing():
    """Why there can be no TAPs here, or None."""
    if os.geteuid():
        return "only root can make network namespaces and TAPs"
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as e:
        return f"/dev/net/tun: {e.strerror}"
    try:
        subprocess.run(["ip", "-V"], check=True, stdout=subprocess.DEVNULL)
    except OSError:
        return "there is no ip command: the package iproute2"
    return None


class Namespace:
    def __init__(self):
        # random: what was killed has left its own behind
        self.name = f"squib-{os.getpid()}-{next(numbers)}-{os.urandom(4).hex()}"
        done = subprocess.run(["ip", "netns", "add", self.name], stderr=subprocess.PIPE)
        if done.returncode:
            raise OSError(f"no network namespaces here: {done.stderr.decode()}")
        self.ip("link", "set", "lo", "up")

    def ip(self, *words):
        done = subprocess.run(
            ["ip", "-n", self.name, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        text = done.stdout.decode()
        assert done.returncode == 0, f"ip {words}: {text}"
        return text

    def tap(self, name="tap0", address=None, *options):
        self.ip("tuntap", "add", "dev", name, "mode", "tap", *options)
        if address:
            self.ip("addr", "add", address, "dev", name)
        self.ip("link", "set", name, "up")
        return name

    def words(self):
        """What goes before a command that is to run in here."""
        return ["ip", "netns", "exec", self.name]

    def wrap(self, program, folder, *before):
        """A program that is `program` in here, by way of the words `before`."""
        path = folder / f"in-{self.name}"
        words = ["exec", *self.words(), *before, str(program)]
        path.write_text("#!/bin/sh\n" + " ".join(words) + ' "$@"\n')
        path.chmod(0o755)
        return path

    def inside(self, what):
        """Calls what() on a thread that is in here: its descriptors stay so."""
        result = []

        def run():
            libc = ctypes.CDLL(None, use_errno=True)
            with open(f"/run/netns/{self.name}", "rb") as f:
                if libc.setns(f.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            result.append(what())

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return result[0]

    def socket(self, kind=socket.SOCK_STREAM):
        s = self.inside(lambda: socket.socket(socket.AF_INET, kind))
        s.settimeout(60)
        return s

    def listener(self, port=0):
        """A socket that listens, and its port."""
        s = self.socket()
        s.bind(("0.0.0.0", port))
        s.listen(16)
        return s, s.getsockname()[1]

    def hold(self, name):
        """Opens a TAP, as another program would."""

        def take():
            fd = os.open("/dev/net/tun", os.O_RDWR)
            request = struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI)
            fcntl.ioctl(fd, TUNSETIFF, request)
            return fd

        return self.inside(take)

    def close(self):
        subprocess.run(["ip", "netns", "del", self.name], check=False)
