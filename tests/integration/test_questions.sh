#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The questions that people ask of their history, each a command, on samples whose answers are known:
# summary, health, pages, labels, slowest events, pictures, the range queries of the README, and how
# old a sample of an expression may be.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/data.sh
. "$here/data.sh"

# is <expected> <command...>: what it prints, without what it says on standard error
is() {
    local wanted=$1 output rc=0
    shift
    output=$("$@" 2>/dev/null </dev/null) || rc=$?
    [ "$output" = "$wanted" ] || fail "exit code $rc: $* gives '$output', not '$wanted'"
}

# summary_row <series> <options...>: its line of the CSV
summary_row() {
    local series=$1
    shift
    "$varve" summary "$series" --store "$store" --format csv "$@" 2>/dev/null | tail -n 1
}

# ---- samples: 100 of a gauge, a counter that restarts, a gauge with a hole ------------------------
store=sqlite:$work/known.db
t0=1767225600 # 2026-01-01
end=$((t0 + 1000))
{
    echo ts,series,value
    for i in $(seq 0 99); do
        t=$((t0 + 10 * i))
        echo "$t,latency_seconds{host=\"a\"},$(((i * 37) % 100 + 1))"
        echo "$t,jobs_total{host=\"a\",result=\"ok\"},$((i < 50 ? 20 * i : 20 * (i - 50)))"
        echo "$t,jobs_total{host=\"a\",result=\"failed\"},$((i < 50 ? 5 * i : 5 * (i - 50)))"
        if [ "$i" -lt 30 ] || [ "$i" -ge 50 ]; then
            echo "$t,\"odd{k=\"\"a\\\"\"b\"\"}\",$i"
        fi
    done
} >"$work/known.csv"
"$varve" import --keep-all --store "$store" "$work/known.csv" 2>/dev/null
period=(--from "$t0" --to "$end")

# ---- summary: exact on raw ------------------------------------------------------------------------
is "\"latency_seconds{host=\"\"a\"\"}\",gauge,,100,1,50.5,100,95.05,99.01,64,,1,0,0,${t0}000,$((end - 10))000" \
    summary_row latency_seconds "${period[@]}"
# 49 increases of 20, one restart to 0, 49 more; 2 a second but for the restart
is "\"jobs_total{host=\"\"a\"\",result=\"\"ok\"\"}\",counter,/s,100,0,1.97979797979798,2,2,2,2,1960,1,0,0,${t0}000,$((end - 10))000" \
    summary_row 'jobs_total{result="ok"}' "${period[@]}"
# no sample for 210 s, of which 10 are usual; 810 of 1000 s
is "\"odd{k=\"\"a\\\"\"b\"\"}\",gauge,,80,0,52,99,95.05,98.21,99,,0.8,1,210000,${t0}000,$((end - 10))000" \
    summary_row odd "${period[@]}"
# before its first sample it was missing, too
is 0.5 sh -c "'$varve' summary latency_seconds --store '$store' --from $((t0 - 990)) --to $((t0 + 990)) \
    --format csv | tail -n 1 | rev | cut -d, -f5 | rev | cut -c1-3"
[ "$("$varve" summary --store "$store" "${period[@]}" --format json | "$json_check" -p percentiles)" = '"exact"' ]

# ---- summary: cells keep no percentiles, and say so -----------------------------------------------
is "100,1,50.5,100,,,64" sh -c "'$varve' summary latency_seconds --store '$store' --tier minute \
    --from $t0 --to $end --format csv | tail -n 1 | cut -d, -f4-10"
is 1960 sh -c "'$varve' summary 'jobs_total{result=\"ok\"}' --store '$store' --tier minute \
    --from $t0 --to $end --format csv | tail -n 1 | cut -d, -f12"
[ "$("$varve" summary --store "$store" --tier minute "${period[@]}" --format json |
    "$json_check" -p percentiles rows[])" = '"absent"' ]
shows "gives no percentiles" "$varve" summary latency_seconds --store "$store" --tier minute "${period[@]}"

# ---- summary: order, pages ------------------------------------------------------------------------
first_column() {
    "$@" --format csv 2>/dev/null | tail -n +2 | sed 's/,\(gauge\|counter\),.*//; s/"//g'
}
is 'odd{k=a\b}' first_column "$varve" summary --store "$store" "${period[@]}" --sort availability --limit 1
is 'latency_seconds{host=a}' first_column "$varve" summary --store "$store" "${period[@]}" --sort max --limit 1
refuses 2 "is not one of" "$varve" summary --store "$store" --sort nosuch
refuses 2 "there is no series" "$varve" summary --store "$store" --after nosuch
refuses 2 "no number from 1 on" "$varve" summary --store "$store" --limit 0
refuses 3 "no series matches" "$varve" summary nosuch --store "$store"

