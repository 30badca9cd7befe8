#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every board's configuration is accepted by the daemon that this build makes and fits into the
# board's memory; its files do not contradict each other; and a simulated month of what is typical of
# it loses nothing and leaves the flash the life that board.ini asks for.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

sim=$build/varve-sim
days=30

# value <file> <section> <key>: what an INI file says; empty when it does not
value() {
    awk -F ' *= *' -v section="[$2]" -v key="$3" '
        { sub(/ *;.*/, "") }
        /^\[/ { inside = $0 == section }
        inside && $1 == key { print $2 }' "$1"
}

# number <text>: of a size or a duration in years; 4K is 4096, 10y is 10
number() {
    awk -v text="$1" 'BEGIN {
        unit["K"] = 1024; unit["M"] = 1024 ^ 2; unit["G"] = 1024 ^ 3; unit["y"] = 1
        last = substr(text, length(text))
        printf "%.0f", text * (last in unit ? unit[last] : 1)
    }'
}

# ---- configuration --------------------------------------------------------------------------------

# The flash's figures are in one place: what [wear] says, flash.ini does not.
check_flash_ini() {
    local dir=$1 key
    for key in kind page erase_block capacity endurance spare; do
        if [ -n "$(value "$dir/flash.ini" flash "$key")" ]; then
            [ -z "$(value "$dir/board.ini" wear "$key")" ] ||
                fail "$dir: both flash.ini and [wear] of board.ini give $key"
        elif [ "$key" != spare ]; then
            [ -n "$(value "$dir/board.ini" wear "$key")" ] ||
                fail "$dir: neither flash.ini nor [wear] of board.ini gives $key"
        fi
    done
    [ -n "$(value "$dir/board.ini" wear lifetime)" ] || fail "$dir: no lifetime in [wear]"
}

# The budget that the table of boards/README.md quotes follows from [wear].
check_budget() {
    local dir=$1 name=$2 capacity budget years
    capacity=$(value "$dir/board.ini" wear capacity)
    [ -n "$capacity" ] || return 0
    years=$(number "$(value "$dir/board.ini" wear lifetime)")
    budget=$(awk -v capacity="$(number "$capacity")" -v years="$years" \
        -v endurance="$(value "$dir/board.ini" wear endurance)" \
        -v amplification="$(value "$dir/board.ini" wear amplification)" \
        'BEGIN { printf "%.0f", capacity * endurance / (amplification * years * 365) / 1048576 }')
    grep -qF "| \`$name\` |" "$top/boards/README.md" || fail "boards/README.md does not list $name"
    grep -F "| \`$name\` |" "$top/boards/README.md" | grep -qF "| $budget MiB for $years years |" ||
        fail "boards/README.md: the budget of $name is $budget MiB for $years years"
}

# What the host takes of its memory with this configuration, against what board.cmake gives it.
check_memory() {
    local dir=$1 name=$2 cap used
    cap=$(sed -nE 's/.*VARVE_MEMORY_BYTES=\(([0-9]+)u\*1024u\*1024u\).*/\1/p' "$dir/board.cmake")
    rm -rf "$VARVE_STATE"
    start_daemon "$dir/board.ini"
    used=$("$varve" stats --socket "$socket" --format json |
        "$build/tests/json_check" -p memory_used)
    stop_daemon
    [ "$used" -gt 100000 ] || fail "$name: memory_used is $used"
    [ "$used" -le $((${cap:-16} * 1024 * 1024)) ] ||
        fail "$name takes $used bytes; board.cmake gives it ${cap:-16} MiB"
}

# ---- the simulated month --------------------------------------------------------------------------

# field <name>: the number in the JSON
field() {
    sed -nE "s/.*[{,]\"$1\":\"?([^,}\"]*).*/\1/p" "$work/out"
}

# holds <what> <awk condition>: with the fields of $work/out as variables
holds() {
    local name args=()
    for name in days samples series refused dropped dropped_blocks lost flash_bytes host_bytes \
        device_bytes raw_samples syncs erases blocks max_block_erases min_block_erases \
        erase_block capacity endurance page lifetime_years; do
        [ -n "$(field "$name")" ] || fail "the JSON has no $name: $(cat "$work/out")"
        args+=(-v "$name=$(field "$name")")
    done
    awk "${args[@]}" "BEGIN { exit !($2) }" || fail "$1: not so: $2 in $(cat "$work/out")"
}

