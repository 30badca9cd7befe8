#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second decoder of blocks, written from the prose of include/varve/block.h, core/codec.h
and core/sketch.h and from nothing else, so that the prose is known to be complete.

    decode_block.py FILE.bin              prints what is in the blocks of a file
    decode_block.py --check DIRECTORY     compares every *.bin below with the *.txt beside it

A file holds one or more blocks, back to back. Python 3.7 or later, nothing but its library.
"""
import pathlib
import struct
import sys

MAGIC = 0x42565256
HEADER = struct.Struct("<IBBBBIIIIqqqQQIIH2sI")
NUMBER_BITS = (0, 2, 4, 6, 8, 10, 12, 14, 17, 20, 24, 28, 33, 38, 48, 64)
MASK = (1 << 64) - 1


class Damaged(Exception):
    """A block that does not follow the format."""


def expect(condition, what):
    if not condition:
        raise Damaged(what)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def signed(value):
    """The integer modulo 2^64 as a number of two's complement."""
    value &= MASK
    return value - (1 << 64) if value >> 63 else value


def unzigzag(value):
    return value >> 1 if value & 1 == 0 else -(value >> 1) - 1


def double_bits(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


class Bytes:
    """Varints in a part of a block."""

    def __init__(self, data, at, end):
        self.data, self.at, self.end = data, at, end

    def varint(self):
        value = shift = 0
        while True:
            expect(self.at < self.end and shift < 64, "a varint passes the end")
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value & MASK


class Bits:
    """A value stream."""

    def __init__(self, data, at, end):
        self.value = int.from_bytes(data[at:end], "big")
        self.left = 8 * (end - at)

    def take(self, count):
        expect(count <= self.left, "a stream passes the end")
        self.left -= count
        return self.value >> self.left & ((1 << count) - 1)

    def number(self):
        return unzigzag(self.take(NUMBER_BITS[self.take(4)]))

    def rice(self, p):
        ones = 0
        while ones < 16 and self.take(1):
            ones += 1
        if ones == 16:
            return self.take(self.take(6) + 1)
        return ones << p | self.take(p)

    def finish(self):
        expect(self.left < 8 and self.take(self.left) == 0, "bytes behind the last row")


class Column:
    """One column of a value stream; fields are read row by row."""

    def __init__(self, bits):
        self.bits = bits
        self.scale, self.corrected, self.reference = 0, False, 0

    # headers

    def free_header(self):
        self.scale = self.bits.take(3)
        if self.scale == 7:
            self.window = None
            return
        self.correction()
        self.body()

    def correction(self):
        self.corrected = bool(self.bits.take(1))
        self.q = self.bits.take(4) if self.corrected else 0

    def body(self):
        take = self.bits.take
        self.order = take(2)
        self.first = self.bits.number()
        if self.order == 3:
            return
        self.shift = take(6) if take(1) else 0
        self.sparse = take(1)
        self.unsigned = take(1)
        self.centre = self.bits.number() if take(1) else 0
        self.p = take(6)
        self.z = take(4) if self.sparse else 0
        self.d, self.step, self.run = 0, self.centre, None

    # fields

    def residual(self):
        if not self.sparse:
            u = self.bits.rice(self.p)
        else:
            if self.run is None:
                self.run = self.bits.rice(self.z)
            if self.run > 0:
                self.run -= 1
                u = 0
            else:
                self.run = None
                u = self.bits.rice(self.p) + 1
        return u if self.unsigned else unzigzag(u)

    def integer(self, row, reference):
        """m of this row, a signed 64-bit integer."""
        d = 0
        if self.order == 0:
            d = self.residual()
        elif self.order in (1, 2) and row > 0:
            if self.order == 1:
                d = self.d + self.residual() + self.centre
            else:
                self.step += self.residual()
                d = self.d + self.step
        if self.order != 3:
            self.d = d
            d <<= self.shift
        return signed(self.first + d + reference)

    def decimal(self, m):
        """The bit pattern of m / 10^k, corrected."""
        bits = double_bits(float(m) / float(10**self.scale))
        if self.corrected:
            bits += unzigzag(self.bits.rice(self.q))
        return bits & MASK

    def pattern(self, row):
        """The bit pattern in an XOR column."""
        take = self.bits.take
        if row == 0:
            self.previous = take(64)
        elif take(1):
            if take(1):
                self.window = (take(5), take(6) + 1)
            expect(self.window is not None and sum(self.window) <= 64, "no window")
            leading, length = self.window
            self.previous ^= take(length) << (64 - leading - length)
        return self.previous

    def value(self, row):
        if self.scale == 7:
            return self.pattern(row)
        return self.decimal(self.integer(row, 0))


def decode_points(bits, n):
    column = Column(bits)
    column.free_header()
    return [(column.value(row),) for row in range(n)]


def cell_headers(bits):
    count, last, low, high, total = columns = [Column(bits) for _ in range(5)]
    count.body()
    scale = bits.take(3)
    if scale == 7:
        for column in columns[1:]:
            column.free_header()
        return columns, True
    last.scale = low.scale = high.scale = scale
    last.body()
    for column in (low, high):
        column.reference = bits.take(2)
        column.body()
    if bits.take(1):
        total.free_header()
    else:
        total.scale = scale
        total.reference = bits.take(2)
        total.correction()
        total.body()
    for column in columns:
        expect(column.reference < 3, "no such reference")
    return columns, False


def decode_cells(bits, n):
    (count, last, low, high, total), free = cell_headers(bits)
    cells = []
    before = None
    for row in range(n):
        m_count = count.integer(row, 0)
        expect(0 <= m_count < 1 << 32, "no count")
        if free:
            values = [column.value(row) for column in (last, low, high, total)]
        else:
            m_last = last.integer(row, 0)
            before = m_last if before is None else before
            values = [last.decimal(m_last)]
            m_low = low.integer(row, (0, m_last, before)[low.reference])
            values.append(low.decimal(m_low))
            m_high = high.integer(row, (0, m_last, m_low)[high.reference])
            values.append(high.decimal(m_high))
            if total.scale == 7:
                values.append(total.value(row))
            else:
                midrange = signed(m_count * (m_low + m_high)) >> 1
                growth = m_last - before if row > 0 else m_high - m_low
                m_total = total.integer(row, (0, midrange, growth)[total.reference])
                values.append(total.decimal(m_total))
            before = m_last
        cells.append((m_count, values[1], values[2], values[3], values[0]))
    return cells


def decode_times(column, base, unit):
    n, first, step, exceptions = (column.varint() for _ in range(4))
    expect(n > 0 and exceptions < n, "no such number of rows or exceptions")
    deltas = [first] + [step] * (n - 1)
    row = 0
    for _ in range(exceptions):
        row += column.varint()
        expect(0 < row < n, "an exception of no row")
        deltas[row] = step + unzigzag(column.varint())
    times, time = [], base
    for delta in deltas:
        time += delta * unit
        times.append(time)
    return times


def decode_chunk(block, at, end, columns, base, step, holder):
    """`holder` is where the chunk begins that says where the times are."""
    chunk = Bytes(block, at, end)
    unit = 1 if columns == 1 else step
    reference = chunk if holder == at else Bytes(block, holder, at)
    offset = reference.varint()
    if offset == 0:
        times = decode_times(reference, base, unit)
    else:
        expect(HEADER.size + offset < holder, "times of a later chunk")
        times = decode_times(Bytes(block, HEADER.size + offset, at), base, unit)
    bits = Bits(block, chunk.at, end)
    rows = (decode_points if columns == 1 else decode_cells)(bits, len(times))
    bits.finish()
    return list(zip(times, rows))


def decode_sketch(tail, end):
    """The buckets as key:count."""
    count = tail.varint()
    key = unzigzag(tail.varint())
    buckets = []
    for _ in range(count):
        step = tail.varint()
        key += (step >> 1) + 1
        expect(-71647 <= key <= 71646, "no such key")
        buckets.append(f"{key}:{tail.varint() + 2 if step & 1 else 1}")
    expect(tail.at == end, "bytes behind the last bucket")
    return " ".join(buckets)


def decode_tail(block, at, end, time, step):
    """The sketches of a chunk by time, and where its tail begins."""
    length = shift = 0
    while True:
        end -= 1
        expect(end >= at and shift < 35, "a tail's length passes its chunk")
        length |= (block[end] & 0x7F) << shift
        shift += 7
        if block[end] < 0x80:
            break
    expect(length <= end - at, "a tail passes its chunk")
    tail, sketches = Bytes(block, end - length, end), []
    while tail.at < end:
        time += tail.varint() * step
        size = tail.varint()
        expect(size <= end - tail.at, "a sketch passes its tail")
        sketches.append((time, decode_sketch(tail, tail.at + size)))
    return sketches, end - length


def directory_entry(entry, version, series, first):
    """The id, length and times-as-before of the next chunk."""
    if version == 1:
        series += entry.varint()
        return series, entry.varint(), False
    number = entry.varint()
    if number == 0:
        series += entry.varint()
        number = entry.varint()
    elif not first:
        series += 1
    expect(number > 1, "an entry without a chunk")
    return series, number >> 1, number & 1 == 1


def decode_block(data):
    """Lines that say what is in the block at the start of `data`, and its length."""
    expect(len(data) >= HEADER.size, "no header")
    (magic, version, tier, columns, flags, length, crc, seq, step, start, end, upto, samples, flash,
     directory, rows, entries, zero, upto_seq) = HEADER.unpack_from(data)
    expect(magic == MAGIC and version in (1, 2), "no block of a known version")
    expect(columns in (1, 5) and flags < 4 and zero == bytes(2), "a header that is none")
    tails = flags & 2
    expect(flags & 1 or upto_seq == 0, "a number without its flag")
    expect(HEADER.size <= directory <= length <= len(data), "lengths that are none")
    expect(not tails or (version == 2 and columns == 5), "tails of no cells")
    block = data[:length]
    expect(crc == crc32c(block[:12] + bytes(4) + block[16:]), "a wrong CRC")
    lines = [f"block tier {tier} columns {columns} step {step} start {start} end {end} seq {seq} "
             f"upto {upto} samples {samples} flash {flash} rows {rows} entries {entries}"
             + (f" upto_seq {upto_seq}" if flags & 1 else "")]
    entry = Bytes(block, directory, length)
    series, at, newest, seen, holder, sketches = 0, HEADER.size, start, 0, None, 0
    while entry.at < length:
        series, size, same = directory_entry(entry, version, series, seen == 0)
        expect(at + size <= directory, "a chunk that passes the directory")
        expect(not same or holder is not None, "times of no chunk")
        holder = holder if same else at
        end_of_rows = at + size
        if tails:
            tail, end_of_rows = decode_tail(block, at, at + size, start, step)
        for time, row in decode_chunk(block, at, end_of_rows, columns, start, step, holder):
            newest = max(newest, time)
            if columns == 1:
                lines.append(f"point {series} {time} {row[0]:016x}")
            else:
                patterns = " ".join(f"{pattern:016x}" for pattern in row[1:])
                lines.append(f"cell {series} {time} {row[0]} {patterns}")
        if tails:
            sketches += len(tail)
            lines += [f"sketch {series} {time} {buckets}" for time, buckets in tail]
        at += size
        seen += 1
    expect(at == directory and seen == entries, "a directory that is not of these chunks")
    expect(len(lines) - 1 - sketches == rows and newest == end, "a header that is not of these rows")
    return lines, length


def decode_file(path):
    data = path.read_bytes()
    lines = []
    while data:
        more, length = decode_block(data)
        lines += more
        data = data[length:]
    return lines


def check(directory):
    files = sorted(pathlib.Path(directory).glob("*.bin"))
    expect(files, f"no golden file in {directory}")
    for path in files:
        got, want = decode_file(path), path.with_suffix(".txt").read_text().splitlines()
        for number, (a, b) in enumerate(zip(got, want), 1):
            expect(a == b, f"{path.name}, line {number}:\n  decoded  {a}\n  expected {b}")
        expect(len(got) == len(want), f"{path.name}: {len(got)} lines instead of {len(want)}")
        print(f"ok: {path.name}, {len(got)} lines")


def main(arguments):
    try:
        if len(arguments) == 2 and arguments[0] == "--check":
            check(arguments[1])
        elif len(arguments) == 1 and not arguments[0].startswith("-"):
            print("\n".join(decode_file(pathlib.Path(arguments[0]))))
        else:
            print(__doc__.strip(), file=sys.stderr)
            return 2
    except Damaged as reason:
        print(f"FAILED: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
