#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# varve-sim: the same arguments give the same figures, the figures agree with each other, a device
# that restarts or loses power goes on, and mistakes are told.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

sim=$build/varve-sim
[ -x "$sim" ] || skip "this build has no simulator (VARVE_SIM=OFF)"
small=(run --board linux-generic --workload synthetic:12x30s --format json)

# field <file> <name>: the number in the JSON
field() {
    sed -nE "s/.*[{,]\"$2\":([^,}]*).*/\1/p" "$1"
}

# holds <awk condition>: with the fields of $work/out as variables
holds() {
    local names=(samples series days flash_bytes flash_bytes_per_sample host_bytes device_bytes
        device_bytes_per_sample stored_bytes raw_bytes raw_samples stored_bytes_per_sample syncs
        operations erases blocks max_block_erases min_block_erases lifetime_years reboots cuts lost
        refused dropped page)
    local args=() name value
    for name in "${names[@]}"; do
        value=$(field "$work/out" "$name")
        [ -n "$value" ] || fail "the JSON has no $name: $(cat "$work/out")"
        args+=(-v "$name=$value")
    done
    awk "${args[@]}" "BEGIN { exit !($1) }" || fail "not so: $1 in $(cat "$work/out")"
}

# ---- the same arguments, the same bytes; another seed, others
"$sim" "${small[@]}" --days 30 --seed 7 --no-timing >"$work/out"
"$sim" "${small[@]}" --days 30 --seed 7 --no-timing >"$work/again"
cmp "$work/out" "$work/again" || fail "the same seed gives another answer"
"$sim" "${small[@]}" --days 30 --seed 8 --no-timing >"$work/other"
! cmp -s "$work/out" "$work/other" || fail "another seed gives the same answer"

# ---- thirty days: the figures and how they hang together
holds 'samples == 12 * 2 * 60 * 24 * 30 && series == 12 && days == 30'
holds 'refused == 0 && dropped == 0 && lost == 0 && reboots == 0 && cuts == 0'
holds 'flash_bytes > 0 && syncs > 30 * 24 && stored_bytes > 0 && stored_bytes < 16 * 1024 * 1024'
holds 'device_bytes >= host_bytes && device_bytes % page == 0 && operations >= device_bytes / page'
holds 'flash_bytes / samples - flash_bytes_per_sample < 0.001'
holds 'flash_bytes_per_sample - flash_bytes / samples < 0.001'
# The ledger and the device saw the same writes: the device those of the filesystem besides.
holds 'host_bytes > 0.9 * flash_bytes && host_bytes < 1.5 * flash_bytes'
# Raw is kept for two hours.
holds 'raw_samples >= 12 * 2 * 60 * 2 * 0.9 && raw_samples <= 12 * 2 * 60 * 3'
holds 'raw_bytes / raw_samples - stored_bytes_per_sample < 0.001'
holds 'lifetime_years > 1 && max_block_erases >= min_block_erases'

# ---- timing is there unless it is left out
grep -q '"cpu_ns_per_sample"' "$work/out" && fail "--no-timing prints timing"
"$sim" "${small[@]}" --days 1 >"$work/timed"
for name in cpu_ns_per_sample wall_s; do
    [ -n "$(field "$work/timed" $name)" ] || fail "no $name"
done
shows 'lifetime' "$sim" run --workload synthetic:3x1m --days 2

# ---- a small raw NOR wears, evenly
"$sim" "${small[@]}" --days 30 --no-timing --kind nor --capacity 16M >"$work/out"
holds 'erases > 500 && max_block_erases > 0 && max_block_erases - min_block_erases <= 20'
holds 'page == 256 && blocks == 256 && device_bytes >= host_bytes'
"$sim" "${small[@]}" --days 30 --no-timing --kind nand --capacity 16M >"$work/out"
holds 'page == 2048 && erases > 0'

# ---- a raw NOR without a filesystem: a microcontroller's month, by the chip and by the ledger
"$sim" run --board qemu-ast1030 --format json --days 30 --no-timing --set varve.outbox=128K \
    >"$work/out"
holds 'samples == 32 * 12 * 60 * 24 * 30 && refused == 0 && dropped == 0 && device_bytes == host_bytes'
holds 'blocks == 256 && min_block_erases > 20 && 10 * max_block_erases <= 11 * min_block_erases'
for which in min max; do
    [ "$(field "$work/out" "sector_erases_$which")" = "$(field "$work/out" "${which}_block_erases")" ] ||
        fail "the ledger says otherwise: $(cat "$work/out")"
