#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks varve and Prometheus the same questions about the same samples.

    oracle.py VARVE FOLDER [--seed N] [--generated N]

Writes samples as CSV for `varve import` and as OpenMetrics for `promtool tsdb create-blocks-from`,
starts a Prometheus of its own on a free port of the loopback interface, stops it by its pid, and
compares every answer of hand-written queries (queries.txt) and generated ones: same series, same
times, same values within 1e-9; and both must refuse what one refuses. Everything lies below FOLDER.
Exits 1 when an answer differs.
"""
import argparse
import csv
import io
import json
import math
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

START = 1700006400  # on a grid line of two hours, seconds
SPAN = 3 * 3600
STEP = 15
HERE = os.path.dirname(os.path.abspath(__file__))


# ---- samples ------------------------------------------------------------------------------------

def gauge(rng, t, level):
    return round(level + 10 * math.sin(t / 700) + rng.gauss(0, 3), 3)


def make_series(rng):
    """{text: [(ms, value)]}; never on a whole second, so that no sample is on a window's edge."""
    series = {}
    for host in ("a", "b", "c"):
        for device in ("eth0", "eth1", "lo"):
            labels = '{device="%s",host="%s"}' % (device, host)
            level, counter = rng.uniform(-5, 60), rng.uniform(0, 100)
            temps, packets = [], []
            for t in range(0, SPAN, STEP):
                ms = (START + t) * 1000 + rng.randint(1, 999)
                temps.append((ms, gauge(rng, t, level)))
                counter = 0 if rng.random() < 0.002 else counter + rng.choice((0, 1, 7, 31.5))
                packets.append((ms, counter))
            series["temp" + labels] = temps
            series["packets_total" + labels] = packets
    thin(rng, series)
    for host in ("a", "b", "c", "d"):
        series['info{host="%s",zone="%s"}' % (host, "n" if host < "c" else "s")] = [
            ((START + t) * 1000 + 5, 1) for t in range(0, SPAN, 60)]
    series["odd{k=\"q\\\"b\\\\s\\nn\"}"] = [((START + t) * 1000 + 7, t) for t in range(0, SPAN, 30)]
    series['odd{k="é.*"}'] = [((START + t) * 1000 + 7, -t) for t in range(0, SPAN, 30)]
    series["edge"] = [((START + t) * 1000 + 9, (math.nan, math.inf, -math.inf, 0.0, 1e300)[t // 60 % 5])
                      for t in range(0, SPAN, 60)]
    return series


def thin(rng, series):
    """Gaps longer than the lookback, one series that begins late, one that ends early."""
    names = sorted(series)
    for name in rng.sample(names, 6):
        hole = START * 1000 + rng.randint(0, SPAN - 1800) * 1000
        series[name] = [s for s in series[name] if not hole <= s[0] < hole + 1200000]
    late, early = rng.sample(names, 2)
    series[late] = series[late][len(series[late]) // 2:]
    series[early] = series[early][:len(series[early]) // 3]


def number(value):
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(float(value))


def write_samples(series, folder):
    with open(folder + "/samples.csv", "w", newline="") as out:
        lines = csv.writer(out)
        lines.writerow(("ts", "series", "value"))
        rows = [(ms, name, value) for name, points in series.items() for ms, value in points]
        for ms, name, value in sorted(rows, key=lambda row: row[0]):
            lines.writerow((ms, name, number(value).replace("+", "")))
    with open(folder + "/samples.om", "w") as out:
        for name in sorted(series):
            for ms, value in series[name]:
                out.write("%s %s %d.%03d\n" % (name, number(value), ms // 1000, ms % 1000))
        out.write("# EOF\n")


# ---- the two programs ---------------------------------------------------------------------------

class Prometheus:
    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder + "/blocks")
        subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", "-q",
                        folder + "/samples.om", folder + "/blocks"], check=True,
                       stdout=subprocess.DEVNULL)
        with open(folder + "/prometheus.yml", "w") as out:
            out.write("global: {}\n")
        for _ in range(5):  # the port can be taken between looking and listening
            if self.start():
                return
        sys.exit("prometheus does not start: " + open(folder + "/prometheus.log").read()[-2000:])

    def start(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = "http://127.0.0.1:%d" % port
        log = open(self.folder + "/prometheus.log", "w")
        self.process = subprocess.Popen(
            ["prometheus", "--config.file", self.folder + "/prometheus.yml",
             "--storage.tsdb.path", self.folder + "/blocks",
             "--storage.tsdb.retention.time", "100y", "--web.listen-address",
             "127.0.0.1:%d" % port], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(self.url + "/-/ready", timeout=5):
                    return True
            except OSError:
                time.sleep(0.1)
        self.stop()
        return False

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def ask(self, query):
        """{labels: [(ms, value)]}, or the error as a string."""
        path = "/api/v1/query_range" if query.step else "/api/v1/query"
        wanted = {"query": query.text}
        if query.step:
            wanted.update(start=query.start, end=query.end, step=query.step)
        else:
            wanted.update(time=query.end)
        url = self.url + path + "?" + urllib.parse.urlencode(wanted)
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                data = json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            return json.load(error)["error"]
        if data["resultType"] == "scalar":
            return {frozenset(): [point(data["result"])]}
        return {frozenset(one["metric"].items()):
                [point(p) for p in one.get("values", [one.get("value")])]
                for one in data["result"]}


def point(pair):
    return (round(float(pair[0]) * 1000), float(pair[1]))


class Varve:
    def __init__(self, program, folder):
        self.program = program
        self.store = ["--store", "sqlite:" + folder + "/varve.db"]
        subprocess.run([program, "import", folder + "/samples.csv", "--keep-all", "--strict"]
                       + self.store, check=True, stdout=subprocess.DEVNULL)

    def ask(self, query):
        times = ["--to", "%d" % (query.end * 1000)]
        if query.step:
            times += ["--from", "%d" % (query.start * 1000), "--step", "%ds" % query.step]
        tier = ["--tier", "raw"] if query.raw else []
        # In parentheses a selector is an expression, too; in front the column would move.
        done = subprocess.run([self.program, "query", "--format", "csv"] + self.store + times
                              + tier + ["--", query.text + " "], capture_output=True, text=True)
        if done.returncode == 3:
            return {}
        if done.returncode != 0:
            return done.stderr or "exit code %d" % done.returncode
        result = {}
        for ts, series, value in list(csv.reader(io.StringIO(done.stdout)))[1:]:
            result.setdefault(labels_of(series), []).append((int(ts), float(value)))
        return result


def labels_of(series):
    name, _, rest = series.partition("{")
    labels = {"__name__": name} if name else {}
    for key, value in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', rest):
        labels[key] = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], value)
    return frozenset(labels.items())


# ---- queries ------------------------------------------------------------------------------------

class Query:
    def __init__(self, text, rng):
        self.text = text
        self.end = START + rng.randrange(60, SPAN, 60)
        self.step = rng.choice((0, 15, 60, 60, 300, 600))
        self.start = max(START, self.end - self.step * rng.randint(1, 40))
        self.start -= self.start % self.step if self.step else 0
        self.raw = rng.random() < 0.5

    def __str__(self):
        return "%s   [%s .. %s, step %s%s]" % (self.text, self.start, self.end, self.step,
                                              ", raw" if self.raw else "")


def read_queries(rng):
    with open(HERE + "/queries.txt") as lines:
        return [Query(line.rstrip("\n"), rng) for line in lines
                if line.strip() and not line.startswith("#")]


MATCHERS = ('', '{host="a"}', '{host!="b"}', '{device=~"eth.*"}', '{device!~"lo|eth1",host=~"[ab]"}',
            '{host=~"a|c"}')
OVER = ("avg", "min", "max", "sum", "count", "last", "stddev", "present")
LABELS = ("host", "device", "host, device", "")


def selector(rng, suffix=""):
    at = rng.choice(("",) * 6 + (" offset 5m", " offset -2m", " @ %d" % (START + 5000), " @ end()"))
    return rng.choice(("temp", "temp", "packets_total")) + rng.choice(MATCHERS) + suffix + at


def matrix(rng):
    return selector(rng, rng.choice(("[1m]", "[2m]", "[5m]", "[10m]", "[1h]")))


def vector(rng, depth):
    kind = rng.randrange(10 if depth > 0 else 3)
    if kind == 0:
        return "(" + selector(rng) + ")"
    if kind == 1:
        return rng.choice(("rate", "increase", "delta", "irate", "deriv", "resets", "changes")) + \
            "(" + matrix(rng) + ")"
    if kind == 2:
        return rng.choice(OVER) + "_over_time(" + matrix(rng) + ")"
    if kind == 3:
        return rng.choice(("abs", "ceil", "floor", "round", "-")) + "(" + vector(rng, depth - 1) + ")"
    if kind == 4:
        return "clamp_%s(%s, %s)" % (rng.choice(("min", "max")), vector(rng, depth - 1),
                                     scalar(rng, depth - 1))
    if kind in (5, 6):
        return aggregation(rng, depth)
    if kind == 7:
        sides = [vector(rng, depth - 1), scalar(rng, depth - 1)]
        rng.shuffle(sides)
        return "(%s %s %s)" % (sides[0], operator(rng), sides[1])
    return matching(rng, depth)


def aggregation(rng, depth):
    grouping = rng.choice(("", " by (%s)" % rng.choice(LABELS), " without (%s)" % rng.choice(LABELS)))
    over = vector(rng, depth - 1)
    how = rng.choice(("sum", "avg", "min", "max", "count", "stddev", "group", "quantile"))
    if how == "quantile":
        over = "%s, %s" % (rng.choice(("0", "0.5", "0.9", "1")), over)
    return "%s%s (%s)" % (how, grouping, over)


def matching(rng, depth):
    left, right = vector(rng, depth - 1), vector(rng, depth - 1)
    how = rng.randrange(4)
    if how == 0:
        return "(%s %s %s)" % (left, rng.choice(("and", "or", "unless")), right)
    if how == 1:
        return "(%s %s on (host) %s)" % (left, rng.choice(("and", "or", "unless")), right)
    if how == 2:
        return "(%s %s on (host) group_left (%s) info)" % (left, rng.choice("+-*/"),
                                                          rng.choice(("", "zone")))
    return "(%s %s ignoring (zone) %s)" % (left, operator(rng), right)


def operator(rng):
    return rng.choice(("+", "-", "*", "/", "%", "> bool", "== bool", "<", ">=", "!="))


def scalar(rng, depth):
    kind = rng.randrange(4)
    if kind == 0:
        return rng.choice(("0", "1", "2.5", "-3", "1e3", "time()"))
    if kind == 1 and depth > 0:
        return "scalar(sum(%s))" % vector(rng, depth - 1)
    return rng.choice(("10", "0.5", "(2 ^ 3)", "(7 % 4)"))


# ---- comparing ----------------------------------------------------------------------------------

def same(a, b, scale):
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    if math.isinf(a) or math.isinf(b):
        return a == b
    return abs(a - b) <= 1e-9 * max(abs(a), abs(b), scale)


def difference(ours, theirs):
    """What differs, in a line; "" when nothing does."""
    if isinstance(ours, str) or isinstance(theirs, str):
        if isinstance(ours, str) and isinstance(theirs, str):
            return ""
        return "varve: %s\n    prometheus: %s" % (str(ours)[:300], str(theirs)[:300])
    if set(ours) != set(theirs):
        return "series: only varve %s, only prometheus %s" % (
            [dict(k) for k in set(ours) - set(theirs)][:3],
            [dict(k) for k in set(theirs) - set(ours)][:3])
    for labels, points in theirs.items():
        mine = ours[labels]
        if [p[0] for p in mine] != [p[0] for p in points]:
            return "times of %s: %s, %s" % (dict(labels), mine[:5], points[:5])
        for (ms, a), (_, b) in zip(mine, points):
            if not same(a, b, 100.0):  # of the samples: differences of equals are noise of theirs
                return "%s at %d: varve %r, prometheus %r" % (dict(labels), ms, a, b)
    return ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("varve")
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--generated", type=int, default=250)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    write_samples(make_series(rng), options.folder)
    varve = Varve(options.varve, options.folder)
    prometheus = Prometheus(options.folder)
    wrong = values = refused = 0
    try:
        queries = read_queries(rng)
        queries += [Query(vector(rng, 3), rng) for _ in range(options.generated)]
        for query in queries:
            theirs = prometheus.ask(query)
            what = difference(varve.ask(query), theirs)
            values += sum(map(len, theirs.values())) if isinstance(theirs, dict) else 0
            refused += isinstance(theirs, str)
            if what:
                wrong += 1
                print("%s\n    %s" % (query, what))
    finally:
        prometheus.stop()
    print("%d queries, %d values, %d refused by both, %d differ (seed %d)" %
          (len(queries), values, refused, wrong, options.seed))
    sys.exit(1 if wrong or values < 10000 else 0)


if __name__ == "__main__":
    main()
