#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What export writes comes back from each format to the bit, once; histories of RRDtool come with the
# values that RRDtool itself tells; lines that make no sense are told by number and cost no others.
# shellcheck disable=SC2016 # backquotes are part of messages
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

from=1792000020 # a full minute
log=$work/import.log

# into <store> <import argument>...: the store must take it; what it said is in $log
into() {
    local store=$1
    shift
    "$varve" import --store "sqlite:$work/$store.db" --keep-all "$@" 2>"$log" ||
        fail "$store: $(cat "$log")"
}

# csv_of <store>
csv_of() {
    "$varve" export --store "sqlite:$work/$1.db" --format csv
}

# says <text>: the last import did
says() {
    grep -qF -- "$1" "$log" || fail "not said: $1; but: $(cat "$log")"
}

# ---- round trips: decimals, a counter, doubles of all digits, labels with quotes and backslashes
awk -v from="$from" 'BEGIN {
    srand(7)
    print "ts,series,value"
    for (i = 0; i < 1500; i++) {
        printf "%d,cpu_percent{core=\"0\"},%.1f\n", from + 5 * i, 40 + 10 * rand()
        printf "%d,disk_bytes_total,%d\n", from + 5 * i, 4096 * i
        if (i % 2) printf "%d,\"odd{a=\"\"x \\\"\"y\\\"\" \\\\z, w\"\"}\",%.17g\n", from + 5 * i, rand()
    }
}' >"$work/in.csv"
into first "$work/in.csv"
csv_of first >"$work/first.csv"
[ "$(wc -l <"$work/first.csv")" -eq 3751 ] || fail "$(wc -l <"$work/first.csv") lines, not 3751"
pack=(gzip -c)
has_zlib "sqlite:$work/first.db" || pack=(cat)
for format in csv jsonl openmetrics prometheus influx; do
    "$varve" export --store "sqlite:$work/first.db" --format "$format" >"$work/$format.out"
    into "$format" --format "$format" "$work/$format.out"
    csv_of "$format" | cmp -s - "$work/first.csv" || fail "$format lost something"
    "${pack[@]}" "$work/$format.out" | into "$format" --format "$format" -
    says 'refused 3750 duplicates'
    csv_of "$format" | cmp -s - "$work/first.csv" || fail "$format stored something twice"
done
printf 'round trips of 3,750 samples in 5 formats\n'

# ---- kind, unit and help come along in OpenMetrics, into a store and through a daemon into its own
cat >"$work/described.om" <<EOT
# TYPE http_bytes counter
# UNIT http_bytes bytes
# HELP http_bytes Sent, "all" of it.
http_bytes_total{code="200"} 5 $from
# TYPE turns unknown
# HELP turns (counter) Turns of the wheel.
turns 7 $from
# TYPE wait_seconds gauge
# UNIT wait_seconds seconds
wait_seconds 0.5 $from.25
# EOF
EOT
described() { # <source option...>
    "$varve" series 'http_bytes_total' "$@" --format csv
    "$varve" series 'turns' "$@" --format csv | tail -n +2
    "$varve" series 'wait_seconds' "$@" --format csv | tail -n +2
}
into described "$work/described.om"
described --store "sqlite:$work/described.db" >"$work/described.csv"
cat >"$work/expected.csv" <<'EOT'
series,kind,unit,help
"http_bytes_total{code=""200""}",counter,By,"Sent, ""all"" of it."
turns,counter,,Turns of the wheel.
wait_seconds,gauge,s,
EOT
diff "$work/expected.csv" "$work/described.csv" || fail 'kind, unit or help got lost'
"$varve" export --store "sqlite:$work/described.db" --format openmetrics >"$work/described.again"
into again --format openmetrics "$work/described.again"
described --store "sqlite:$work/again.db" | diff "$work/expected.csv" - ||
    fail 'kind, unit or help got lost on the way out and back'
if command -v promtool >/dev/null; then
    promtool tsdb create-blocks-from openmetrics "$work/described.again" "$work/tsdb" >"$work/promtool" 2>&1 ||
        fail "promtool: $(cat "$work/promtool")"
fi
"$varve" export --store "sqlite:$work/described.db" --format jsonl >"$work/described.jsonl"
into jsonl_described "$work/described.jsonl"
described --store "sqlite:$work/jsonl_described.db" | diff "$work/expected.csv" - ||
    fail 'kind, unit or help got lost in JSON lines'
start_daemon "$(quick_conf <<'EOT'
[backend flash : sqlite]
path = varve.db
EOT
)"
"$varve" import --socket "$socket" "$work/described.om" 2>"$log" || fail "daemon: $(cat "$log")"
described --socket "$socket" | diff "$work/expected.csv" - || fail 'a daemon lost kind, unit or help'
stop_daemon
described --store "sqlite:$VARVE_STATE/varve.db" | diff "$work/expected.csv" - ||
    fail "a daemon's store lost kind, unit or help"

