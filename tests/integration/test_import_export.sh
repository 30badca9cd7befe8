#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Importing and exporting: the forms a file may have, a round trip that loses not a bit, rollups and
# retention by the data's own time, what is refused and how that is told, and an import through a
# daemon that goes on collecting.
# shellcheck disable=SC2016 # backquotes are part of messages
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/data.sh
. "$(dirname "$0")/data.sh"

from=1750000020 # a full minute
log=$work/import.log

# into <store> <import argument>...: the store must take it; what it said is in $log
into() {
    local store=$1
    shift
    "$varve" import --store "sqlite:$work/$store.db" "$@" 2>"$log" || fail "$store: $(cat "$log")"
}

# out_of <store> <export argument>...
out_of() {
    local store=$1
    shift
    "$varve" export --store "sqlite:$work/$store.db" "$@"
}

# same <what> <file> <file>
same() {
    local wrong
    wrong=$(diff "$2" "$3" || true)
    [ -z "$wrong" ] || fail "$1: $(head -n 6 <<<"$wrong")"
}

# Export goes window by window and in each series by series: to compare, lines are sorted.
sorted() {
    LC_ALL=C sort
}

# Generated lines as export writes them: names with quotes in quotes.
as_exported() {
    sed 's/made{n="\(..\)"}/"made{n=""\1""}"/; s/\(\.[0-9]*[1-9]\)0*$/\1/'
}

# ---- 20 series for 2 h, in every form a file may have
generate "$from" 7200 20 5 >"$work/plain.csv"
as_exported <"$work/plain.csv" | sorted >"$work/expected"
{
    printf 'value,ts,series\n'
    sed 's/\([^,]*\),\(.*\),\(.*\)/\3,\1,\2/' "$work/plain.csv"
} >"$work/columns.csv"
sed 's/^\([0-9]*\)000,/\1,/' "$work/plain.csv" >"$work/seconds.csv"
sed 's/^\([0-9]*\)000,/\1.000,/; s/$/\r/' "$work/plain.csv" >"$work/dos.csv"
awk '{ print (NR * 7919) % 28807 "\t" $0 }' "$work/plain.csv" | sort -n | cut -f 2- \
    >"$work/shuffled.csv"
cmp -s "$work/plain.csv" "$work/shuffled.csv" && fail "the shuffled file is in order"

for form in plain columns seconds dos shuffled; do
    into "$form" "$work/$form.csv"
    grep -qF 'imported 28800 points of 20 series' "$log" || fail "the summary: $(cat "$log")"
done
into stdin - <"$work/plain.csv"
into pipe - < <(cat "$work/shuffled.csv")
for form in plain columns seconds dos shuffled stdin pipe; do
    out_of "$form" >"$work/$form.out"
    [ "$(head -n 1 "$work/$form.out")" = ts,series,value ] || fail "$form: no header"
    same "$form" "$work/expected" <(tail -n +2 "$work/$form.out" | sorted)
done
awk -F , 'NR > 1 { if ($1 <= last[$2]) exit 1; last[$2] = $1 }' "$work/shuffled.out" ||
    fail "a series is not exported in order of time"
tier_agrees minute --store "sqlite:$work/shuffled.db"

# ---- what was exported comes back as it was
into again "$work/plain.out"
out_of again >"$work/again.out"
same "an export of an import" "$work/plain.out" "$work/again.out"

# ---- compressed, in a file and through a pipe; a file that is cut off is told
if has_zlib "sqlite:$work/again.db"; then
    gzip -k "$work/shuffled.csv"
    into gzip "$work/shuffled.csv.gz"
    into gzip_pipe - < <(cat "$work/shuffled.csv.gz")
    for form in gzip gzip_pipe; do
        same "$form" "$work/expected" <(out_of "$form" | tail -n +2 | sorted)
    done
    head -c 40000 "$work/shuffled.csv.gz" >"$work/cut.csv.gz"
    refuses 1 'cannot read' "$varve" import --store "sqlite:$work/cut.db" "$work/cut.csv.gz"
fi

