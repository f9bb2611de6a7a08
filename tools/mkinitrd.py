#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pack the guest's first file system: busybox and what starts it.

    mkinitrd.py BUSYBOX INIT OUTPUT [FILE=PATH...]
    mkinitrd.py --disk BUSYBOX MODULES OUTPUT
    mkinitrd.py --tree FOLDER OUTPUT

INIT becomes /init; FILE=PATH puts FILE at PATH, executable. The archive is
cpio's "newc" (the kernel's Documentation/driver-api/early-userspace/
buffer-format.rst describes it), gzipped, the same bytes for the same input.

--disk packs what leads to a root file system on a disk when the kernel's
drivers are modules, as Debian's are: MODULES is the folder of lib/modules.

--tree packs what a folder holds as it is, not gzipped, to be put behind a
first archive.
"""

import glob
import gzip
import os
import stat
import sys

# Drivers of all the devices that squib has, each behind what it needs.
MODULES = [
    "drivers/virtio/virtio",
    "drivers/virtio/virtio_ring",
    "drivers/virtio/virtio_mmio",
    "drivers/block/virtio_blk",
    "drivers/char/hw_random/virtio-rng",
    "drivers/virtio/virtio_balloon",
    "net/core/failover",
    "drivers/net/net_failover",
    "drivers/net/virtio_net",
    "drivers/virtio/virtio_mem",
    "drivers/nvdimm/libnvdimm",
    "drivers/dax/dax",
    "drivers/nvdimm/nd_btt",
    "drivers/nvdimm/nd_pmem",
    "drivers/nvdimm/nd_virtio",
    "drivers/nvdimm/virtio_pmem",
    "net/vmw_vsock/vsock",
    "net/vmw_vsock/vmw_vsock_virtio_transport_common",
    "net/vmw_vsock/vmw_vsock_virtio_transport",
]


class Archive:
    def __init__(self):
        self.parts = []
        self.size = 0
        self.inode = 0

    def add(self, name, mode, data=b"", device=(0, 0)):
        self.inode += 1
        path = name.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device,
                  len(path), 0)
        header = b"070701" + b"".join(b"%08X" % f for f in fields)
        self.put(header + path)
        self.put(data)

    def put(self, data):
        """Every header and every body is padded to four bytes."""
        self.parts.append(data + b"\0" * (-len(data) % 4))
        self.size += len(self.parts[-1])

    def folder(self, name, mode=0o755):
        self.add(name, stat.S_IFDIR | mode)

    def program(self, name, path):
        with open(path, "rb") as f:
            self.add(name, stat.S_IFREG | 0o755, f.read())

    def tree(self, folder):
        """All that is in a folder: files, links and folders, root's."""
        for path, folders, files in os.walk(folder):
            folders.sort()
            for name in sorted(folders + files):
                self.entry(os.path.join(path, name), folder)

    def entry(self, path, top):
        info = os.lstat(path)
        data = b""
        if stat.S_ISLNK(info.st_mode):
            data = os.readlink(path).encode()
        elif stat.S_ISREG(info.st_mode):
            with open(path, "rb") as f:
                data = f.read()
        self.add(os.path.relpath(path, top), info.st_mode, data)

    def finish(self):
        self.add("TRAILER!!!", 0)
        self.put(b"\0" * (-self.size % 512))
        return b"".join(self.parts)


def pack(busybox, init, extra):
    ar = Archive()
    for name in ("bin", "dev", "etc", "mnt", "proc", "root", "run", "sbin",
                 "sys", "tmp", "var"):
        ar.folder(name, 0o1777 if name == "tmp" else 0o755)
    # Until /dev is mounted, init's own input and output need this one.
    ar.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    ar.program("bin/busybox", busybox)
    ar.add("bin/sh", stat.S_IFLNK | 0o777, b"busybox")
    ar.program("init", init)
    for pair in extra:
        path, _, name = pair.partition("=")
        ar.program(name.lstrip("/"), path)
    return ar.finish()


def module_files(modules):
    """Those of the first kernel in such a folder, in the order of loading."""
    kernels = sorted(glob.glob(os.path.join(modules, "*/kernel")))
    return [os.path.join(folder, f"{name}.ko") for folder in kernels[:1]
            for name in MODULES]


def pack_disk(busybox, modules):
    """/init loads the drivers and goes on with what is on the disk."""
    lines = ["#!/bin/busybox sh",
             "/bin/busybox mount -t devtmpfs dev /dev",
             "/bin/busybox mount -t proc proc /proc"]
    ar = Archive()
    for name in ("bin", "dev", "modules", "proc", "root"):
        ar.folder(name)
    ar.program("bin/busybox", busybox)
    for path in module_files(modules):
        name = f"modules/{os.path.basename(path)}"
        ar.program(name, path)
        lines.append(f"/bin/busybox insmod /{name}")
    lines += ["root='s/.*\\<root=\\([^ ]*\\).*/\\1/p'",
              'disk=$(/bin/busybox sed -n "$root" /proc/cmdline)',
              "/bin/busybox mount ${disk:-/dev/vda} /root || exec /bin/busybox sh",
              "/bin/busybox umount /proc",
              "exec /bin/busybox switch_root /root /sbin/init"]
    ar.add("init", stat.S_IFREG | 0o755, "\n".join([*lines, ""]).encode())
    return ar.finish()


def write(output, data):
    new = output + ".new"
    with open(new, "wb") as f:
        f.write(data)
    os.replace(new, output)


def main(busybox, init, output, *extra):
    if busybox == "--tree":
        ar = Archive()
        ar.tree(init)
        write(output, ar.finish())
        return
    if busybox == "--disk":
        busybox, modules, output = init, output, *extra
        data = pack_disk(busybox, modules)
    else:
        data = pack(busybox, init, extra)
    write(output, gzip.compress(data, 9, mtime=0))


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