# ---- on a terminal a bar shows how far it is, and goes; elsewhere there is none
if command -v script >/dev/null; then
    awk -v from="$from" 'BEGIN { for (i = 0; i < 45000; i++) for (s = 0; s < 10; s++)
        printf "%d,made{s=\"%d\"},%d\n", from + i, s, i + s }' >"$work/long.csv"
    script -qec "'$varve' import --store 'sqlite:$work/bar.db' --keep-all '$work/long.csv'" "$work/typed" \
        >"$work/bar" </dev/null || fail "on a terminal: $(cat "$work/bar")"
    tr '\r' '\n' <"$work/bar" | grep -qE '\[#* *\] +[0-9]+ %  [0-9]+ points, 10 series, [0-9.]+[kM]?/s' ||
        fail "no bar on a terminal: $(cat -v "$work/bar")"
    tr '\r' '\n' <"$work/bar" | sed 's/\x1b\[K//' | tail -n 2 | grep -q '^imported 450000 points of 10 series' ||
        fail "the bar stays: $(cat -v "$work/bar")"
fi
grep -q $'\r' "$log" && fail 'a bar where there is no terminal'

# ---- lines that make no sense
printf '%s\n' "cpu,host=a value=1 ${from}000000000" 'no time' 'cpu,host=a value=zz 1' \
    "cpu,host=a value=3i $((from + 5))000000000" | into bad --format influx -
says 'line 2: the line has no time'
says 'line 3: the value of `value` is no number'
says 'imported 2 points'
printf 'a 1 %s\nb 2 x\nc{ 3 %s\n' "${from}000" "${from}000" | into bad --format prometheus -
says 'refused 2 lines'
if printf '{bad\n' | "$varve" import --store "sqlite:$work/bad.db" --format jsonl - 2>"$log"; then
    fail 'an import of nothing but garbage succeeded'
fi
says 'line 1'

# ---- RRDtool
command -v rrdtool >/dev/null || { printf 'rrdtool is missing: RRD left out\n'; exit 0; }
if printf '<rrd>' | "$varve" import --store "sqlite:$work/bad.db" --format rrd --name q - 2>&1 | grep -F 'no expat'; then
    exit 0 # as for musl, where it is not built
fi
mkdir -p "$work/rrd/gw1/cpu-0"
rrd=$work/rrd/gw1/cpu-0/cpu-idle.rrd
rrdtool create "$rrd" --start $((from - 10)) --step 10 DS:temp:GAUGE:20:U:U DS:octets:COUNTER:20:0:U \
    RRA:AVERAGE:0.5:1:360 RRA:AVERAGE:0.5:30:48 RRA:MAX:0.5:30:48
awk -v from="$from" -v rrd="$rrd" 'BEGIN {
    for (i = 0; i <= 700; i++) printf "update %s %d:%.1f:%d\n", rrd, from + 10 * i, 20 + i % 60 / 10, i * 1000
}' | rrdtool - >/dev/null
into rrd --name gw "$rrd"
rrdtool dump "$rrd" | into dumped --format rrd --name gw -
csv_of rrd >"$work/rrd.csv"
csv_of dumped | cmp -s - "$work/rrd.csv" || fail 'a dump gives something else than the file'
# A row of RRDtool's is named by the end of its period, varve's by the beginning.
rrdtool fetch "$rrd" AVERAGE --start $((from + 5000)) --end $((from + 6000)) |
    awk 'NF == 3 { sub(":", "", $1); printf "%d000,gw_temp,%.6f\n", $1 - 10, $2 }' >"$work/fetched"
[ "$(wc -l <"$work/fetched")" -gt 90 ] || fail 'rrdtool told too little to compare with'
awk -F, '$2 == "gw_temp" { printf "%s,%s,%.6f\n", $1, $2, $3 }' "$work/rrd.csv" >"$work/ours"
grep -vxFf "$work/ours" "$work/fetched" >"$work/missing" && fail "not imported: $(head -3 "$work/missing")"
grep -q 'gw_octets_per_second,100$' "$work/rrd.csv" || fail 'a counter came without its rate'
into collectd --collectd "$rrd"
csv_of collectd >"$work/collectd.csv"
grep -q 'collectd_cpu_temp{cpu=""0"",instance=""gw1"",type=""idle""}' "$work/collectd.csv" ||
    fail "names of collectd: $(sed -n 2p "$work/collectd.csv")"
if printf '<rrd><version>0003' | "$varve" import --store "sqlite:$work/bad.db" --format rrd --name q - 2>"$log"; then
    fail 'half an RRD file was taken'
fi
says 'XML'
printf 'an RRD file with 3 archives\n'