# ---- what is stored already is refused and counted: a second import changes nothing, and one that was
# interrupted goes on
into plain "$work/plain.csv"
grep -qF 'refused 28800 duplicates' "$log" || fail "the same file again: $(cat "$log")"
grep -qF imported "$log" && fail "the same file again is imported: $(cat "$log")"
out_of plain | cmp - "$work/plain.out" || fail "the same file again is stored again"
head -n 10001 "$work/plain.csv" >"$work/begun.csv"
into resumed "$work/begun.csv"
into resumed "$work/shuffled.csv"
grep -qF 'imported 18799 points' "$log" || fail "an import that goes on: $(cat "$log")"
same "an import that goes on" "$work/expected" <(out_of resumed | tail -n +2 | sorted)
tier_agrees minute --store "sqlite:$work/resumed.db"

# ---- rollups, against what awk makes of the file
for tier in minute hour day; do
    tier_agrees "$tier" --store "sqlite:$work/plain.db"
done
cells() {
    awk -F , -v step="$1" -v agg="$2" '{
            key = sprintf("%.0f", int($1 / step) * step) "," $2
            if (!(key in n) || (agg == "max" && $3 > x[key]) || (agg == "min" && $3 < x[key]) ||
                agg == "last")
                x[key] = $3
            n[key]++
            sum[key] += $3
        }
        END {
            for (key in n) {
                split(key, part, ",")
                gsub(/"/, "\"\"", part[2])
                v = agg == "count" ? n[key] : agg == "sum" ? sum[key] : x[key]
                v = agg == "avg" ? sum[key] / n[key] : v
                printf "%s,\"%s\",%.9g\n", part[1], part[2], v
            }
        }' "$work/plain.csv" | sorted
}
for agg in count min max sum avg last; do
    out_of plain --tier minute --agg "$agg" | tail -n +2 |
        awk -F , '{ printf "%s,%s,%.9g\n", $1, $2, $3 }' | sorted >"$work/cells.out"
    same "tier minute, $agg" <(cells 60000 "$agg") "$work/cells.out"
done
[ "$(out_of plain --tier hour --agg max | wc -l)" -eq 61 ] || fail "not 3 started hours of 20 series"
out_of plain 'made{n="03"}' --from "$((from + 3600))" --to "$((from + 3659))" >"$work/part.out"
[ "$(rows "$work/part.out")" -eq 12 ] || fail "a minute of 5 s has $(rows "$work/part.out") samples"
out_of plain 'made{n="03"}' --format json | "$json_check" 'results[].points[][]' ||
    fail "the export as JSON"
out_of plain --output "$work/file.out"
same "--output" "$work/plain.out" "$work/file.out"

# ---- doubles, to the bit
cat >"$work/doubles.csv" <<'EOT'
ts,series,value
1750000001000,x,0.1
1750000002000,x,1e+300
1750000003000,x,-0
1750000004000,x,5e-324
1750000005000,x,9007199254740993
1750000006000,x,-1.7976931348623157e308
1750000007000,x,2.2250738585072011e-308
1750000008000,x,NaN
1750000009000,x,+Inf
1750000010000,x,-Inf
1750000011001,x,0.30000000000000004
1750000012000,x,123456789.123456789
EOT
into doubles "$work/doubles.csv"
grep -q refused "$log" && fail "doubles were refused: $(cat "$log")"
out_of doubles >"$work/doubles.out"
cat >"$work/expected.doubles" <<'EOT'
ts,series,value
1750000001000,x,0.1
1750000002000,x,1e+300
1750000003000,x,-0
1750000004000,x,4.94065645841247e-324
1750000005000,x,9007199254740992
1750000006000,x,-1.7976931348623157e+308
1750000007000,x,2.225073858507201e-308
1750000008000,x,NaN
1750000009000,x,+Inf
1750000010000,x,-Inf
1750000011001,x,0.30000000000000004
1750000012000,x,123456789.12345679
EOT
same "doubles" "$work/expected.doubles" "$work/doubles.out"
into doubles2 "$work/doubles.out"
out_of doubles2 >"$work/doubles2.out"
same "doubles, a second time" "$work/doubles.out" "$work/doubles2.out"
awk 'BEGIN {
    srand(7)
    for (i = 0; i < 3000; i++)
        printf "%.0f,\"r{a=\"\"%d\"\"}\",%.17g\n", 1750000000000 + i * 250, i % 7,
            (rand() - 0.5) * 10 ^ int(rand() * 600 - 300)
}' >"$work/random.csv"
into random "$work/random.csv"
out_of random | tail -n +2 | sorted >"$work/random.out"
same "random doubles" <(awk -F , '{ printf "%s,%s,%.17g\n", $1, $2, $3 }' "$work/random.csv") \
    <(awk -F , '{ printf "%s,%s,%.17g\n", $1, $2, $3 }' "$work/random.out")