# pages <path of next> <command...>: all pages of three, joined; the header once
pages() {
    local place=() next
    while :; do
        "$@" --limit 3 "${place[@]}" --format csv 2>/dev/null | tail -n +2
        next=$("$@" --limit 3 "${place[@]}" --format json | "$json_check" -p next)
        [ "$next" != null ] || break
        next=${next#\"}
        next=${next%\"}
        place=(--after "$(printf '%s' "$next" | sed 's/\\\(["\\]\)/\1/g')")
    done
}
is "$("$varve" series --store "$store" --format csv 2>/dev/null | tail -n +2)" pages "$varve" series --store "$store"
is "$("$varve" summary --store "$store" "${period[@]}" --format csv 2>/dev/null | tail -n +2)" \
    pages "$varve" summary --store "$store" "${period[@]}"
is "$("$varve" query '{host="a"}' --store "$store" --from "$t0" --to $((t0 + 100)) --format csv | tail -n +2)" \
    pages "$varve" query '{host="a"}' --store "$store" --from "$t0" --to $((t0 + 100))
is "$("$varve" query 'sum by (result) (jobs_total)' --store "$store" --from "$t0" --to $((t0 + 70)) --step 10s \
    --format csv | tail -n +2)" \
    pages "$varve" query 'sum by (result) (jobs_total)' --store "$store" --from "$t0" --to $((t0 + 70)) --step 10s
refuses 2 "has no series" "$varve" query latency_seconds --store "$store" "${period[@]}" --after "${t0}000 nosuch"
refuses 2 "is no place" "$varve" query latency_seconds --store "$store" "${period[@]}" --after nosuch

# ---- labels, success rate, the largest ------------------------------------------------------------
is "$(printf 'value,series\nfailed,1\nok,1')" "$varve" series --by result --store "$store" --format csv
is '"a\"b"' sh -c "'$varve' series --by k --store '$store' --format json | '$json_check' -p 'values[].value'"
is 3 sh -c "'$varve' series --by __name__ --store '$store' --format csv | tail -n +2 | wc -l"
refuses 3 "has the label nosuch" "$varve" series --by nosuch --store "$store"
rate=$("$varve" query 'sum(increase(jobs_total{result="ok"}[15m])) / sum(increase(jobs_total[15m]))' \
    --store "$store" --to "$end" --format csv | tail -n 1 | cut -d, -f3)
awk -v r="$rate" 'BEGIN { exit !(r > 0.799999 && r < 0.800001) }' || fail "the success rate is $rate, not 0.8"
is "result=ok" sh -c "'$varve' query 'topk(1, sum by (result) (jobs_total))' --store '$store' --to $end --format csv |
    tail -n 1 | sed 's/.*{//; s/}.*//; s/\"//g'"

# ---- pictures -------------------------------------------------------------------------------------
export COLUMNS=60
shows '▁' env LC_ALL=C.UTF-8 "$varve" query odd --store "$store" "${period[@]}" --format spark
shows '      =' env LC_ALL=C "$varve" query odd --store "$store" "${period[@]}" --format spark
shows '99 ┤' env LC_ALL=C.UTF-8 "$varve" query odd --store "$store" "${period[@]}" --format plot
plot=$(LC_ALL=C "$varve" query odd --store "$store" "${period[@]}" --format plot)
[ "$(wc -l <<<"$plot")" -eq 12 ] || fail "a plot of 12 lines was expected: $plot"
LC_ALL=C grep -q '[^ -~]' <<<"$plot" && fail "not ASCII: $plot"
awk 'length > 60 { exit 1 }' <<<"$plot" || fail "a line is longer than COLUMNS: $plot"
grep -qF "99 |" <<<"$plot" || fail "no label: $plot"
grep -qF ":" <<<"$plot" || fail "no dots: $plot"
refuses 2 "is not one of table json csv jsonl grafana spark plot" "$varve" query odd --store "$store" --format nosuch
refuses 2 "is not one of table json csv" "$varve" stats --store "$store" --format plot

# ---- the range queries of the README, on history of a week ----------------------------------------
now=$(date +%s)
now=$((now - now % 3600 + 300)) # so that no hour ends in between
week=sqlite:$work/week.db
awk -v now="$now" 'BEGIN {
    print "ts,series,value"
    for (t = now - 7 * 86400; t <= now; t += 300) {
        printf "%d000,memory_total_bytes,1000\n", t
        hour = int(t / 3600) % 24
        printf "%d000,memory_free_bytes,%d\n", t, hour == 3 || hour == 4 ? 50 : 400
    }
    for (t = now - 4200; t <= now; t += 10)
        for (i = 0; i < 2; i++) {
            printf "%d000,network_receive_bytes_total{device=\"eth%d\",queue=\"0\"},%d\n", t, i, (t - now + 4200) * 600 * (i + 1)
            printf "%d000,network_receive_bytes_total{device=\"eth%d\",queue=\"1\"},%d\n", t, i, (t - now + 4200) * 400
        }
}' >"$work/week.csv"
"$varve" import --keep-all --store "$week" "$work/week.csv" 2>/dev/null
awk '/^```/ { inside = ($0 == "```sh") } inside && /^varve query .*--step/' "$top/README.md" >"$work/range"
[ "$(wc -l <"$work/range")" -eq 2 ] || fail "the README has two range queries: $(cat "$work/range")"
ask_week() {
    PATH=$build:$PATH bash -c "$1 --store $week --to $now --format csv" | tail -n +2
}
ask_week "$(sed -n 1p "$work/range" | sed "s/--from -1h/--from $((now - 3600))/")" >"$work/rates"
awk -F, -v now="$now" '
    { wanted = /eth0/ ? 1000 : 1600; n[wanted]++ }
    $NF < wanted - 0.001 || $NF > wanted + 0.001 || $1 % 60000 { print "bad: " $0; bad = 1 }
    END { exit bad || n[1000] != 61 || n[1600] != 61 }' "$work/rates" || fail "rates: $(head "$work/rates")"