done
[ "$(field "$work/out" sectors_bad)" -eq 0 ] || fail "a sector was given up: $(cat "$work/out")"

# ---- restarted in order every week: nothing is lost
"$sim" "${small[@]}" --days 30 --no-timing --reboot-every 7d >"$work/out"
holds 'reboots == 4 && lost == 0 && samples == 12 * 2 * 60 * 24 * 30 && series == 12'

# ---- the power goes: at most the loss window (5 min of 12 series, and the row on its way) is lost
for at in 40 1000 1001 1002 1003 5000; do
    "$sim" "${small[@]}" --days 8 --no-timing --cut-at "$at" >"$work/out" 2>"$work/err"
    holds 'cuts == 1 && lost <= 12 * 11 && raw_samples > 0 && series == 12'
done

# ---- a CSV, once and over and over
{
    echo 'ts,series,value'
    for i in $(seq 0 60 3540); do
        echo "$((1700000000 + i)),jobs_total{queue=\"a\",host=\"b\"},$i"
        echo "$((1700000000 + i)),level,$((i % 7))"
    done
} >"$work/in.csv"
"$sim" run --workload "csv:$work/in.csv" --format json --no-timing >"$work/out"
holds 'samples == 120 && series == 2 && raw_samples == 120'
"$sim" run --workload "csv:$work/in.csv" --format json --no-timing --days 2 >"$work/out"
holds 'samples == 2 * 60 * 24 * 2 && series == 2'

# ---- settings reach the host: no raw on flash, fewer bytes
# (at a loss window of half an hour; at a short one the rollups' blocks are short, too)
many=(run --board linux-generic --workload synthetic:64x5s --format json --days 1 --no-timing
    --set varve.flush=30m)
"$sim" "${many[@]}" >"$work/raw"
"$sim" "${many[@]}" --set "backend flash.tiers=minute hour day" >"$work/out"
holds 'raw_samples == 0 && raw_bytes == 0'
[ "$(field "$work/out" flash_bytes)" -lt "$(field "$work/raw" flash_bytes)" ] ||
    fail "rollups alone cost more than with raw"

# ---- the device: flash.ini of a board, the command line over it
mkdir -p "$work/board"
cp "$top/boards/linux-generic/board.ini" "$work/board/"
printf '[flash]\nkind = nand\ncapacity = 32M ; small\nendurance = 5000\n' >"$work/board/flash.ini"
describe=(run --board "$work/board" --workload synthetic:3x1m --format json --no-timing)
shows '"kind":"nand","page":2048,"erase_block":131072,"capacity":33554432' "$sim" "${describe[@]}"
shows '"spare":5,"endurance":5000' "$sim" "${describe[@]}"
shows '"page":4096,"erase_block":131072,"capacity":67108864,"spare":9,"endurance":5000' \
    "$sim" "${describe[@]}" --page 4K --capacity 64M --spare 9
shows '"kind":"nor","page":256,"erase_block":65536,"capacity":16777216' \
    "$sim" "${describe[@]}" --kind nor
printf '[flash]\nknd = nand\n' >"$work/board/flash.ini"
refuses 2 "flash.ini:2: unknown key or bad line 'knd'" "$sim" "${describe[@]}"

# ---- mistakes
refuses 2 'expected the command' "$sim"
refuses 2 '--workload is missing' "$sim" run --board "$work/board"
refuses 2 'synthetic:SERIESxSTEP' "$sim" run --workload synthetic:5
refuses 2 '1 to 4098 series' "$sim" run --workload synthetic:0x5s
refuses 2 'No such file' "$sim" run --workload "csv:$work/none.csv"
refuses 2 'no board nowhere' "$sim" run --board nowhere --workload synthetic:3x1m
refuses 2 "did you mean 'flush'" "$sim" run --workload synthetic:3x1m --set varve.flsh=1m
refuses 2 'ftl, nor or nand' "$sim" run --workload synthetic:3x1m --kind tape
refuses 2 'power of two' "$sim" run --workload synthetic:3x1m --page 3000
printf 'ts,series,value\n1700000000,a,1\nnonsense\n' >"$work/bad.csv"
refuses any 'bad.csv:3' "$sim" run --workload "csv:$work/bad.csv"
# A device that is too small says so instead of giving figures.
refuses 1 'cannot store' "$sim" run --workload synthetic:255x5s --days 2 --kind nor --capacity 1M
printf 'varve-sim: figures agree, restarts and cuts survived\n'
