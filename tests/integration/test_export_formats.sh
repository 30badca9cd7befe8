#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every format that history is exported in, read by others: Python's json for JSON lines, promtool for
# OpenMetrics, awk for what has no reader here. What comes out must be what went in, to the bit, and
# names may hold every byte.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

store=sqlite:$work/store.db
names=(plain 'load{mode="a b",host="x,y=z"}' 'bytes_total{dev="eth0"}' 'odd_total'
    'quoted{v="say \"hi\" \\ end"}' 'lines{v="one\ntwo"}')
{
    printf 'ts,series,value\n'
    awk 'BEGIN {
        srand(11)
        for (i = 0; i < 400; i++)
            for (n = 0; n < 6; n++)
                printf "%.0f\t%d\t%.17g\n", 1750000020000 + i * 5000, n,
                    n == 2 ? i * 1000 : (rand() - 0.5) * 10 ^ int(rand() * 40 - 20)
    }' | while IFS=$'\t' read -r time n value; do
        name=${names[$n]}
        printf '%s,"%s",%s\n' "$time" "${name//\"/\"\"}" "$value"
    done
} >"$work/in.csv"
"$varve" import --store "$store" --strict "$work/in.csv" 2>"$work/log" || fail "$(cat "$work/log")"

# out <format> [export argument...]
out() {
    local format=$1
    shift
    "$varve" export --store "$store" --format "$format" "$@" || fail "export as $format"
}

out csv >"$work/out.csv"
LC_ALL=C sort "$work/out.csv" >"$work/sorted.csv"
[ "$(wc -l <"$work/out.csv")" -eq 2401 ] || fail "CSV has $(wc -l <"$work/out.csv") lines"

# ---- the extension chooses the format, .gz compresses
if "$varve" export --store "$store" --output "$work/named.jsonl.gz" 2>"$work/said"; then
    gzip -dc <"$work/named.jsonl.gz" | cmp - <(out jsonl) || fail "not the same, compressed"
    out csv --gzip | gzip -dc | cmp - "$work/out.csv" || fail "--gzip"
else
    grep -q 'this build has no zlib' "$work/said" || fail "--output named.jsonl.gz: $(cat "$work/said")"
fi

# ---- JSON lines, read by Python, are the points of the CSV, to the bit
cat >"$work/jsonl.py" <<'EOT2'
import csv, json, sys
escape = lambda v: v.replace('\\', '\\\\').replace('"', '\\"').replace('\n', '\\n')
points = {}
for line in open(sys.argv[1], encoding='utf-8'):
    row = json.loads(line)
    metric = row['metric']
    name = metric.pop('__name__')
    labels = ','.join('%s="%s"' % (k, escape(v)) for k, v in sorted(metric.items()))
    series = name + ('{%s}' % labels if labels else '')
    series = series.encode('utf-8', 'surrogateescape')
    assert len(row['values']) == len(row['timestamps'])
    assert row['kind'] == ('counter' if name.endswith('_total') else 'gauge')
    for time, value in zip(row['timestamps'], row['values']):
        value = float('nan') if value is None else float(value)
        assert (series, time) not in points
        points[series, time] = repr(value)
expected = {}
for row in csv.DictReader(open(sys.argv[2], encoding='utf-8', errors='surrogateescape', newline='')):
    series = row['series'].encode('utf-8', 'surrogateescape')
    expected[series, int(row['ts'])] = repr(float(row['value']))
assert points == expected, 'JSON lines are not the CSV'
EOT2
same_as_csv() { # <store> <what>
    "$varve" export --store "$1" --format jsonl >"$work/j.jsonl"
    "$varve" export --store "$1" --format csv >"$work/j.csv"
    python3 "$work/jsonl.py" "$work/j.jsonl" "$work/j.csv" || fail "$2"
}
same_as_csv "$store" "JSON lines"

# ---- Grafana's JSON, read by Python, is the CSV, series by series, times in order
cat >"$work/grafana.py" <<'EOT2'
import csv, json, sys
rows = json.load(open(sys.argv[1], encoding='utf-8'))
got = [(row['target'], time, value) for row in rows for value, time in row['datapoints']]
want = sorted((r['series'], int(r['ts']), float(r['value'])) for r in csv.DictReader(open(sys.argv[2])))
assert len({row['target'] for row in rows}) == len(rows), 'a series comes twice'
assert sorted(got) == want, 'Grafana has other points'
for row in rows:
    assert set(row) == {'target', 'datapoints'}
    times = [time for _, time in row['datapoints']]
    assert times == sorted(times), 'not in order of time'
EOT2
out grafana >"$work/out.grafana"
python3 "$work/grafana.py" "$work/out.grafana" "$work/out.csv" || fail "Grafana's JSON"
[ "$("$varve" export --store "$store" --format grafana --from 1 --to 2 2>/dev/null || true)" = '[]' ] || fail "an empty answer for Grafana"

# ---- a label may hold every byte but NUL, which no text can
python3 - "$work/bytes.csv" <<'EOT2'
import sys
with open(sys.argv[1], 'wb') as out:
    for byte in range(1, 256):
        raw = {10: b'\\n', 92: b'\\\\', 34: b'\\""'}.get(byte, bytes([byte]))
        out.write(b'1750000020,"b{n=""%d"",v=""%s.""}",%d\n' % (byte, b'\\""' if byte == 34 else raw, byte))
