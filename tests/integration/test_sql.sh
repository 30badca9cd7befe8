#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The extension for SQLite in the shell: what its tables hold is what export says, what goes down into
# a store changes no answer and shows in the plan, a store is read and never written, what cannot be
# opened is said, and the questions of tools/sql/README.md have answers.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/data.sh
. "$here/data.sh"

[ -e "$build/varve.so" ] || skip "the build has no extension for SQLite"
command -v sqlite3 >/dev/null || skip "there is no sqlite3 shell"
preload=
if [ "${VARVE_SANITIZE:-}" = address ]; then # the shell has none of its own
    for library in "libclang_rt.asan-$(uname -m).so" libasan.so; do
        preload=$("${VARVE_CC:-cc}" -print-file-name="$library")
        [ "$preload" = "$library" ] || break
    done
fi

# sql [shell option...] <statement>...: with the extension
sql() {
    env ${preload:+"LD_PRELOAD=$preload"} sqlite3 -bail -batch -init /dev/null -cmd ".load $build/varve" "$@"
}

# of <store> [shell option...] <statement>...: with that store as the default
of() {
    VARVE_STORE=$1 sql :memory: "${@:2}"
}

# is <expected> <command...>
is() {
    local wanted=$1 output
    shift
    output=$("$@" 2>&1) || fail "$*: $output"
    [ "$output" = "$wanted" ] || fail "$* gives '$output', not '$wanted'"
}

# ---- three hours up to now, with a hole ------------------------------------------------------------
store=$work/known.db
now=$(date +%s)
t0=$(((now - 10800) / 3600 * 3600))
awk -v from="$t0" -v to="$now" 'BEGIN {
    print "ts,series,value"
    for (t = from; t < to; t += 10) {
        i = (t - from) / 10
        if (i < 100 || i >= 120)
            printf "%d,load1,%g\n", t, (i * 37) % 100 / 8
        printf "%d,memory_total_bytes,8000\n%d.25,memory_available_bytes,%d\n", t, t, 1000 + i % 77
        printf "%d,memory_available_bytes,%d\n", t, 2000 + i % 77
        printf "%d,web.cpu.load,%g\n", t, i / 4
        for (d = 0; d < 2; d++) {
            printf "%d,\"network_receive_bytes_total{device=\"\"eth%d\"\"}\",%d\n", t, d, i * 1000 * (d + 1)
            printf "%d,\"network_transmit_bytes_total{device=\"\"eth%d\"\"}\",%d\n", t, d, i % 500 * 10
        }
    }
    printf "%d,\"odd{k=\"\"a\\\"\"b\\\\c\"\"}\",1\n", from
}' | "$varve" import --keep-all --store "sqlite:$store" - 2>"$work/log" || fail "$(cat "$work/log")"
files=$(cd "$work" && sha256sum known.db && ls -A)

# ---- the same rows as export has -------------------------------------------------------------------
# The last field of each line in as many digits as SQLite's printf gives for certain.
twelve_digits() {
    awk -F , '{ value = $NF; sub(/[^,]*$/, ""); printf "%s%.12g\n", $0, value }'
}

# same_as_export <query for ms, series, value> <option of export>...
same_as_export() {
    local wrong query=$1
    shift
    wrong=$(diff <(of "$store" -csv "$query" | LC_ALL=C sort) \
        <("$varve" export --store "sqlite:$store" "$@" 2>/dev/null | tail -n +2 | twelve_digits | LC_ALL=C sort) ||
        true)
    [ -z "$wrong" ] || fail "$query (<), export $* (>): $(head -n 6 <<<"$wrong")"
}
same_as_export "SELECT ms, series, printf('%.12g', value) FROM varve_points"
same_as_export "SELECT ms, series, printf('%.12g', value) FROM varve_points ORDER BY series, time DESC" --tier raw
for tier in minute hour day; do
    for agg in count min max sum last; do
        same_as_export "SELECT ms, series, printf('%.12g', $agg) FROM varve_cells WHERE tier = '$tier'" \
            --tier $tier --agg $agg
    done
    same_as_export "SELECT ms, series, printf('%.12g', avg) FROM varve_cells WHERE tier = '$tier' AND avg NOTNULL" \
        --tier $tier --agg avg
    same_as_export "SELECT ms, series, printf('%.12g', value) FROM varve_points('*', '$tier')" --tier $tier
