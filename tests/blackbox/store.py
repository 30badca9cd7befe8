# SPDX-License-Identifier: Apache-2.0
"""varve as its users have it: a configuration, the daemon, the tool."""
import copy
import json
import os
import signal
import socket
import subprocess
import time

START_S = 120
# Exit codes of the tool.
DAMAGED = 1
NOTHING_SUCH = 3
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
RAW_KEEP_MS = 20 * MINUTE_MS
MINUTE_KEEP_MS = 6 * HOUR_MS

# A window is a minute of history, and twenty are kept: slots and segments are soon used again.
CONF = """
[varve]
state = ${VARVE_STATE}
flush = 1m
clock = trust
log_level = notice
[tiers]
raw = 1s keep 20m
minute = 1m keep 6h
hour = 1h keep 7d
"""

# The smallest sizes, so that checkpoints and rotations are many.
BACKEND = {
    "wal": "[backend flash : sqlite]\npath = varve.db\nwal_limit = 64K\n",
    "inplace": "[backend flash : sqlite]\npath = varve.db\njournal = inplace\n",
    "rotate": "[backend flash : rotate]\npath = segments\nsegment = 64K\nsize = 4M\n",
}

# Samples of which a wall-clock time is known only afterwards; ten a second, four series.
LIVE = "[collector sequence]\ninterval = 100ms\nnote = %s\n"


class Failure(Exception):
    """What varve said or did that it must not."""


class Programs:
    def __init__(self, build, work, mode):
        self.varved = os.path.join(build, "varved")
        self.varve = os.path.join(build, "varve")
        self.plugins = os.path.join(build, "tests/blackbox/sequence")
        self.lossy = os.path.join(build, "tests/blackbox/lossy/lossy.so")
        self.work = work
        self.has_backups = mode != "rotate"
        # Blocks that are overwritten in place are not safe before the commit. Those of one that was
        # cut stay as damaged ones until their slots are used again.
        self.in_order = mode != "inplace"
        self.may_damage = 8 if mode == "inplace" else 0
        self.note = os.path.join(work, "note")
        self.conf = self.write_conf("varve.ini", CONF + BACKEND[mode])
        self.live_conf = self.write_conf("live.ini", CONF + BACKEND[mode] + LIVE % self.note)
        self.kind = "rotate:%s/segments" if mode == "rotate" else "sqlite:%s/varve.db"

    def of_share(self, share):
        """The same with a folder of their own to work in."""
        programs = copy.copy(self)
        programs.work = os.path.join(self.work, f"share{share}")
        os.makedirs(programs.work, exist_ok=True)
        return programs

    def write_conf(self, name, text):
        path = os.path.join(self.work, name)
        with open(path, "w", encoding="utf-8") as conf:
            conf.write(text)
        return path

    def store(self, state):
        return self.kind % state

    def has_store(self, state):
        return os.path.exists(self.store(state).split(":")[1])

    def run(self, *args, stdin=""):
        return subprocess.run([self.varve, *args], input=stdin, capture_output=True, text=True)

    def ask(self, *args, stdin=""):
        """Runs the tool; it must succeed. Returns what it printed."""
        done = self.run(*args, stdin=stdin)
        if done.returncode != 0:
            raise Failure(f"varve {' '.join(args)}: exit code {done.returncode}: {done.stderr}")
        return done.stdout

    def export(self, store, *args):
        done = self.run("export", "--store", store, *args)
        if done.returncode not in (0, NOTHING_SUCH):
            raise Failure(f"varve export {' '.join(args)}: exit code {done.returncode}: {done.stderr}")
        return done.stdout

    def damaged_blocks(self, store):
        done = self.run("check", "--store", store, "--format", "json")
        if done.returncode not in (0, DAMAGED):
            raise Failure(f"varve check: exit code {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)["damaged"]

    def pushed_numbers(self):
        """How many numbers the collector has pushed."""
        with open(self.note, "rb") as note:
            return int.from_bytes(note.read(8), "little")


class Daemon:
    """varved on a state directory, started and answering."""

    def __init__(self, programs, state, conf, lose=0):
        self.programs = programs
        self.socket = os.path.join(state, "varved.sock")
        self.log = os.path.join(programs.work, "varved.log")
        env = dict(os.environ, VARVE_STATE=state)
        if lose:
            env.update(LD_PRELOAD=programs.lossy, BLACKBOX_LOSE=str(lose))
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [programs.varved, "-c", conf, "--plugin-dir", programs.plugins],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
        try:
            self.wait_for(self.answers, "does not answer")
        except BaseException:
            self.kill()
            raise

    def wait_for(self, what, otherwise):
        deadline = time.monotonic() + START_S
        while not what():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"varved {otherwise}: {self.said()}")
            time.sleep(0.002)

    def answers(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            return s.connect_ex(self.socket) == 0

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def ask(self, *args, stdin=""):
        return self.programs.ask(*args, "--socket", self.socket, stdin=stdin)

    def flush_by_signal(self):
        told = self.said().count("flushed: ")
        self.process.send_signal(signal.SIGUSR1)
        self.wait_for(lambda: self.said().count("flushed: ") > told, "tells of no flush")

    def stop(self):
        self.process.terminate()
        code = self.process.wait()
        if code != 0:
            raise Failure(f"varved stopped with exit code {code}: {self.said()}")

    def kill(self):
        self.process.kill()
        self.process.wait()
