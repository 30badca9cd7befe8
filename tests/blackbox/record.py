# SPDX-License-Identifier: Apache-2.0
"""The run that is recorded: what a daemon goes through, step by step, and what it acknowledged."""
import os
import time

from blklog import count_entries
from history import History
from store import MINUTE_MS, Daemon

LIVE_IMPORT_EVERY = 10
SIGNAL_EVERY = 7


def now_ms():
    return time.time_ns() // 1_000_000


class Run:
    """`imports` and `flushes` windows; `log`: the record of the disk that `state` lies on;
    `lose`: every which sync does nothing, 0: none."""

    def __init__(self, programs, state, log, lose, seed, imports, flushes):
        self.programs = programs
        self.state = state
        self.log = log
        self.lose = lose
        self.imports = imports
        self.flushes = flushes
        self.backups = set()
        self.daemon = None
        # Imported history ends shortly before the live one begins.
        minutes = imports + flushes // LIVE_IMPORT_EVERY + 3
        self.history = History(seed, now_ms() // MINUTE_MS * MINUTE_MS - minutes * MINUTE_MS,
                               programs.in_order)

    def go(self):
        self.start(self.programs.conf)
        for step in range(self.imports):
            self.import_minute()
            self.event(step)
        self.daemon.stop()
        self.start(self.programs.live_conf)
        for step in range(self.flushes):
            self.flush(step)
            if step % LIVE_IMPORT_EVERY == LIVE_IMPORT_EVERY - 1:
                self.import_minute()
        self.daemon.stop()  # which flushes, too
        self.note_ack(self.numbers())
        store = self.programs.store(self.state)
        self.history.finish(self.programs.ask("export", "sequence*", "--store", store))
        return self.history

    def start(self, conf):
        self.daemon = Daemon(self.programs, self.state, conf, self.lose)

    def numbers(self):
        live = os.path.exists(self.programs.note)
        return self.programs.pushed_numbers() if live else 0

    def note_ack(self, numbers):
        entries = count_entries(self.log)
        imported_ms = self.history.minute_ms()
        newest_ms = now_ms() if self.numbers() > 0 else imported_ms
        self.history.acknowledge(entries, newest_ms, numbers, self.numbers(), self.backups)

    def import_minute(self):
        numbers = self.numbers()
        self.daemon.ask("import", "--strict", "-", stdin=self.history.next_minute())
        self.note_ack(numbers)

    def flush(self, step):
        before = self.numbers()
        while self.numbers() == before:
            time.sleep(0.005)
        before = self.numbers()
        if step % SIGNAL_EVERY == SIGNAL_EVERY - 1:
            self.daemon.flush_by_signal()
        else:
            self.daemon.ask("flush")
        self.note_ack(before)

    def event(self, step):
        """What happens between two windows, once in the run."""
        at = 12 * (step + 1) // self.imports if 12 * (step + 1) % self.imports < 12 else None
        if at in (3, 7) and self.programs.has_backups:
            self.backup()
        elif at == 5:
            self.daemon.stop()
            self.start(self.programs.conf)
        elif at == 8 and self.programs.has_backups:
            self.backup()
            self.daemon.ask("backup", "restore", "latest")
            self.note_ack(0)
        elif at == 10:
            self.daemon.kill()
            self.start(self.programs.conf)

    def backup(self):
        path = self.daemon.ask("backup", "now").strip().splitlines()[-1]
        self.backups.add(os.path.basename(path))
        self.note_ack(0)
