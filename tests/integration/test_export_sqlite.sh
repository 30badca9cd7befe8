#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# History as a plain SQLite file, read by SQLite: samples, cells, series and events are those of the
# other exports, from a store and from a daemon that goes on collecting; a file that belongs to
# somebody else stays.
# shellcheck disable=SC2016 # backquotes are part of messages
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

if ! command -v sqlite3 >/dev/null; then
    skip 'there is no sqlite3'
fi
store=sqlite:$work/store.db
log=$work/log
awk 'BEGIN {
    srand(5)
    print "ts,series,value"
    for (i = 0; i < 2000; i++) {
        t = 1750000020 + i * 5
        printf "%d,cpu_percent{core=\"0\"},%.17g\n", t, rand() * 100
        printf "%d,disk_bytes_total,%d\n", t, i * 4096 % 1000000
        if (i % 3) printf "%d,\"odd{a=\"\"x \\\"\"y\\\"\" \\\\z, w\"\",b=\"\"<&\"\"}\",%d\n", t, i - 1000
    }
    print "1750000021,special,NaN\n1750000022,special,+Inf\n1750000023,special,-Inf\n1750000024,servers.web-1.load,1"
}' >"$work/in.csv"
"$varve" import --store "$store" --keep-all "$work/in.csv" 2>"$log" || fail "$(cat "$log")"

# nothing_at <path>: neither a file nor a half of one is left there
nothing_at() {
    if [ -e "$1" ] || [ -e "$1.tmp" ]; then
        fail "something is left at $1"
    fi
}

# ---- the rows are those of CSV, to the bit; cells have what each aggregation says
cat >"$work/compare.py" <<'EOT'
import csv, json, math, sqlite3, subprocess, sys
varve, source, path = sys.argv[1], sys.argv[2:-1], sys.argv[-1]
db = sqlite3.connect('file:%s?mode=ro' % path, uri=True)
assert db.execute('PRAGMA integrity_check').fetchall() == [('ok',)]
assert db.execute('PRAGMA foreign_key_check').fetchall() == []
escape = lambda v: v.replace('\\', '\\\\').replace('"', '\\"').replace('\n', '\\n')
names = {}
for id, name, labels in db.execute('SELECT id, name, labels FROM series'):
    labels = sorted(json.loads(labels).items())
    names[id] = name + ('{%s}' % ','.join('%s="%s"' % (k, escape(v)) for k, v in labels) if labels else '')
    if name == 'dotted':
        names[id] = labels[0][1]
def exported(*options):
    text = subprocess.run([varve, 'export', '--format', 'csv', *source, *options], check=True,
                          stdout=subprocess.PIPE).stdout.decode('utf-8', 'surrogateescape')
    rows = csv.DictReader(text.splitlines())
    return {(r['series'], int(r['ts'])): repr(float(r['value'])) for r in rows}
def stored(query, *values):
    return {(names[id], time): repr(math.nan if value is None else float(value))
            for id, time, value in db.execute(query, values)}
def same(what, got, want):
    wrong = [(k, got.get(k), want.get(k)) for k in got.keys() | want.keys() if got.get(k) != want.get(k)]
    assert want and not wrong, '%s: %d of %d differ: %s' % (what, len(wrong), len(want), wrong[:3])
same('samples', stored('SELECT series_id, time_ms, value FROM samples'), exported())
tiers = [tier for tier, in db.execute('SELECT name FROM tiers')]
for tier in tiers:
    for column in ('count', 'min', 'max', 'sum', 'last'):
        same('%s of %s' % (column, tier),
             stored('SELECT series_id, time_ms, %s FROM cells WHERE tier = ?' % column, tier),
             exported('--tier', tier, '--agg', column))
assert [t for t, in db.execute('SELECT DISTINCT tier FROM cells ORDER BY 1')] == sorted(tiers)
print('%d samples and cells of %d tiers are those of CSV' % (len(exported()), len(tiers)))
EOT
out=$work/out.sqlite
"$varve" export --store "$store" --output "$out" 2>"$log" || fail "$(cat "$log")"
[ ! -e "$out.tmp" ] || fail 'the temporary file is left'
python3 "$work/compare.py" "$varve" --store "$store" "$out" || fail 'SQLite has something else'
[ "$(sqlite3 "$out" 'SELECT count(*) FROM samples WHERE value IS NULL')" -eq 1 ] || fail 'NaN is no NULL'
[ "$(sqlite3 "$out" "SELECT kind FROM series WHERE name = 'disk_bytes_total'")" = counter ] || fail 'kind'
[ "$(sqlite3 "$out" "SELECT labels ->> 'b' FROM series WHERE name = 'odd'")" = '<&' ] || fail 'labels'

