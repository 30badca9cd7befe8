#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A terminal for the tests of `varve top`: runs it on a pseudo terminal and keeps its screen.

    with Terminal(["varve", "top"], width=80, height=24, term="vt100") as t:
        t.wait("SERIES")
        t.keys("/load*\r")
        t.resize(120, 40)
        print(t.text())

It knows the control sequences that ncurses writes for vt100, linux and xterm, and fails on one that
it does not know, so that nothing is misread in silence.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

SEQUENCE = re.compile(r"\x1b(\[[?>]?([0-9;]*)([@-~])|[()][0AB]|[=>78M]|\][^\x07]*\x07)")


class Terminal:
    def __init__(self, command, width=80, height=24, term="vt100", env=None):
        self.width, self.height = width, height
        self.colours = False
        self.clear()
        self.saved = (0, 0)
        self.pending = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(env or {}, TERM=term)
            for name in ("COLUMNS", "LINES"):
                os.environ.pop(name, None)
            time.sleep(0.1)  # until the terminal has its size
            os.execvp(command[0], command)
        self.resize(width, height)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    # ---- what a user does -----------------------------------------------------------------------

    def resize(self, width, height):
        self.width, self.height = width, height
        self.screen = [(row + [" "] * width)[:width] for row in self.screen[:height]]
        self.screen += [[" "] * width for _ in range(height - len(self.screen))]
        self.x, self.y = min(self.x, width - 1), min(self.y, height - 1)
        self.region = (0, height - 1)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def keys(self, text):
        os.write(self.fd, text.encode())

    def wait(self, pattern, seconds=15):
        """Until the screen shows it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if re.search(pattern, self.text(), re.M):
                return
            self.read(0.2)
        raise SystemExit("FAILED: the screen never shows %r:\n%s" % (pattern, self.text()))

    def settle(self, seconds=0.3):
        """Until nothing is written for a while."""
        while self.read(seconds):
            pass

    def ended(self, seconds=10):
        """The exit code, once it has ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.read(0.1)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
        raise SystemExit("FAILED: it does not end:\n" + self.text())

    def text(self):
        return "\n".join("".join(row).rstrip() for row in self.screen)

    # ---- what the program writes ----------------------------------------------------------------

    def read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the other end is closed
            return False
        self.pending += data
        self.write()
        return bool(data)

    def clear(self):
        self.screen = [[" "] * self.width for _ in range(self.height)]
        self.x = self.y = 0

    def write(self):
        try:
            text, self.pending = self.pending.decode(), b""
        except UnicodeDecodeError as e:  # a character in two pieces
            text, self.pending = self.pending[:e.start].decode(), self.pending[e.start:]
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                match = SEQUENCE.match(text, at)
                if not match:
                    if len(text) - at < 32:
                        self.pending = text[at:].encode() + self.pending
                        return
                    raise SystemExit("FAILED: unknown sequence %r" % text[at:at + 16])
                if match.group(0) == "\x1bM":
                    if self.y == self.region[0]:
                        self.move_lines(self.region[0], 1)
                    self.y = max(self.y - 1, 0)
                elif match.group(0) == "\x1b7":
                    self.saved = (self.x, self.y)
                elif match.group(0) == "\x1b8":
                    self.x, self.y = self.saved
                elif match.group(3):
                    self.control(match.group(0), match.group(2), match.group(3))
                at = match.end()
            else:
                self.put(text[at])
                at += 1

    def put(self, c):
        if c == "\r":
            self.x = 0
        elif c == "\n":
            if self.y == self.region[1]:
                self.move_lines(self.region[0], -1)
            self.y = min(self.y + 1, self.height - 1)
        elif c == "\b":
            self.x = max(self.x - 1, 0)
        elif c in "\x0e\x0f\x00\x07":
            pass
        elif c < " ":
            raise SystemExit("FAILED: control character %r" % c)
        else:
            if self.x >= self.width:
                self.x, self.y = 0, min(self.y + 1, self.height - 1)
            if self.y < self.height:
                self.screen[self.y][self.x] = self.last = c
            self.x += 1

    def control(self, whole, numbers, letter):
        n = [int(k) if k else 0 for k in numbers.split(";")]
        one = max(n[0], 1)
        if letter == "r":
            self.region = (one - 1, (n[1] if len(n) > 1 and n[1] else self.height) - 1)
            self.x = self.y = 0
            return
        if letter in "hlt" or whole.startswith("\x1b[?") or whole.startswith("\x1b[>"):
            return
        if letter == "m":
            self.colours = self.colours or any(30 <= k <= 37 or 90 <= k <= 97 for k in n)
        elif letter in "Hf":
            self.y = min(one, self.height) - 1  # what was written for a larger screen stays on it
            self.x = min(max(n[1] if len(n) > 1 else 1, 1), self.width) - 1
        elif letter == "A":
            self.y = max(self.y - one, 0)
        elif letter == "B":
            self.y = min(self.y + one, self.height - 1)
        elif letter == "C":
            self.x = min(self.x + one, self.width - 1)
        elif letter == "D":
            self.x = max(self.x - one, 0)
        elif letter == "G":
            self.x = min(one, self.width) - 1
        elif letter == "d":
            self.y = min(one, self.height) - 1
        elif letter == "K":
            first, end = {0: (self.x, self.width), 1: (0, self.x + 1), 2: (0, self.width)}[n[0]]
            self.screen[self.y][first:end] = [" "] * (end - first)
        elif letter == "J":
            self.erase(n[0])
        elif letter == "X":
            end = min(self.x + one, self.width)
            self.screen[self.y][self.x:end] = [" "] * (end - self.x)
        elif letter == "P":
            row = self.screen[self.y]
            self.screen[self.y] = (row[:self.x] + row[self.x + one:] + [" "] * one)[:self.width]
        elif letter == "@":
            row = self.screen[self.y]
            self.screen[self.y] = (row[:self.x] + [" "] * one + row[self.x:])[:self.width]
        elif letter == "b":
            for _ in range(one):
                self.put(self.last)
        elif letter in "LM":
            self.move_lines(self.y, one if letter == "L" else -one)
        elif letter in "ST":
            self.move_lines(self.region[0], one if letter == "T" else -one)
        else:
            raise SystemExit("FAILED: unknown sequence %r" % whole)

    def erase(self, how):
        rows = {0: range(self.y + 1, self.height), 1: range(self.y), 2: range(self.height)}[how]
        for y in rows:
            self.screen[y] = [" "] * self.width
        if how == 0:
            self.screen[self.y][self.x:] = [" "] * (self.width - self.x)

    def move_lines(self, first, by):
        """Down, or up, from a line to the end of the scrolling region."""
        end = min(self.region[1], self.height - 1) + 1
        blank = [[" "] * self.width for _ in range(abs(by))]
        lines = self.screen[first:end]
        lines = blank + lines if by > 0 else lines[-by:] + blank
        self.screen[first:end] = lines[:end - first]
