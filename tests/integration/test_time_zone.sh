#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Daylight saving is irrelevant: what is stored, rolled up and given back over both changes of a year
# is the same in every time zone, hour by hour. The zone is only how a person reads a time.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/data.sh
. "$(dirname "$0")/data.sh"

berlin='CET-1CEST,M3.5.0,M10.5.0/3' # needs no zone files
spring=1774738800                   # 2026-03-28 23:00 UTC; clocks go forward at 01:00
autumn=1792882800                   # 2026-10-24 23:00 UTC; they go back at 01:00
{
    generate "$spring" 21600 3 60
    generate "$autumn" 21600 3 60
} >"$work/history.csv"

for zone in UTC "$berlin"; do
    name=${zone%%[-,]*}
    store=sqlite:$work/$name.db
    export TZ=$zone
    "$varve" import --keep-all --store "$store" "$work/history.csv" 2>/dev/null
    "$varve" export --store "$store" >"$work/$name.raw"
    for tier in minute hour day; do
        "$varve" export --store "$store" --tier "$tier" --agg count >"$work/$name.$tier"
    done
    "$varve" query 'made{n="00"}' --store "$store" --from "$autumn" --to $((autumn + 7200)) \
        --step 1h --agg count >"$work/$name.table"
done

for what in raw minute hour day; do
    cmp "$work/UTC.$what" "$work/CET.$what" || fail "$what differs between time zones"
done
[ "$(rows "$work/UTC.raw")" -eq 2160 ] || fail "not all samples are there"
[ "$(awk -F , 'NR > 1 && $NF == 60' "$work/UTC.hour" | wc -l)" -eq 36 ] ||
    fail "an hour is not one of 60 minutes: $(cat "$work/UTC.hour")"
# The hour that clocks show twice is two hours.
[ "$(grep -c '2026-10-25 02:00:00' "$work/CET.table")" -eq 2 ] ||
    fail "not two hours at 2 o'clock: $(cat "$work/CET.table")"
[ "$(grep -c '2026-10-25 0[01]:00:00' "$work/UTC.table")" -eq 2 ] ||
    fail "UTC has no change of clocks: $(cat "$work/UTC.table")"