# ---- selector, range and tier; again over an export, whose rows go
"$varve" export 'cpu*' --store "$store" --from 1750000100 --to 1750000199 --output "$out" 2>"$log" ||
    fail "over an export: $(cat "$log")"
[ "$(sqlite3 "$out" 'SELECT count(*), min(time_ms), max(time_ms) FROM samples')" = \
    '20|1750000100000|1750000195000' ] || fail 'range and selector'
[ "$(sqlite3 "$out" 'SELECT count(*) FROM series')" -eq 1 ] || fail 'series of other selectors'
"$varve" export --store "$store" --tier hour --format sqlite --output "$out" || fail '--tier'
[ "$(sqlite3 "$out" "SELECT (SELECT count(*) FROM samples), count(DISTINCT tier), min(tier) FROM cells")" = \
    '0|1|hour' ] || fail 'one tier alone'

# ---- what is refused leaves things as they are
cp "$work/store.db" "$work/kept.db"
refuses 1 'is there, and no SQLite file that was exported' \
    "$varve" export --store "$store" --format sqlite --output "$work/kept.db"
cmp "$work/store.db" "$work/kept.db" || fail 'a store was written over'
printf 'note\n' >"$work/note.sqlite"
refuses 1 'is there, and no SQLite' "$varve" export --store "$store" --output "$work/note.sqlite"
refuses 1 'is no file' "$varve" export --store "$store" --format sqlite --output /dev/null
refuses 2 'needs a file: --output FILE' "$varve" export --store "$store" --format sqlite
refuses 2 'needs a file: --output FILE' "$varve" export --store "$store" --format sqlite --output -
refuses 2 'is not written compressed' "$varve" export --store "$store" --format sqlite --gzip --output "$out"
refuses 2 'is not written compressed' "$varve" export --store "$store" --output "$out.gz" --format sqlite
refuses 2 'leave --step and --agg out' "$varve" export --store "$store" --output "$out" --agg max
refuses 1 'cannot write' "$varve" export --store "$store" --output "$work/absent/x.sqlite"
refuses 3 'no series matches' "$varve" export nothing --store "$store" --output "$work/none.sqlite"
refuses 4 'there is no store' "$varve" export --store sqlite:/nowhere/x.db --output "$work/none.sqlite"
nothing_at "$work/none.sqlite"
(
    ulimit -f 64 # a disk that is full
    trap '' XFSZ
    refuses 1 'cannot write' "$varve" export --store "$store" --output "$work/full.sqlite"
)
nothing_at "$work/full.sqlite"

# ---- a daemon that collects: whole cells only, and its events
start_daemon "$(quick_conf <<'EOT'
[backend flash : sqlite]
path = varve.db
[collector load]
interval = 1s
EOT
)"
awk -F , -v OFS=, -v shift=$(($(date +%s) - 1750000020 - 12000)) 'NR > 1 { $1 += shift } 1' "$work/in.csv" \
    >"$work/recent.csv"
wait_until 15 "$varve" query load1 --socket "$socket"
"$varve" import --socket "$socket" "$work/recent.csv" 2>"$log" || fail "$(cat "$log")"
"$varve" export --socket "$socket" --output "$work/live.sqlite" 2>"$log" || fail "$(cat "$log")"
[ "$(sqlite3 "$work/live.sqlite" 'PRAGMA integrity_check')" = ok ] || fail 'a damaged file'
[ "$(sqlite3 "$work/live.sqlite" "SELECT count(*) FROM events WHERE kind = 'start' AND source = 'host'")" -eq 1 ] ||
    fail 'the event of the start'
[ "$(sqlite3 "$work/live.sqlite" "SELECT unit FROM series WHERE name = 'load1'")" = 1 ] || fail 'a unit'
[ "$(sqlite3 "$work/live.sqlite" "SELECT count(*) FROM cells JOIN series ON id = series_id
    WHERE name != 'special' AND (min IS NULL OR max IS NULL OR sum IS NULL OR last IS NULL)")" -eq 0 ] ||
    fail 'cells that are not complete'
[ "$(sqlite3 "$work/live.sqlite" "SELECT sum(count) FROM cells JOIN series ON id = series_id
    WHERE name = 'disk_bytes_total' AND tier = 'minute'")" -eq 2000 ] || fail 'cells of what was imported'
