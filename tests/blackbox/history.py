# SPDX-License-Identifier: Apache-2.0
"""What was given to varve and what it acknowledged, and whether a store keeps to it.

History comes in two ways: imported, a minute of random values at a time, each import one step; and
live, from the collector `sequence`, acknowledged by flushes. A step is over when varve says so, and
the record had a number of entries then: a cut behind this entry must have all of the step. Of the
step after it there may be a beginning - or, where blocks are overwritten in place, any part -, and
there is nothing else.
"""
import random
import struct
from bisect import bisect_left, bisect_right
from collections import namedtuple

from store import HOUR_MS, MINUTE_KEEP_MS, MINUTE_MS, RAW_KEEP_MS, Failure

ROWS = 20  # of each series in a minute
FEW_SERIES, MANY_SERIES = 12, 48  # a block of one flash page, and one of several
LIVE_SERIES = 4  # of the collector
STEP_MS = {"minute": MINUTE_MS, "hour": HOUR_MS}
SPECIAL = (float("nan"), float("inf"), float("-inf"), -0.0, 5e-324, 1.7976931348623157e308)

# entries: of the record when it was over. newest_ms: no row was newer then.
# imported: minutes so far. numbers: of the live sequence, that were pushed before the step began;
# most_numbers: before it was over. backups: their names.
Ack = namedtuple("Ack", "entries newest_ms imported numbers most_numbers backups")


def bits(value):
    return struct.pack("<d", value) if value == value else b"nan"


class Cell:
    """One series in one step of a coarse tier."""

    def __init__(self):
        self.minutes = []  # of each row, which imported minute it came with
        self.maxima = []  # the maximum up to each row

    def add(self, minute, value):
        self.minutes.append(minute)
        self.maxima.append(max(value, self.maxima[-1]) if self.maxima else value)

    def count(self, imported):
        return bisect_left(self.minutes, imported)


