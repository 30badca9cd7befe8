#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Percentiles of a daemon's series that asks for them, on every tier, against exact ones: while the
# cells are in RAM, after SIGKILL, after an orderly stop, of the stopped store; a series that does
# not ask says so; a prune leaves what it leaves. And what the sketches take.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/data.sh
. "$here/data.sh"

cat >"$work/percentiles.ini" <<'INI'
[varve]
state = ${VARVE_STATE}
flush = 5m
clock = trust
[tiers]
raw = 5s keep 3d
minute = 1m keep 10d
hour = 1h keep 30d
day = 1d keep 90d
[backend flash : sqlite]
path = varve.db
[series latency*]
percentiles = yes
INI
store=sqlite:$VARVE_STATE/varve.db
seed=${VARVE_SEED:-$RANDOM}
echo "VARVE_SEED=$seed"

# Two whole days of a log-normal gauge, and the same of one that does not ask.
from=$((($(date +%s) - 259200) / 86400 * 86400))
end=$((from + 172800))
awk -v from="$from" -v end="$end" -v seed="$seed" 'BEGIN {
    srand(seed)
    print "ts,series,value"
    for (t = from; t < end; t += 5) {
        do { u = rand() } while (u == 0)
        value = exp(3 + 0.8 * sqrt(-2 * log(u)) * cos(6.283185307 * rand()))
        printf "%d,\"latency_ms{svc=\"\"a\"\"}\",%.3f\n%d,plain_ms,%.3f\n", t, value, t, value
    }
}' >"$work/samples.csv"

# exact <q> [from]: of all samples from then on, as Prometheus interpolates
exact() {
    awk -F , -v from="${2:-0}" '/latency/ && $1 >= from { print $NF }' "$work/samples.csv" | sort -g | awk -v q="$1" '{ v[NR - 1] = $1 }
        END { r = q * (NR - 1); i = int(r); w = r - i; printf "%.12g", v[i] * (1 - w) + (w > 0 ? v[i + 1] * w : 0) }'
}

# quantile <q> <series> <span> <tier> <source options...>: over the span before the end
quantile() {
    local q=$1 series=$2 span=$3 tier=$4
    shift 4
    "$varve" query "quantile_over_time($q, ${series}[$span])" --to "$end" --tier "$tier" --format csv "$@" \
        >"$work/answer" 2>"$work/notes" ||
        fail "quantile $q of $series on tier $tier: $(cat "$work/notes")" >&2
    tail -n 1 "$work/answer" | sed 's/.*,//'
}

# close_to <value> <expected> [part]: within 1 %
close_to() {
    awk -v a="$1" -v b="$2" -v part="${3:-0.01}" \
        'BEGIN { d = a - b; exit !(a != "" && d <= b * part && -d <= b * part) }' ||
        fail "$1 is not within ${3:-1 %} of $2"
}

# check_tiers <source options...>
check_tiers() {
    local tier i
    for tier in minute hour day; do
        for i in 0 1 2; do
            close_to "$(quantile "${qs[i]}" latency_ms 2d "$tier" "$@")" "${wanted[i]}"
            grep -q "within 1 %" "$work/notes" || fail "tier $tier does not say how exact it is"
        done
        quantile 0.95 plain_ms 2d "$tier" "$@" >/dev/null
        grep -q "no sketches of some series" "$work/notes" || fail "plain_ms has no sketches"
    done
    close_to "$(quantile 0.95 latency_ms 5h raw "$@")" "$exact_5h" 1e-9
    [ ! -s "$work/notes" ] || fail "raw says something: $(cat "$work/notes")"
}

import_samples() {
    ask import "$work/samples.csv" 2>"$work/notes" || fail "import: $(cat "$work/notes")"
}

start_daemon "$work/percentiles.ini"
import_samples
qs=(0.5 0.95 0.99)
exact_5h=$(exact 0.95 $((end - 18000)))
wanted=("$(exact 0.5)" "$(exact 0.95)" "$(exact 0.99)")
check_tiers --socket "$socket" # most of it in blocks, the rest in RAM

kill_daemon
start_daemon "$work/percentiles.ini" # open cells are rebuilt from what is stored
import_samples # what had not been stored; the rest is known
check_tiers --socket "$socket"

ask summary --tier hour --from "$from" --to $((end - 1)) --format csv >"$work/summary.csv" 2>"$work/notes" ||
    fail "summary: $(cat "$work/notes")"
close_to "$(grep latency "$work/summary.csv" | rev | cut -d, -f9 | rev)" "${wanted[1]}"
close_to "$(grep latency "$work/summary.csv" | rev | cut -d, -f8 | rev)" "${wanted[2]}"
[ -z "$(grep plain "$work/summary.csv" | rev | cut -d, -f9 | rev)" ] || fail "plain_ms has a p95"

stop_daemon
check_tiers --store "$store"
