# SPDX-License-Identifier: Apache-2.0
"""The record of a disk's writes, and the disks that a power cut may leave.

The record is what the block driver `blklogwrites` of QEMU writes (the format is that of Linux'
dm-log-writes): a superblock, then for each request one sector that says what it is, and its data.

A cut after entry k leaves all that was written before the last flush among the first k entries. Of
the later writes each piece of 4 KiB is there or not, whatever the order: a disk may write its
cache in any. Smaller pieces are not torn; ext4 itself relies on that.
"""
import random
import struct
from collections import namedtuple

SUPER = struct.Struct("<QQQI")
ENTRY = struct.Struct("<QQQQ")
MAGIC = 0x6A736677736872
FLUSH = 1
PIECE = 4096

Entry = namedtuple("Entry", "offset data flush")


def count_entries(path):
    """Entries that the superblock tells of: all up to the last flush."""
    with open(path, "rb") as log:
        magic, _, entries, _ = SUPER.unpack(log.read(SUPER.size))
    if magic != MAGIC:
        raise ValueError(f"{path} is no record of writes")
    return entries


def read_entries(path):
    entries = []
    with open(path, "rb") as log:
        magic, version, count, sector = SUPER.unpack(log.read(SUPER.size))
        if magic != MAGIC or version != 1:
            raise ValueError(f"{path} is no record of writes")
        log.seek(sector)
        for _ in range(count):
            first, sectors, flags, _ = ENTRY.unpack(log.read(sector)[:ENTRY.size])
            if flags & ~FLUSH:
                raise ValueError(f"entry {len(entries)} of {path} has flags {flags:#x}")
            data = log.read(sectors * sector)
            entries.append(Entry(first * sector, data, bool(flags & FLUSH)))
    return entries


class Cuts:
    """Walks through a record; `image(k)` for growing k is the disk after a cut behind entry k."""

    def __init__(self, base, entries, seed):
        self.durable = bytearray(base)
        self.entries = entries
        self.seed = seed
        self.pending = []  # written since the last flush
        self.at = 0

    def advance(self, k):
        for entry in self.entries[self.at:k]:
            if entry.flush:
                self.settle()
            if entry.data:
                self.pending.append(entry)
        self.at = k

    def settle(self):
        for entry in self.pending:
            self.durable[entry.offset:entry.offset + len(entry.data)] = entry.data
        self.pending = []

    def image(self, k):
        self.advance(k)
        image = bytearray(self.durable)
        chance = random.Random(f"{self.seed} {k}")
        share = chance.choice((0, 0.5, 0.5, 0.9))
        for entry in self.pending:
            at = 0
            while at < len(entry.data):
                end = min(len(entry.data), at + PIECE - (entry.offset + at) % PIECE)
                if chance.random() < share:
                    image[entry.offset + at:entry.offset + end] = entry.data[at:end]
                at = end
        return image
