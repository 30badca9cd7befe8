#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A daemon on raw NOR flash, in a file: its history after a restart, the wear of the sectors in all that
# tells it, and an image that is not ours.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

image=$work/nor.img
conf=$(quick_conf <<EOF
[collector cpu]
[collector self]
interval = 1s
[backend chip : rotate]
device = image:$image
EOF
)

# blank_image <bytes>
blank_image() {
    head -c "$1" /dev/zero | tr '\0' '\377' >"$image"
}

field() {
    "$varve" wear --format csv "$@" | sed -n 's/^backend\.chip\.//p'
}

blank_image $((32 * 4096))
start_daemon "$conf" --set varve.flush=1s --set 'tiers.raw=1s keep 3m'
is_stored() {
    "$varve" series --socket "$socket" | grep -qF 'varve_sectors_bad{backend="chip"}'
}
wait_until 20 is_stored || fail "no metrics of the sectors"
shows 'sectors    chip: 32, of which 0 bad; erased ' "$varve" wear --socket "$socket"
shows 'sectors    chip: 32, 0 bad, erased ' "$varve" stats --socket "$socket"
shows '"sectors":32,"sectors_bad":0' "$varve" wear --format json --socket "$socket"
"$varve" wear --format json --socket "$socket" | "$build/tests/json_check" >/dev/null || fail "not JSON"
"$varve" flush --socket "$socket"
refuses any 'cannot store' timeout 20 "$varved" -c "$conf" --set "varve.state=$work/other"
before=$("$varve" query varve_samples_total --format csv --socket "$socket" | wc -l)
stop_daemon

# The file is what is on the chip: it is read as that of a microcontroller is.
[ "$("$varve" query varve_samples_total --format csv --store "rotate:image:$image" | wc -l)" -ge \
    "$before" ] || fail "history is missing after the stop"
field -c "$conf" | grep -qx 'sectors,32' || fail "no sectors: $(field -c "$conf")"
shows '0 damaged units' "$varve" check -c "$conf"

# What is not ours is left alone.
blank_image $((32 * 4096))
printf 'the bootloader' | dd of="$image" bs=1 seek=5000 conv=notrunc status=none
sum=$(cksum <"$image")
refuses any 'something that is no store' timeout 20 "$varved" -c "$conf"
[ "$(cksum <"$image")" = "$sum" ] || fail "what is not ours was written to"
echo "flash image: $before lines of history read back"
