#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The storage benchmark runs, counts what reached the device, and leaves nothing behind. Its figures
# are not judged.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

[ -x "$build/storage_bench" ] || skip "this build has no storage_bench"
export TMPDIR=$work

rc=0
bench() {
    rc=0
    "$top/tools/bench/storage" --build "$build" --hours 1 --only varve --no-install "$@" \
        >"$work/answer" 2>"$work/varved.log" </dev/null || rc=$?
    [ "$rc" -ne 77 ] || skip "$(cat "$work/varved.log")"
    [ "$rc" -eq 0 ] || fail "the benchmark ends with exit code $rc"
}

# value <key>: of the first contestant in the JSON
value() {
    "$build/tests/json_check" -p "results[].$1" <"$work/answer" | head -n 1
}

bench --format json
"$build/tests/json_check" skipped 'results[].name' <"$work/answer" || fail "no JSON: $(cat "$work/answer")"
[ "$(value samples)" -eq $((255 * 720)) ] || fail "not an hour of 255 series: $(value samples)"
[ "$(value read_raw_points)" -eq 720 ] ||
    fail "$(value read_raw_points) points of 720 come back"
device=$(value device_bytes)
ledger=$(value ledger_bytes)
[ "$ledger" -gt 0 ] || fail "the ledger counts nothing"
# Less than the ledger has would mean that another device was looked at.
[ "$device" -ge $((ledger / 2)) ] || fail "$device bytes on the device, $ledger in the ledger"

# A CSV instead of the generator.
for t in $(seq 0 5 7200); do
    printf '%d,"a{n=""1""}",%d\n%d,b_total,%d\n' "$t" $((t % 7)) "$t" "$t"
done >"$work/in.csv"
bench --csv "$work/in.csv"
grep -q '^2 series, 1442 samples in 1 h' "$work/answer" ||
    fail "no table: $(cat "$work/answer")"

# Nothing stays mounted or attached.
! grep -q "$work" /proc/mounts || fail "a filesystem is still mounted"
! losetup -a | grep -q "$work" || fail "a loop device is still attached"
printf 'benchmark: %s bytes on the device, %s in the ledger\n' "$device" "$ledger"