# ---- names: dotted, with labels in any order, in quotes, with commas
cat >"$work/names.csv" <<'EOT'
1750000001,servers.web-1.cpu.load,1
1750000001,temp{room="a,b",floor="2"},2
1750000001,"temp{floor=""2"",room=""a,b""}",3
1750000002,temp{room="a,b",floor="2"},4
1750000002,"wind",5
EOT
into names "$work/names.csv"
out_of names servers.web-1.cpu.load | grep -qx '1750000001000,servers.web-1.cpu.load,1' ||
    fail "a dotted name does not come back: $(out_of names)"
shows 'dotted{path="servers.web-1.cpu.load"}' "$varve" series --store "sqlite:$work/names.db"
[ "$("$varve" series --store "sqlite:$work/names.db" --format csv | wc -l)" -eq 4 ] ||
    fail "labels in another order make another series"
grep -qF 'refused 1 duplicates' "$log" || fail "a series twice at a time: $(cat "$log")"
[ "$(out_of names 'temp{room="a,b"}' | wc -l)" -eq 3 ] || fail "the label with a comma"

# ---- lines that make no sense are told and cost nobody else
{
    printf 'time,series,value\n1750000001,good,1\n1750000002,good\nyesterday,good,2\n'
    printf '1750000003,good,much\n1750000004,9bad{,3\n1750000005,"open,3\n1750000006,good,4\n'
    printf '1750000007,,1\n1750000008,good,1e999\n'
} >"$work/bad.csv"
into bad "$work/bad.csv"
grep -qF 'refused 7 lines' "$log" || fail "of 7 bad lines it says: $(cat "$log")"
grep -qF 'line 3: ' "$log" || fail "the line is not named: $(cat "$log")"
[ "$(out_of bad | wc -l)" -eq 3 ] || fail "the good lines: $(out_of bad)"
refuses 1 'refused 7 lines' "$varve" import --store "sqlite:$work/strict.db" --strict "$work/bad.csv"
refuses 1 'no line of' "$varve" import --store "sqlite:$work/none.db" "$top/CMakeLists.txt"
: >"$work/empty.csv"
refuses 3 'holds no samples' "$varve" import --store "sqlite:$work/none.db" "$work/empty.csv"
refuses 1 "cannot read $work/absent.csv" "$varve" import --store "sqlite:$work/none.db" \
    "$work/absent.csv"
refuses 1 'is a directory' "$varve" import --store "sqlite:$work/none.db" "$work"
refuses 2 '`json` is not one of csv jsonl' "$varve" import --format json --store "sqlite:$work/none.db" -
refuses 2 '`table` is not one of csv json jsonl' "$varve" export --format table \
    --store "sqlite:$work/plain.db"
refuses 2 'there is no tier `second`' "$varve" export --tier second --store "sqlite:$work/plain.db"
refuses 3 'no series matches' "$varve" export nothing --store "sqlite:$work/plain.db"
refuses 1 'cannot write' "$varve" export --output "$work/absent/file" --store "sqlite:$work/plain.db"
if [ -w /dev/full ]; then
    "$varve" export --store "sqlite:$work/plain.db" >/dev/full 2>"$log" &&
        fail "a full disk under the output goes unnoticed"
    grep -qF 'cannot write the output' "$log" || fail "a full disk: $(cat "$log")"
fi

