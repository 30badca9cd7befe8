# SPDX-License-Identifier: Apache-2.0
"""Disks as files: one whose writes are recorded, and mounting any of them.

What a block mounts or starts is undone when it ends. The order matters: a filesystem that outlives the
process which serves its disk hangs for ever.
"""
import contextlib
import os
import subprocess
import time

DISK_BYTES = 24 << 20
LOG_BYTES = 1 << 30  # sparse
START_S = 60


def make_disk(path):
    with open(path, "wb") as disk:
        disk.truncate(DISK_BYTES)
    # All that the kernel would do later by and by is done now: nobody should wait for it.
    subprocess.run(["mkfs.ext4", "-q", "-F", "-b", "4096", "-J", "size=4", "-E",
                    "nodiscard,lazy_itable_init=0,lazy_journal_init=0", path], check=True)


@contextlib.contextmanager
def mounted(disk, where):
    """Without a mount the programs would write into the bare directory and every cut would pass."""
    os.makedirs(where, exist_ok=True)
    try:
        made = subprocess.run(["mount", "-t", "ext4", "-o", "loop", disk, where],
                              capture_output=True, text=True)
        if made.returncode != 0 or not os.path.ismount(where):
            raise OSError(f"cannot mount {disk}: {made.stderr.strip()}")
        yield where
    finally:
        if os.path.ismount(where):
            subprocess.run(["umount", where], check=True)


@contextlib.contextmanager
def recorded(disk, log, export):
    """A file that reads and writes `disk` and leaves a record in `log`, as long as the block runs."""
    for path, size in ((log, LOG_BYTES), (export, 0)):
        with open(path, "wb") as f:
            f.truncate(size)
    daemon = subprocess.Popen([
        "qemu-storage-daemon",
        "--blockdev", f"driver=file,node-name=disk,filename={disk}",
        "--blockdev", f"driver=file,node-name=log,filename={log}",
        "--blockdev", "driver=blklogwrites,node-name=both,file=disk,log=log,log-sector-size=512",
        "--export", f"type=fuse,id=export,node-name=both,mountpoint={export},writable=on"])
    try:
        deadline = time.monotonic() + START_S
        while not os.path.ismount(export):
            if daemon.poll() is not None or time.monotonic() > deadline:
                raise OSError("qemu-storage-daemon exports nothing")
            time.sleep(0.01)
        yield export
    finally:
        daemon.terminate()
        daemon.wait()
