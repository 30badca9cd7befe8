#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Memory is flat over a device's life: in varve-sim the static memory that is taken, and what SQLite
# has allocated within it, are at the end what they were after the first day. Forty days, past the
# last changes of what is kept in each tier but one; with VARVE_TEST_LONG=1 a year.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"

sim=$build/varve-sim
[ -x "$sim" ] || skip "this build has no simulator (VARVE_SIM=OFF)"
days=40
[ -z "${VARVE_TEST_LONG:-}" ] || days=365

field() {
    sed -nE "s/.*[{,]\"$1\":([^,}]*).*/\1/p" "$work/out"
}

"$sim" run --board linux-generic --workload synthetic:24x1m --days "$days" --format json \
    --no-timing >"$work/out"
printf '%s days: %s bytes of static memory taken; SQLite holds %s bytes after the first day, ' \
    "$days" "$(field memory_used)" "$(field heap_first_day)"
printf '%s at the end, %s at most\n' "$(field heap_end)" "$(field heap_max)"
[ "$(field dropped)" -eq 0 ] || fail "$(field dropped) samples were dropped"
[ "$(field heap_first_day)" -gt 0 ] || fail "nothing was measured"
[ "$(field heap_max)" -le $(($(field heap_first_day) + 65536)) ] || fail "SQLite's memory grows"
[ "$(field heap_end)" -le "$(field heap_max)" ] || fail "the figures make no sense"

# The host takes its memory at the start and no more afterwards: a life of one day takes the same.
used=$(field memory_used)
"$sim" run --board linux-generic --workload synthetic:24x1m --days 2 --format json --no-timing \
    >"$work/out"
[ "$(field memory_used)" -eq "$used" ] || fail "a short life takes $(field memory_used) bytes"