ask_week "$(sed -n 2p "$work/range" | sed "s/--from -7d/--from $((now - 7 * 86400))/")" >"$work/low"
awk -F, '
    { hour = int($1 / 3600000) % 24; n++ }
    $NF != 0.05 || (hour != 3 && hour != 4) { print "bad: " $0; bad = 1 }
    END { exit bad || n != 14 }' "$work/low" || fail "low memory: $(head "$work/low")"

# ---- how old a sample may be ----------------------------------------------------------------------
last=$((t0 + 990))
lookback() {
    "$varve" query 'latency_seconds + 0' --store "$store" "$@" --format csv 2>/dev/null | tail -n +2
}
is "" lookback --to $((last + 301))
is "$((last + 299))000,\"{host=\"\"a\"\"}\",64" lookback --to $((last + 299))
is "$((last + 899))000,\"{host=\"\"a\"\"}\",64" lookback --to $((last + 899)) --lookback 15m
is "" lookback --to $((last + 901)) --lookback 15m
is "" lookback --to $((last + 11)) --lookback 10s
# steps of 10 s from the last sample on: those not older than the lookback
is 4 sh -c "'$varve' query 'latency_seconds + 0' --store '$store' --from $last --to $((last + 600)) --step 10s \
    --lookback 35s --format csv | tail -n +2 | wc -l"
refuses 2 "--lookback: \`0s\` is no span" "$varve" query '(x)' --store "$store" --lookback 0s
refuses 2 "--lookback: \`soon\` is no span" "$varve" query '(x)' --store "$store" --lookback soon
refuses 2 "needs a value" "$varve" query '(x)' --store "$store" --lookback

# ---- a daemon: events by value, health ------------------------------------------------------------
start_daemon "$(quick_conf <<'EOT'
[collector load]
[collector exec]
command = /bin/false
interval = 1s
[backend flash : sqlite]
EOT
)"
for _ in 1 2 3; do
    ask backup now >/dev/null
done
ask events --only backup_ok --sort value --format csv | tail -n +2 | cut -d, -f4 >"$work/values"
[ "$(wc -l <"$work/values")" -eq 3 ] || fail "three backups were made: $(cat "$work/values")"
sort -grc "$work/values" || fail "not sorted: $(cat "$work/values")"
[ "$(ask events --only backup_ok --sort value --limit 1 --format csv | tail -n +2 | wc -l)" -eq 1 ]
refuses 2 "leave --sort out" "$varve" events --sort value --after 1 --socket "$socket"
until=$(date +%s%3N) # more may happen meanwhile
ask events --to "$until" --format csv | tail -n +2 >"$work/all"
next=$(ask events --to "$until" --limit 2 --format json | "$json_check" -p next | tr -d '"')
[ "$next" != null ] || fail "more than two events were expected: $(cat "$work/all")"
{
    ask events --to "$until" --limit 2 --format csv 2>/dev/null | tail -n +2
    ask events --to "$until" --after "$next" --format csv | tail -n +2
} | cmp - "$work/all" || fail "two pages are not the whole"

health_is() {
    [ "$(ask health --from -1h --format json | "$json_check" -p status)" = "\"$1\"" ]
}
wait_until 10 health_is warning || fail "a failing collector is no warning: $(ask health)"
ask health --from -1h --format json | "$json_check" about findings[].message collectors[].state stores[].state \
    tiers[].oldest_ms wear.level events.newest summary.columns[] summary.rows[] summary.next || fail "bad JSON"
shows "exec fails" ask health
shows "1 failing" ask health
refuses 2 "is not one of table json" "$varve" health --format csv --socket "$socket"
stop_daemon
