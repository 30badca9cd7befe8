# SPDX-License-Identifier: Apache-2.0
"""Records a run of the daemon on ext4, cuts the power in the record, and looks what is left.

Prints figures and what is wrong; exit code 0: no cut lost anything, or, with --lose, some did.
README.md says how it works.
"""
import argparse
import os
import random
import signal
import subprocess
import sys
import time
from multiprocessing import Pipe, Process

import device
from blklog import Cuts, read_entries
from history import Check, bits
from record import Run
from store import MINUTE_MS, Daemon, Failure, Programs

SHOWN = 10  # cuts of which is told what was wrong
AFTER_ROWS = 5
ROLL_BACK = "has to be rolled back"  # what a store that has to be rolled back says when it is not


class Tally:
    def __init__(self):
        self.cuts = self.bad = self.lost = self.unread = 0

    def add(self, other):
        for name, count in vars(other).items():
            setattr(self, name, getattr(self, name) + count)

    def tell(self, k, what):
        if self.bad + self.lost <= SHOWN:
            print(f"cut {k}: {what}", flush=True)


def check_store(programs, state, check, extra):
    store = programs.store(state)
    check.raw(programs.export(store), extra)
    for tier in ("minute", "hour"):
        cells = [programs.export(store, "made*", "--tier", tier, "--agg", agg)
                 for agg in ("count", "max")]
        check.tier(tier, *cells)


def check_backups(programs, state, must, may):
    folder = os.path.join(state, "backup")
    names = os.listdir(folder) if os.path.isdir(folder) else []
    there = {name for name in names if name.endswith(".db")}
    if not must.backups <= there:
        raise Failure(f"backups are gone: {must.backups - there}")
    if not there <= may.backups:
        raise Failure(f"backups that nobody made: {there - may.backups}")
    for name in there:
        programs.ask("backup", "verify", os.path.join(folder, name), "--store",
                     programs.store(state))


def check_first_look(programs, state, history, must, may, tally):
    """Read-only: what was being written when the power went is not put right yet."""
    check = Check(history, must, may, may.newest_ms)
    store = programs.store(state)
    if not programs.has_store(state):
        if must.imported > 0:
            check.lost.add("the store")
        return check
    opened = programs.run("series", "--store", store)
    if opened.returncode != 0:
        tally.unread += 1
        if must.imported > 0 and ROLL_BACK not in opened.stderr:
            raise Failure(f"not to be opened read-only: {opened.stderr}")
        return check
    programs.damaged_blocks(store)
    check_store(programs, state, check, {})
    return check


def check_second_look(programs, state, history, must, may):
    """The daemon starts as if nothing had been, takes new history and stops."""
    first_ms = may.newest_ms // MINUTE_MS * MINUTE_MS + MINUTE_MS
    extra = {(first_ms + 3000 * i, "after"): bits(i + 0.1) for i in range(AFTER_ROWS)}
    csv = "".join(f"{first_ms + 3000 * i},after,{i + 0.1}\n" for i in range(AFTER_ROWS))
    daemon = Daemon(programs, state, programs.conf)
    try:
        daemon.ask("import", "--strict", "-", stdin=csv)
        check_backups(programs, state, must, may)
        daemon.stop()
    finally:
        daemon.kill()
    damaged = programs.damaged_blocks(programs.store(state))
    if damaged > programs.may_damage:
        raise Failure(f"{damaged} damaged blocks")
    check = Check(history, must, may, first_ms + MINUTE_MS)
    check_store(programs, state, check, extra)
    return check


def check_cut(programs, where, history, k, tally):
    must, may = history.at(k)
    state = os.path.join(where, "state")
    if not os.path.isdir(state) and must.imported == 0:
        os.mkdir(state)
    looks = {
        "read-only": lambda: check_first_look(programs, state, history, must, may, tally),
        "after a start": lambda: check_second_look(programs, state, history, must, may),
    }
    lost = False
    try:
        for look, check_look in looks.items():
            missing = check_look().lost
            if missing:
                lost = True
                tally.tell(k, f"{look}, {len(missing)} of what was acknowledged are missing: "
                           + ", ".join(sorted(missing)[:3]))
    except Failure as failure:
        tally.bad += 1
        tally.tell(k, f"{look}, {failure}")
    tally.lost += lost