EOT2
"$varve" import --store "sqlite:$work/bytes.db" --strict "$work/bytes.csv" 2>"$work/log" ||
    fail "every byte: $(cat "$work/log")"
same_as_csv "sqlite:$work/bytes.db" "every byte in a label"
"$varve" export --store "sqlite:$work/bytes.db" >"$work/bytes.out"
"$varve" import --store "sqlite:$work/bytes2.db" --strict "$work/bytes.out" 2>"$work/log" ||
    fail "every byte, a second time: $(cat "$work/log")"
"$varve" export --store "sqlite:$work/bytes2.db" | cmp - "$work/bytes.out" || fail "bytes do not come back"

# ---- what is no number has a form in JSON lines, and none in Influx
printf '1750000020,x,NaN\n1750000025,x,+Inf\n1750000030,x,-Inf\n1750000035,x,-0\n1750000040,x,NaN(0x7ff8000000000123)\n' >"$work/odd.csv"
"$varve" import --store "sqlite:$work/odd.db" "$work/odd.csv" 2>"$work/log"
"$varve" export --store "sqlite:$work/odd.db" --format jsonl |
    grep -qF '"values":[null,"Infinity","-Infinity",-0,"NaN(0x7ff8000000000123)"]' ||
    fail "odd numbers in JSON lines"
[ "$("$varve" export --store "sqlite:$work/odd.db" --format influx 2>"$work/log")" = \
    "x value=-0 1750000035000000000" ] || fail "odd numbers in Influx"
[ "$("$varve" export --store "sqlite:$work/odd.db" --format grafana | tr -d '\n')" = \
    '[{"target":"x","datapoints":[[null,1750000020000],[null,1750000025000],[null,1750000030000],[-0,1750000035000],[null,1750000040000]]}]' ] ||
    fail "odd numbers for Grafana"
grep -qF '4 points were left out: influx has no way to say' "$work/log" || fail "$(cat "$work/log")"

# ---- Influx: a line a point; what cannot be a tag is counted
out influx >"$work/out.influx" 2>"$work/log"
grep -qF '400 points were left out' "$work/log" || fail "a line break in a tag: $(cat "$work/log")"
[ "$(wc -l <"$work/out.influx")" -eq 2000 ] || fail "Influx has $(wc -l <"$work/out.influx") lines"
[ "$(grep -cE '^load,host=x\\,y\\=z,mode=a\\ b value=[-+.e0-9]+ [0-9]{19}$' "$work/out.influx")" -eq 400 ] ||
    fail "tags: $(grep -m 1 ^load "$work/out.influx")"

# ---- OpenMetrics and Prometheus: families in one piece, typed
out openmetrics >"$work/out.om"
out prometheus >"$work/out.prom"
[ "$(tail -n 1 "$work/out.om")" = '# EOF' ] || fail "OpenMetrics does not end"
grep -qx '# TYPE bytes counter' "$work/out.om" || fail "the type of a counter in OpenMetrics"
grep -qx '# TYPE bytes_total counter' "$work/out.prom" || fail "the type of a counter"
[ "$(grep -c '^# TYPE' "$work/out.om")" -eq 6 ] || fail "names in OpenMetrics"
if command -v promtool >/dev/null; then
    promtool tsdb create-blocks-from openmetrics "$work/out.om" "$work/tsdb" >"$work/log" 2>&1 ||
        fail "promtool: $(cat "$work/log")"
    mkdir -p "$work/tsdb/wal" # without it the dump does not open
    promtool tsdb dump "$work/tsdb" >"$work/dump" 2>"$work/log" || fail "dump: $(cat "$work/log")"
    [ "$(wc -l <"$work/dump")" -eq 2400 ] || fail "Prometheus has $(wc -l <"$work/dump") samples"
    python3 - "$work/dump" "$work/out.csv" <<'EOT2' || fail "Prometheus has other values"
import csv, re, sys
got = sorted((float(m[1]), int(m[2])) for m in (re.match(r'.*\} (\S+) (\d+)$', l) for l in open(sys.argv[1])))
want = sorted((float(r['value']), int(r['ts'])) for r in csv.DictReader(open(sys.argv[2])))
assert got == want
EOT2
fi

# ---- rollups in any format, and the whole is refused politely
out jsonl --tier minute --agg max plain >"$work/cells.jsonl"
out csv --tier minute --agg max plain | tail -n +2 | wc -l >"$work/count"
python3 -c 'import json, sys
print(sum(len(json.loads(l)["values"]) for l in open(sys.argv[1])))' "$work/cells.jsonl" |
    cmp - "$work/count" || fail "cells in JSON lines"
refuses 2 'is not one of' "$varve" export --format xml --store "$store"
"$varve" query plain --from 1750000020 --to 1750000040 --format jsonl --store "$store" |
    grep -qF '{"metric":{"__name__":"plain"},"kind":"gauge"' || fail "query --format jsonl"
printf '6 series in 7 formats; names of every byte\n'
