#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The storage benchmark runs, counts what reached the device, compares what comes back with what went
# in, and leaves nothing behind. What things cost is not judged.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

[ -x "$build/storage_bench" ] || skip "this build has no storage_bench"
export TMPDIR=$work
contestants=(varve-wal varve-inplace varve-rotate varve-rollups sqlite-tuned)

rc=0
bench() {
    rc=0
    "$top/tools/bench/storage" --build "$build" --hours 1 --no-install --only varve \
        --only sqlite-tuned "$@" >"$work/answer" 2>"$work/varved.log" </dev/null || rc=$?
    [ "$rc" -ne 77 ] || skip "$(cat "$work/varved.log")"
    [ "$rc" -eq 0 ] || fail "the benchmark ends with exit code $rc"
}

# of <contestant> <key>: the value in the JSON, which lists contestants in the order in which they ran
of() {
    local at
    at=$("$build/tests/json_check" -p 'results[].name' <"$work/answer" | grep -n "^\"$1\"$")
    "$build/tests/json_check" -p "results[].$2" <"$work/answer" | sed -n "${at%%:*}p"
}

# holds <contestant> <awk condition>: with its figures as variables
holds() {
    local key args=()
    for key in samples series device_bytes ledger_bytes stored_bytes raw_bytes raw_samples cpu_s \
        peak_kib read_raw_points read_minutes_points raw_compared raw_wrong minutes_compared \
        minutes_wrong device_bytes_per_sample stored_bytes_per_raw_sample; do
        args+=(-v "$key=$(of "$1" "$key")")
    done
    awk "${args[@]}" "BEGIN { exit !($2) }" || fail "not so: $1: $2 in $(cat "$work/answer")"
}

# ---- JSON: an hour of the generated workload, 59 whole minutes in it
bench --format json
"$build/tests/json_check" skipped 'results[].name' <"$work/answer" || fail "no JSON: $(cat "$work/answer")"
for name in "${contestants[@]}"; do
    holds "$name" 'samples == 255 * 720 && series == 255 && read_raw_points == 720'
    holds "$name" 'read_minutes_points == 59 && cpu_s > 0 && peak_kib > 500 && stored_bytes > 0'
    # Three series, two of them gauges.
    holds "$name" 'raw_compared == 3 * 720 && raw_wrong == 0'
    holds "$name" 'minutes_compared == 2 * 59 && minutes_wrong == 0'
    holds "$name" 'device_bytes_per_sample - device_bytes / samples < 0.001'
    holds "$name" 'device_bytes / samples - device_bytes_per_sample < 0.001'
done
for name in varve-wal varve-inplace varve-rotate varve-rollups; do
    # Less than the ledger has would mean that another device was looked at.
    holds "$name" 'ledger_bytes > 0 && device_bytes >= ledger_bytes * 0.9'
done
for name in varve-wal varve-inplace varve-rotate sqlite-tuned; do
    # What is still in RAM is at most the loss window, a twelfth; expired blocks may be left.
    holds "$name" 'raw_samples >= 255 * 720 * 0.8 && raw_samples <= 255 * 720 * 2.1'
    holds "$name" 'raw_bytes > raw_samples / 4 && raw_bytes <= stored_bytes + 65536'
    holds "$name" 'stored_bytes_per_raw_sample - raw_bytes / raw_samples < 0.001'
done
holds varve-rollups 'raw_bytes == 0 && raw_samples == 0 && stored_bytes_per_raw_sample == "null"'
holds sqlite-tuned 'ledger_bytes == 0 && raw_bytes > 10 * raw_samples'

# ---- a CSV instead of the generator, and the table
for t in $(seq 0 5 7200); do
    printf '%d,"a{n=""1""}",%d\n%d,b_total,%d\n' "$t" $((t % 7)) "$t" "$t"
done >"$work/in.csv"
bench --csv "$work/in.csv" --warmup 1
grep -q '^2 series, 1442 samples in 1 h' "$work/answer" ||
    fail "no table: $(cat "$work/answer")"
grep -qE 'device +ledger +device +raw tier +stored +CPU +peak' "$work/answer" || fail "no headings"
figure='[0-9]+\.[0-9]+'
for name in "${contestants[@]}"; do
    grep -qE "^$name +$figure +($figure|-) +$figure +($figure|-) +$figure +$figure +$figure +$figure \([0-9]+\) +$figure \([0-9]+\) +exact$" \
        "$work/answer" || fail "no line for $name: $(cat "$work/answer")"
done

# ---- nothing stays mounted or attached
! grep -q "$work" /proc/mounts || fail "a filesystem is still mounted"
! losetup -a | grep -q "$work" || fail "a loop device is still attached"
printf 'benchmark: %d contestants give back what they got\n' "${#contestants[@]}"