def replay(programs, base, entries, history, chosen, seed, keep, one_is_enough):
    """Each core takes a share of the cuts, with a disk of its own, unless the first loss ends it."""
    count = 1 if one_is_enough else os.cpu_count() or 1
    tally = Tally()
    shares = []
    try:
        for i in range(count):
            answer, end = Pipe(duplex=False)
            shares.append((answer, Process(target=replay_and_tell, args=(
                end, programs.of_share(i), base, entries, history, chosen[i::count], seed,
                keep and f"{keep}{i}.img", one_is_enough))))
            shares[-1][1].start()
            end.close()
        for answer, _ in shares:
            tally.add(answer.recv())  # EOFError: it has ended without an answer
    except BaseException:
        for _, process in shares:
            process.terminate()
        raise
    finally:
        for _, process in shares:
            process.join()
    return tally


def replay_and_tell(end, *args):
    end.send(replay_share(*args))


def replay_share(programs, base, entries, history, chosen, seed, keep, one_is_enough):
    tally = Tally()
    disk = os.path.join(programs.work, "cut.img")
    cuts = Cuts(base, entries, seed)
    for k in chosen:
        if one_is_enough and tally.lost > 0:
            break
        image = cuts.image(k)
        with open(disk, "wb") as f:
            f.write(image)
        before = tally.bad + tally.lost
        tally.cuts += 1
        try:
            with device.mounted(disk, os.path.join(programs.work, "cut")) as where:
                check_cut(programs, where, history, k, tally)
        except OSError as error:
            tally.bad += 1
            tally.tell(k, error)
        if keep and before == 0 and tally.bad + tally.lost > 0:
            with open(keep, "wb") as f:
                f.write(image)
            print(f"the disk after this cut: {keep}", flush=True)
    return tally


def record(programs, args, imports, flushes):
    """Returns the disk before, the record and the history."""
    work = programs.work
    disk, log = os.path.join(work, "disk.img"), os.path.join(work, "log.img")
    device.make_disk(disk)
    with open(disk, "rb") as f:
        base = f.read()
    with device.recorded(disk, log, os.path.join(work, "export")) as export:
        with device.mounted(export, os.path.join(work, "disk")) as where:
            state = os.path.join(where, "state")
            os.mkdir(state)
            run = Run(programs, state, log, args.lose, args.seed, imports, flushes)
            try:
                history = run.go()
            finally:
                if run.daemon:
                    run.daemon.kill()
    return base, read_entries(log), history


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--mode", required=True, choices=("wal", "inplace", "rotate"))
    parser.add_argument("--lose", type=int, default=0, metavar="N",
                        help="every Nth sync does nothing, and that must show")
    seed = os.environ.get("VARVE_TEST_SEED") or random.randrange(1 << 32)
    parser.add_argument("--seed", type=int, default=int(seed))
    return parser.parse_args()


def stop(number, _):
    signal.signal(number, signal.SIG_IGN)  # what follows takes apart what is mounted
    sys.exit(128 + number)


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, stop)
    whole = os.environ.get("VARVE_TEST_LONG") == "1"
    imports, flushes, sample = (250, 80, 0) if whole else (48, 14, 16)
    if args.lose:
        imports, flushes, sample = 24, 14, 0
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0700", "varve", args.work], check=True)
    programs = Programs(args.build, args.work, args.mode)
    print(f"{args.mode}, seed {args.seed}", flush=True)

    began = time.monotonic()
    base, entries, history = record(programs, args, imports, flushes)
    flushed = sum(entry.flush for entry in entries)
    print(f"recorded {len(history.acks)} acknowledged steps in {time.monotonic() - began:.1f} s: "
          f"{len(entries)} entries, {flushed} flushes", flush=True)

    chosen = range(len(entries) + 1)
    if args.lose:
        chosen = chosen[history.acks[0].entries:]  # before, nothing can be lost
    elif sample:
        chosen = sorted(random.Random(args.seed).sample(chosen, sample))
    began = time.monotonic()
    keep = None if args.lose else os.path.join(args.build, f"blackbox-{args.mode}-")
    one_is_enough = args.lose > 0 and not whole
    tally = replay(programs, base, entries, history, chosen, args.seed, keep, one_is_enough)
    print(f"{tally.cuts} cuts: {tally.bad} bad, {tally.lost} lost what was acknowledged, "
          f"{tally.unread} to be opened for writing first, {time.monotonic() - began:.1f} s")
    if args.lose:
        return 0 if tally.lost > 0 else "syncs did nothing, and nothing is missing: a blind test"
    return 1 if tally.bad + tally.lost > 0 else 0


if __name__ == "__main__":
    sys.exit(main())