class History:
    def __init__(self, seed, first_ms, in_order):
        self.in_order = in_order  # blocks of one commit reach the disk in order, or not at all
        self.chance = random.Random(seed)
        self.first_ms = first_ms
        self.minutes = []  # {(ms, series): bits of the value} of each imported minute
        self.cells = {tier: {} for tier in STEP_MS}  # {(ms, series): Cell} of each
        self.acks = []
        self.live = []  # (ms, series, bits) of the sequence at the end of the run, in order

    def next_minute(self):
        """CSV of the next minute of imported history."""
        series = MANY_SERIES if len(self.minutes) % 7 == 3 else FEW_SERIES
        begins_ms = self.minute_ms()
        self.minutes.append({})
        lines = []
        for ms in range(begins_ms, begins_ms + MINUTE_MS, MINUTE_MS // ROWS):
            for s in range(series):
                lines.append(self.add(ms, f"made_{s:02d}", self.chance.uniform(-1000, 1000)))
            lines.append(self.add(ms, "odd", self.chance.choice(SPECIAL)))
        return "".join(lines)

    def add(self, ms, series, value):
        minute = len(self.minutes) - 1
        self.minutes[minute][ms, series] = bits(value)
        if series != "odd":  # a maximum with NaN is another matter
            for tier, step in STEP_MS.items():
                self.cells[tier].setdefault((ms // step * step, series), Cell()).add(minute, value)
        return f"{ms},{series},{value!r}\n"

    def minute_ms(self):
        return self.first_ms + len(self.minutes) * MINUTE_MS

    def given(self, key, imported):
        """The bits of a sample that is among the first minutes, so many of them; else None."""
        number = (key[0] - self.first_ms) // MINUTE_MS
        return self.minutes[number].get(key) if 0 <= number < imported else None

    def acknowledge(self, entries, newest_ms, numbers, most_numbers, backups):
        self.acks.append(Ack(entries, newest_ms, len(self.minutes), numbers, most_numbers,
                             frozenset(backups)))

    def finish(self, csv):
        """`csv`: the live samples of the whole run, from the store that no cut has met."""
        self.live = in_order(parse(csv))
        pushed = [bits(n + i / LIVE_SERIES)
                  for n in range(self.acks[-1].numbers) for i in range(LIVE_SERIES)]
        if [value for _, _, value in self.live] != pushed:
            raise Failure("the live samples at the end of the run are not those that were pushed")

    def at(self, entries):
        """What a cut behind this entry must have, and what it may have at most."""
        n = bisect_right([ack.entries for ack in self.acks], entries)
        nothing = Ack(0, self.first_ms, 0, 0, 0, frozenset())
        must = self.acks[n - 1] if n > 0 else nothing
        may = self.acks[n] if n < len(self.acks) else must
        return must, may


def parse(csv):
    """{(ms, series): bits} of an export."""
    rows = {}
    for line in csv.splitlines()[1:]:
        ms, rest = line.split(",", 1)
        series, value = rest.rsplit(",", 1)
        key = int(ms), series
        if key in rows:
            raise Failure(f"{series} has two samples at {ms}")
        rows[key] = bits(float(value))
    return rows


def in_order(rows):
    return sorted((ms, series, value) for (ms, series), value in rows.items())


class Check:
    """Compares the answers of one store with the history up to a cut."""

    def __init__(self, history, must, may, newest_ms):
        self.history = history
        self.must = must
        self.may = may
        self.raw_from_ms = newest_ms - RAW_KEEP_MS
        self.minute_from_ms = newest_ms - MINUTE_KEEP_MS
        self.lost = set()  # what was acknowledged and is not there, in words

    def raw(self, csv, extra):
        """`extra`: rows of which all must be there and that are no part of the history."""
        rows = parse(csv)
        if any(rows.pop(key, None) != value for key, value in extra.items()):
            raise Failure("what was imported after the cut is not all there")
        live = {key: rows.pop(key) for key in list(rows) if key[1].startswith('"sequence')}
        self.sequence(in_order(live))
        self.imported(rows)

    def imported(self, rows):
        for key, value in rows.items():
            given = self.history.given(key, self.may.imported)
            if given is None:
                raise Failure(f"a sample that nobody gave to varve: {key}")
            if given != value:
                raise Failure(f"a sample with another value: {key}")
        oldest = (self.raw_from_ms - self.history.first_ms) // MINUTE_MS
        for number in range(max(oldest, 0), self.must.imported):
            if any(key not in rows and key[0] >= self.raw_from_ms
                   for key in self.history.minutes[number]):
                self.lost.add(f"minute {number}")
        if self.history.in_order:
            for number in range(self.must.imported, self.may.imported):
                self.beginning(self.history.minutes[number], rows)

    def beginning(self, minute, rows):
        """Of a step that was cut: of each series the first samples, or none."""
        missing = set()  # series
        for key in minute:
            if key not in rows:
                missing.add(key[1])
            elif key[1] in missing:
                raise Failure(f"a sample is there, {key}, and an earlier one of it is not")

    def sequence(self, rows):
        """The first of those that the run ended with, for each series without a hole."""
        if self.history.live[:len(rows)] != rows:
            raise Failure("live samples are not the first of those that were pushed")
        numbers = len(rows) / LIVE_SERIES
        if numbers > self.may.most_numbers:
            raise Failure("live samples that were not pushed yet")
        if numbers < self.must.numbers:
            self.lost.add(f"live samples from {numbers} to {self.must.numbers}")

    def tier(self, tier, counts, maxima):
        """Cells hold what was acknowledged, and maybe a beginning of the step after it."""
        counts, maxima = parse(counts), parse(maxima)
        for key, cell in self.history.cells[tier].items():
            count = struct.unpack("<d", counts.pop(key, bits(0.0)))[0]
            if count == 0 and key[0] < self.minute_from_ms:
                continue  # has expired
            if count > cell.count(self.may.imported):
                raise Failure(f"{tier} {key} counts {count}, more than there was")
            if count < cell.count(self.must.imported):
                self.lost.add(f"{tier} {key}: counts {count:g}")
            elif self.knows(cell, count) and maxima[key] != bits(cell.maxima[int(count) - 1]):
                raise Failure(f"the maximum of {tier} {key} is another")
        if counts:
            raise Failure(f"{tier} has cells of what nobody gave to varve: {min(counts)}")

    def knows(self, cell, count):
        """Whether it can only be the first `count` rows that are in the cell."""
        whole = {cell.count(self.must.imported), cell.count(self.may.imported)}
        return count > 0 and (self.history.in_order or count in whole)