done
is "$("$varve" series --store "sqlite:$store" --format csv 2>/dev/null | tail -n +2 | wc -l)" \
    of "$store" "SELECT count(*) FROM varve_series"
is '{"device":"eth0"}|network_receive_bytes_total|counter' of "$store" "SELECT labels, name, kind
    FROM varve_series WHERE labels->>'device' = 'eth0' AND name LIKE '%receive%'"
is 'a"b\c' of "$store" "SELECT labels->>'k' FROM varve_series WHERE name = 'odd'"
is "$("$varve" events --store "sqlite:$store" --format csv | tail -n +2 | wc -l)" \
    of "$store" "SELECT count(*) FROM varve_events"
is "raw|$("$varve" query load1 --store "sqlite:$store" --from "$t0" --format csv | tail -n +2 | wc -l)" \
    of "$store" "SELECT tier, count(*) FROM varve_points('load1', 'auto') WHERE time >= $t0"

# ---- what goes down changes no answer: a table of the same rows is asked the same ------------------
conditions=(1 "time >= $((t0 + 600))" "time > $((t0 + 600))" "time = $((t0 + 600))" "time <= $((t0 + 600))"
    "time < $((t0 + 600))" "time BETWEEN $((t0 + 100)) AND $((t0 + 100)).25" "time = $((t0 + 10)).25"
    "time > $((t0 + 10)).2499" "time < $((t0 + 10)).2501" "time > $((t0 + 20)) AND time < $((t0 + 20))"
    "time >= 'text'" "time < 'text'" "time > NULL" "time >= 1e300" "time < 1e300" "time > -1e300"
    "time >= '$((t0 + 600))'" "time < x'00'" "ms >= ${t0}250" "ms < $((t0 + 50))0.5" "ms > ${t0}249.5" "ms = ${t0}250"
    "ms <= 9223372036854775807" "ms > 9223372036854775807" "ms < -9223372036854775808" "ms >= 'x'"
    "series = 'load1'" "series = 'none'" "series = NULL" "series = x'6c6f616431'" "series = 'LOAD1' COLLATE NOCASE"
    "series IN ('load1', 'web.cpu.load', 'none', NULL, 7)" "series IN (SELECT series FROM varve_series WHERE kind = 'gauge')"
    "series GLOB 'net*eth1*'" "series LIKE 'NET%ETH1%'" "series NOT LIKE 'net%'" "series GLOB NULL" "series > 'm'" "series <> 'load1'"
    "series = 'load1' OR name = 'odd'" "series = 'load1' AND id = 3" "id = 3" "id = '3'" "id = 3.0" "id = 3.5" "id = -1"
    "id = 99999999999" "id IN (1, 3, 99)" "id > 3" "name = 'network_receive_bytes_total'" "name IN ('odd', 'load1')"
    "name LIKE 'memory%' AND time < $((t0 + 30))" "name GLOB 'l*'" "series IN ('load1', 'odd') AND series = 'load1'"
    "time IN ($((t0 + 50)), $((t0 + 20)), NULL)" "ms = ${t0}000 OR ms = ${t0}250 OR ms = ${t0}000")
{
    echo "CREATE TABLE copy(series TEXT, time REAL, value REAL, ms INTEGER, id INTEGER, name TEXT);"
    echo "INSERT INTO copy SELECT series, time, value, ms, id, name FROM varve_points;"
    for condition in "${conditions[@]}"; do
        for table in varve_points copy; do
            echo "SELECT count(*), sum(value), min(time), max(time), count(DISTINCT series) FROM $table WHERE $condition;"
        done
    done
    for order in "series, time" "series, time DESC" "series DESC, time" "time, series" "time DESC, series" \
        "name, time, series" "ms, series"; do
        for table in varve_points copy; do
            echo "SELECT group_concat(id || ms) FROM (SELECT id, ms FROM $table WHERE name <> 'odd' ORDER BY $order);"
        done
    done
    for query in "max(time), value FROM TABLE WHERE series = 'load1'" \
        "group_concat(ms) FROM (SELECT ms FROM TABLE WHERE series = 'load1' ORDER BY time DESC)" \
        "group_concat(ms) FROM (SELECT ms FROM TABLE WHERE series = 'load1' ORDER BY time LIMIT 7 OFFSET 500)" \
        "group_concat(s || n) FROM (SELECT series AS s, count(*) AS n FROM TABLE GROUP BY series)" \
        "group_concat(ms) FROM (SELECT ms FROM TABLE WHERE series = 'load1' AND time IN ($((t0 + 50)), $((t0 + 20))) ORDER BY time)" \
        "group_concat(name) FROM (SELECT DISTINCT name FROM TABLE ORDER BY name)" \
        "count(*), count(b.value) FROM TABLE AS a LEFT JOIN TABLE AS b ON b.series = 'load1' AND b.ms = a.ms + 1000
            WHERE a.name LIKE '%total' AND a.time < $((t0 + 2000))" \
        "count(*), sum(a.value * b.value) FROM TABLE AS a JOIN TABLE AS b ON a.time = b.time
            WHERE a.series = 'load1' AND b.name = 'network_receive_bytes_total'"; do
        echo "SELECT ${query//TABLE/varve_points};"
        echo "SELECT ${query//TABLE/copy};"
    done
} >"$work/pairs.sql"
of "$store" <"$work/pairs.sql" >"$work/pairs.out" 2>&1 || fail "$(tail -n 3 "$work/pairs.out")"
[ "$(wc -l <"$work/pairs.out")" -eq $((2 * (${#conditions[@]} + 7 + 8))) ] || fail "$(wc -l "$work/pairs.out") answers"
awk 'NR % 2 { first = $0; next } $0 != first { print NR / 2 ": " substr(first, 1, 200) " | " substr($0, 1, 200); bad = 1 }
    END { exit bad }' "$work/pairs.out" || fail "a table of the same rows has another answer"

is '2|load1
8|net*' of "$store" "SELECT count(*), selector FROM varve_points
    WHERE selector IN ('load1', 'net*') AND time < $((t0 + 20)) GROUP BY selector"
is "$(of "$store" "SELECT count(*) FROM varve_cells WHERE tier <> 'minute'")" \
    of "$store" "SELECT count(*) FROM varve_cells WHERE tier IN ('day', 'hour', 'week')"

# ---- the plan says what goes down ------------------------------------------------------------------
# plan <text> <query>
plan() {
    shows "INDEX $1" of "$store" "EXPLAIN QUERY PLAN SELECT $2"
}
plan '3:series=?, time>=?, time<?' "value FROM varve_points WHERE series = 'load1' AND time >= 1 AND time < 2"
plan '2:series=?, tier=?, ORDER BY time' \
    "avg FROM varve_cells WHERE series = 'load1' AND tier = 'hour' ORDER BY time"
plan '1:series=?, ORDER BY time DESC' "value FROM varve_points WHERE series = 'load1' ORDER BY time DESC LIMIT 1"
plan '1:series GLOB ?' "value FROM varve_points WHERE series GLOB 'l*'"
plan '2:time>?, selector=?' "value FROM varve_points('load*') WHERE time > 5"
plan '0:ORDER BY series' "series, count(*) FROM varve_points GROUP BY series"
plan '1:series=?' "count(*) FROM varve_series s JOIN varve_points p USING (series) WHERE s.labels->>'device' = 'eth0'"
plan '1:time>=?, ORDER BY time' "kind FROM varve_events WHERE time >= 5 ORDER BY time"
refuses any '' grep -q 'USE TEMP B-TREE' \
    <(of "$store" "EXPLAIN QUERY PLAN SELECT series, time FROM varve_points ORDER BY series, time")

# ---- a narrow question reads few blocks ------------------------------------------------------------
# blocks <query>: how many it reads
blocks() {
    of "$store" "$1" "SELECT varve_status()->>'blocks_read'" | tail -n 1
}
all=$(blocks "SELECT count(*) FROM varve_points WHERE series = 'load1'")
few=$(blocks "SELECT count(*) FROM varve_points WHERE series = 'load1' AND time BETWEEN $((t0 + 4000)) AND $((t0 + 4100))")
newest=$(blocks "SELECT value FROM varve_points WHERE series = 'load1' ORDER BY time DESC LIMIT 1")
if [ "$all" -le 20 ] || [ "$few" -gt 2 ] || [ "$newest" -gt 2 ]; then
    fail "blocks: $all, $few, $newest"
fi
both=$(blocks "SELECT count(*), sum(value) FROM varve_points")
[ "$both" -le $((all + all / 2)) ] || fail "all series read $both blocks, one reads $all"

# ---- nothing is written, and nothing can be --------------------------------------------------------
refuses any 'may not be modified' of "$store" "INSERT INTO varve_points(series, time, value) VALUES('load1', 1, 2)"
refuses any 'may not be modified' of "$store" "DELETE FROM varve_events"
refuses any 'may not be modified' of "$store" "UPDATE varve_cells SET max = 0"
rm -f "$work/pairs.sql" "$work/pairs.out"
is "$files" sh -c "cd '$work' && sha256sum known.db && ls -A"

# ---- what cannot be opened, and what is asked wrongly ----------------------------------------------
refuses any 'no store is open; SELECT varve_open(' sql :memory: "SELECT * FROM varve_points"
refuses any "there is no store $work/none.db" sql :memory: "SELECT varve_open('$work/none.db')"
printf 'nothing of the kind, but long enough to be looked at\n' >"$work/text"
refuses any 'not a SQLite database' sql :memory: "SELECT varve_open('$work/text')"
sqlite3 "$work/other.db" 'CREATE TABLE t(x)'
refuses any 'not a varve store' sql :memory: "SELECT varve_open('$work/other.db')"
refuses any 'NULL is no store' sql :memory: "SELECT varve_open(NULL)"
refuses any 'column 5' of "$store" "SELECT * FROM varve_points('bad{')"
refuses any 'no such tier' of "$store" "SELECT * FROM varve_points('load1', 'nix')"
refuses any 'a statement still reads the store' of "$store" "SELECT varve_close() FROM varve_points"
refuses any 'unsafe use' of "$store" "CREATE VIEW v AS SELECT varve_open('x')" "SELECT * FROM v"
is 0 of "$store" "SELECT count(*) FROM varve_cells WHERE tier = 'raw'"
is "$store: 9 series, tiers raw minute hour day" sql :memory: "SELECT varve_open('sqlite:$store')"
printf '[varve]\nstate = %s\n[backend flash : sqlite]\npath = known.db\n[collector cpu]\n' "$work" >"$work/of.ini"
is "the store of $work/of.ini: 9 series, tiers raw minute hour day" sql :memory: "SELECT varve_open('$work/of.ini')"
is "closed
1" of "$store" "SELECT varve_open('$store') WHERE 0" "SELECT ifnull(varve_close(), 'closed')" "SELECT varve_status() IS NULL"

# ---- values that are no number, and more events than a page, many at one time -----------------------
printf 'ts,series,value\n1767225600,x,NaN\n1767225610,x,-Inf\n' |
    "$varve" import --keep-all --store "sqlite:$work/odd.db" - 2>/dev/null
is '1||-Inf' of "$work/odd.db" "SELECT count(value), (SELECT value FROM varve_points ORDER BY time LIMIT 1), min(value)
    FROM varve_points"
sqlite3 "$work/odd.db" "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 499)
    INSERT INTO event SELECT (1767225600000 + i / 100) * 1024 + i % 100, 2, i, 'test', 'made', 'number ' || i, '' FROM n"
is '500|500|124750.0' of "$work/odd.db" "SELECT count(*), count(DISTINCT message), sum(value) FROM varve_events WHERE kind = 'made'"
is '200' of "$work/odd.db" "SELECT count(*) FROM varve_events WHERE time = 1767225600.001 OR time = 1767225600.002"

# ---- other stores: segments; a block that is damaged is passed over and told -----------------------
"$varve" export --store "sqlite:$store" >"$work/all.csv" 2>/dev/null
"$varve" import --keep-all --store "rotate:$work/segments" "$work/all.csv" 2>"$work/log" || fail "$(cat "$work/log")"
is "$(($(wc -l <"$work/all.csv") - 1))" of "$work/segments" "SELECT count(*) FROM varve_points"
cp "$store" "$work/damaged.db"
at=$(grep -abo VRVB "$work/damaged.db" | sed -n '3s/:.*//p')
printf 'damage' | dd of="$work/damaged.db" bs=1 seek=$((at + 90)) conv=notrunc status=none
output=$(of "$work/damaged.db" "SELECT count(*) > 0 FROM varve_points" "SELECT count(*) FROM varve_cells" \
    "SELECT varve_status()->>'damaged_blocks'" 2>"$work/log")
[ "$(sed -n 1p <<<"$output")" = 1 ] || fail "damaged: $output"
[ "$(sed -n 3p <<<"$output")" -ge 1 ] || fail "damaged: $output"
grep -qF 'damaged blocks were passed over' "$work/log" || fail "damage was not told: $(cat "$work/log")"

# ---- a daemon's store is refused, its backup is not ------------------------------------------------
start_daemon "$(quick_conf <<<'[backend flash : sqlite]
path = varve.db
[collector load]')"
refuses any 'varve backup now' sql :memory: "SELECT varve_open('$VARVE_STATE/varve.db')"
printf 'ts,series,value\n%d,pushed,7\n' "$now" | ask import - 2>/dev/null
backup=$(ask backup now | grep -o "$VARVE_STATE/[^ ]*" | head -n 1)
[ -e "$backup" ] || fail "no backup: $backup"
is '7.0' of "$backup" "SELECT value FROM varve_points WHERE series = 'pushed'"
is 'start' of "$backup" "SELECT kind FROM varve_events WHERE kind = 'start'"
# What a daemon that was killed leaves in its journal is read, and stays there.
printf 'ts,series,value\n%d,pushed,8\n' $((now + 1)) | ask import - 2>/dev/null
kill_daemon
left=$(cd "$VARVE_STATE" && sha256sum varve.db*)
is '7.0
8.0' of "$VARVE_STATE" "SELECT value FROM varve_points WHERE series = 'pushed' ORDER BY time"
is "$left" sh -c "cd '$VARVE_STATE' && sha256sum varve.db*"

# ---- Python's module: two connections, each with its store -----------------------------------------
if [ -z "$preload" ] && [ -x /usr/bin/python3 ]; then
    /usr/bin/python3 - "$build/varve" "$store" "$backup" <<'PY' || fail "Python cannot use it"
import sqlite3
import sys
if not hasattr(sqlite3.Connection, "enable_load_extension"):
    sys.exit(0)
rows = []
for path in sys.argv[2:]:
    db = sqlite3.connect(":memory:")
    db.enable_load_extension(True)
    db.load_extension(sys.argv[1])
    db.execute("SELECT varve_open(?)", (path,)).fetchone()
    rows.append((db, db.execute("SELECT series, time, value FROM varve_points")))
first = [next(cursor) for db, cursor in rows]
assert all(len(row) == 3 for row in first), first
counts = [sum(1 for row in cursor) + 1 for db, cursor in rows]
assert counts[0] > counts[1] > 0, counts
rows[0][0].close()
assert rows[1][0].execute("SELECT count(*) FROM varve_points").fetchone()[0] == counts[1]
PY
fi

# ---- the documented questions ----------------------------------------------------------------------
awk -v dir="$work" '/^```/ { inside = $0 == "```sql"; n += inside; next } inside { print >(dir "/question" n ".sql") }' \
    "$top/tools/sql/README.md"
[ -e "$work/question10.sql" ] || fail "tools/sql/README.md asks fewer than ten questions"
for question in "$work"/question*.sql; do
    output=$(of "$store" <"$question" 2>&1) || fail "$(cat "$question") says $output"
    [ -n "$output" ] || fail "nothing answers $(cat "$question")"
done