# simulate <board> <goal in years> <varve-sim option...>
simulate() {
    local what="$1 ${*:3}" goal=$2 dir=$top/boards/$1 amplification
    "$sim" run --board "$dir" --format json --no-timing "${@:3}" >"$work/out" ||
        fail "the simulation of $what fails"
    holds "$what" 'samples > 0 && refused == 0 && dropped == 0 && dropped_blocks == 0 && lost == 0'
    holds "$what" "lifetime_years >= $goal"
    # All writes are there: a sync at least every half hour, and the filesystem's tables on top.
    holds "$what" 'syncs >= days * 48 && host_bytes > flash_bytes * 0.7 && device_bytes >= host_bytes'
    # Blocks are erased once they have been filled, and evenly: static wear levelling allows 16.
    holds "$what" 'erases * erase_block <= device_bytes && max_block_erases - min_block_erases <= 17'
    holds "$what" 'erases <= blocks * max_block_erases && erases >= blocks * min_block_erases'
    # The goal also holds with the amplification that board.ini assumes, which is more than the model's.
    amplification=$(value "$dir/board.ini" wear amplification)
    holds "$what" "capacity * endurance * days / 365 >= $goal * ${amplification:-4} * flash_bytes"
}

check_life() {
    local dir=$1 name=$2 goal key
    goal=$(number "$(value "$dir/board.ini" wear lifetime)")
    simulate "$name" "$goal" --days "$days"
    holds "$name" "days == $days && raw_samples > 0"
    [ "$(field kind)" = "$(value "$dir/flash.ini" flash kind)" ] || fail "$name: kind $(field kind)"
    for key in page erase_block capacity endurance; do
        [ -z "$(value "$dir/board.ini" wear "$key")" ] ||
            holds "$name" "$key == $(number "$(value "$dir/board.ini" wear "$key")")"
    done
    printf '%-18s %-18s %6.2f B/sample in the device, %s to %s erases, %.0f years (goal %s)\n' \
        "$name" "$(field workload)" "$(field device_bytes_per_sample)" \
        "$(field min_block_erases)" "$(field max_block_erases)" "$(field lifetime_years)" "$goal"
}

# Firmware has no daemon: its configuration becomes a table, and tests/firmware runs it.
check_firmware() {
    local dir=$1
    "$varve" config table "$dir/board.ini" >"$work/table.c" || fail "$dir/board.ini: no table"
    grep -q '^const struct varve_conf varve_conf_built_in = {$' "$work/table.c" ||
        fail "$dir/board.ini: $(cat "$work/table.c")"
}

count=0
for ini in "$top"/boards/*/board.ini; do
    dir=$(dirname "$ini")
    name=$(basename "$dir")
    if [ -e "$dir/memory.ld" ]; then
        check_firmware "$dir"
        count=$((count + 1))
        continue
    fi
    "$varved" --check-config -c "$ini" </dev/null >"$work/check" 2>&1 || fail "$ini is not accepted"
    check_flash_ini "$dir"
    check_budget "$dir" "$name"
    check_memory "$dir" "$name"
    [ ! -x "$sim" ] || check_life "$dir" "$name"
    count=$((count + 1))
done
[ "$count" -gt 0 ] || fail "no board found in $top/boards"

# ---- other stores on the same flash, and flash that is full ----------------------------------------

if [ -x "$sim" ]; then
    # Rollups alone on raw NOR: less is written than with raw.
    simulate openwrt-16m-nor 10 --days 7
    with_raw=$(field flash_bytes)
    simulate openwrt-16m-nor 10 --days 7 --set 'backend flash.tiers=minute hour day'
    holds 'rollups on NOR' "raw_samples == 0 && flash_bytes < $with_raw"
    # Append-only segments on raw flash, which cannot allocate ahead.
    for board in openwrt-16m-nor openwrt-128m-nand; do
        sed 's/: sqlite\]/: rotate]/; s/^path = .*/path = segments/; /^journal/d' \
            "$top/boards/$board/board.ini" >"$work/rotate.ini"
        simulate "$board" 10 --days 7 --config "$work/rotate.ini"
        holds "rotate on $board" 'raw_samples > 0'
    done
    # A card so small that it is collected again and again; nobody would want it for five years.
    simulate rpi-sd 0 --days 10 --capacity 8M --erase-block 128K
    holds 'tiny card' 'erases > blocks && max_block_erases > 1'
    # Flash that cannot last is not said to last.
    "$sim" run --board openwrt-16m-nor --days 3 --endurance 5 --format json >"$work/out"
    holds 'weak NOR' 'lifetime_years < 1'
fi

# ---- the full load: as many series as [varve] allows there, 255 at most ----------------------------

if [ -x "$sim" ] && [ -n "${VARVE_TEST_LONG:-}" ]; then
    for ini in "$top"/boards/*/board.ini; do
        [ ! -e "$(dirname "$ini")/memory.ld" ] || continue
        simulate "$(basename "$(dirname "$ini")")" "$(number "$(value "$ini" wear lifetime)")" \
            --days 30 --workload synthetic:255x5s
    done
fi

# ---- the same check refuses a configuration with a mistake, naming file, line and key --------------

printf '[varve]\nflsh = 5m\n' >"$work/bad.ini"
refuses any 'bad.ini:2' "$varved" --check-config -c "$work/bad.ini"
refuses any 'flush' "$varved" --check-config -c "$work/bad.ini"
[ ! -x "$sim" ] || refuses 2 'no board' "$sim" run --board nowhere --days 1 -w synthetic:3x1m
printf '%d boards accepted\n' "$count"