# ---- retention by the data's own time: 3 days, of which raw keeps 2 h and minute a day
days=259200
generate "$from" "$days" 2 20 >"$work/days.csv"
into days "$work/days.csv"
last_ms=$(((from + days - 20) * 1000))
tier_of_days() {
    "$varve" stats --store "sqlite:$work/days.db" --format csv | sed -n "s/^tier\.$1\.$2,//p"
}
within() { # <what> <value> <least> <most>
    if [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]; then
        fail "$1 is $2, not within $3 and $4"
    fi
}
hour=3600000
within "oldest raw" "$(tier_of_days raw oldest_ms)" $((last_ms - 2 * hour - hour)) \
    $((last_ms - 2 * hour + hour / 60))
within "oldest minute" "$(tier_of_days minute oldest_ms)" $((last_ms - 26 * hour)) \
    $((last_ms - 24 * hour + hour / 60))
within "oldest hour" "$(tier_of_days hour oldest_ms)" $((from * 1000 - hour)) $((from * 1000))
out_of days --tier day --agg count >"$work/day.out"
[ "$(sums_per_series "$work/day.out" | cut -d ' ' -f 1 | sort -u)" -eq "$((days / 20))" ] ||
    fail "the day tier does not count all: $(cat "$work/day.out")"
out_of days >"$work/days.out"
as_exported <"$work/days.csv" | sorted >"$work/days.all"
tail -n +2 "$work/days.out" | sorted >"$work/days.kept"
same "what raw keeps" <(tail -n "$(wc -l <"$work/days.kept")" "$work/days.all") "$work/days.kept"

into all --keep-all "$work/days.csv"
out_of all | tail -n +2 | sorted >"$work/all.out"
same "--keep-all" "$work/days.all" "$work/all.out"
for tier in minute hour day; do
    tier_agrees "$tier" --store "sqlite:$work/all.db"
done

# ---- through a daemon that goes on collecting
conf=$(quick_conf <<'EOT'
[collector load]
interval = 1s
[backend flash : sqlite]
path = varve.db
EOT
)
now=$(date +%s)
generate "$((now - 1800))" 1700 10 >"$work/recent.csv"
generate "$((now - 36000))" 3600 5 10 | sed 's/made/old/' >"$work/old.csv"
start_daemon "$conf"
wait_until 15 has_figure samples_session 4 || fail "nothing is collected"
ask import "$work/recent.csv" 2>"$log" || fail "importing into a daemon: $(cat "$log")"
ask import "$work/recent.csv" 2>"$log" || fail "importing into a daemon again: $(cat "$log")"
grep -qF imported "$log" && fail "a daemon takes the same file again: $(cat "$log")"
grep -qF "refused $(wc -l <"$work/recent.csv") duplicates" "$log" || fail "$(cat "$log")"
ask import --strict - <"$work/old.csv" 2>"$log" || fail "importing old data: $(cat "$log")"
refuses 2 '--keep-all needs the store itself' ask import --keep-all "$work/recent.csv"
live=$(figure samples)
wait_until 10 has_figure samples "$((live + 4))" || fail "after an import nothing is collected"
as_exported <"$work/recent.csv" | sorted >"$work/expected"
ask export 'made*' | tail -n +2 | sorted >"$work/recent.out"
same "an import into a daemon" "$work/expected" "$work/recent.out"
ask export 'load*' >"$work/load.before"
[ "$(figure dropped)" -eq 0 ] || fail "the import made the daemon drop samples"
stop_daemon

store=sqlite:$VARVE_STATE/varve.db
"$varve" export 'made*' --store "$store" | tail -n +2 | sorted >"$work/recent.out"
same "an import into a daemon, stored" "$work/expected" "$work/recent.out"
"$varve" export 'load*' --store "$store" >"$work/load.after"
contains_all "$work/load.after" "$work/load.before"
no_duplicates "$work/load.after"
tier_agrees minute 'made*' --store "$store"
tier_agrees minute 'load*' --store "$store"
"$varve" export 'old*' --tier minute --agg count --store "$store" >"$work/old.out"
[ "$(sums_per_series "$work/old.out" | cut -d ' ' -f 1 | sort -u)" = 360 ] ||
    fail "of 360 old samples the minute tier has: $(sums_per_series "$work/old.out")"
