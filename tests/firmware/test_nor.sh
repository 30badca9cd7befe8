#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# History on a raw NOR chip, on QEMU's model of one: the image `nor` wraps it many times, is started anew
# and finds everything; programs are torn, erases cut, a sector wears out, and a chip of another format
# is left alone. tools/firmware/nor.c has the image's words.
#
#   test_nor.sh <build directory of a board>
set -euo pipefail
build=$(cd "$1" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/varve.XXXXXX")
trap 'rm -rf "$work"' EXIT
chip=$work/chip.img
sectors=24
part=$((sectors * 4096))

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

command -v qemu-system-arm >/dev/null || {
    echo "there is no qemu-system-arm"
    exit 77
}

# run <exit code> <word...>: the image with these words; what it prints is in $work/out
run() {
    local code=$1 rc=0 arguments=arg=nor word
    shift
    for word in "$@"; do
        arguments=$arguments,arg=$word
    done
    timeout 600 qemu-system-arm -M ast1030-evb,fmc-model=w25q80bl -nographic -monitor none -serial null \
        -icount shift=5,sleep=off -chardev stdio,id=console \
        -semihosting-config "enable=on,target=native,chardev=console,$arguments" \
        -drive "file=$chip,if=mtd,format=raw" -kernel "$build/nor.elf" \
        </dev/null >"$work/out" 2>&1 || rc=$?
    [ "$rc" -eq "$code" ] || fail "$*: exit status $rc, not $code: $(cat "$work/out")"
}

blank_chip() {
    head -c 1048576 /dev/zero | tr '\0' '\377' >"$chip"
}

# figure <pattern with one group>: of the last line that has it
figure() {
    sed -nE "s/^$1\$/\\1/p" "$work/out" | tail -n 1
}

rows() {
    figure 'history ([0-9]+) rows of 32 series, wrong 0, .*'
}

newest() {
    figure 'history .*, newest (-?[0-9]+)'
}

# Wrapped, evenly; the next start finds what this one left. At the end, with --long: the whole chip.
blank_chip
run 0 "sectors=$sectors" minutes=165 even=20
grep '^sectors' "$work/out"
last=$(newest)
run 0 "sectors=$sectors"
[ "$(newest)" = "$last" ] || fail "newest $(newest), not $last"
# (What an orderly stop writes may have pushed out the oldest segment of a chip that is full.)
was="$(rows) $(newest)"
[ "$(rows)" -gt 1000 ] || fail "only $(rows) rows"
run 0 "sectors=$sectors"
[ "$(rows) $(newest)" = "$was" ] || fail "$(rows) $(newest), not $was"

# What was acknowledged outlives a cut in any program and any erase.
counts=(1 2 3 8 31 77)
[ -z "${VARVE_TEST_LONG:-}" ] || mapfile -t counts < <(seq 1 30; seq 31 13 360)
for n in "${counts[@]}"; do
    for how in tear cut; do
        run 99 "sectors=$sectors" minutes=200 "$how=$n"
        acknowledged=$(figure 'acknowledged (-?[0-9]+)')
        run 0 "sectors=$sectors"
        [ -n "$(rows)" ] || fail "$how=$n: $(cat "$work/out")"
        [ "$(newest)" -ge "$acknowledged" ] ||
            fail "$how=$n: newest $(newest), acknowledged $acknowledged: $(cat "$work/out")"
    done
done
run 0 "sectors=$sectors" minutes=10
[ "$(figure 'sectors .*bad ([0-9]+),.*')" -eq 0 ] || fail "a cut has made a sector bad"
echo "cuts: ${#counts[@]} torn programs, ${#counts[@]} cut erases, nothing acknowledged is lost"

# A sector that cannot be erased any more is marked, for the next start, too.
run 0 "sectors=$sectors" minutes=60 worn=7
[ "$(figure 'sectors .*bad ([0-9]+),.*')" -eq 1 ] || fail "no bad sector: $(cat "$work/out")"
run 0 "sectors=$sectors" minutes=5
[ "$(figure 'sectors .*bad ([0-9]+),.*')" -eq 1 ] || fail "forgotten: $(cat "$work/out")"
[ -n "$(rows)" ] || fail "rows are wrong: $(cat "$work/out")"

# The tool of this machine reads the chip.
tool=$(sed -n 's/^VARVE_TOOL:[A-Z]*=//p' "$build/CMakeCache.txt")
if [ -n "$tool" ]; then
    head -c "$part" "$chip" >"$work/part.img"
    "$tool" check --store "rotate:image:$work/part.img" >"$work/check" || fail "$(cat "$work/check")"
    grep -q ', 0 damaged units' "$work/check" || fail "$(cat "$work/check")"
fi

# Another format version, and something else, are refused and not erased.
python3 - "$chip" <<'EOF'
import sys
def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff
with open(sys.argv[1], "r+b") as chip:
    image = bytearray(chip.read())
    at = next(at for at in range(0, len(image), 4096) if image[at:at + 4] == b"VRVN")
    image[at + 4] += 1
    image[at + 12:at + 16] = crc32c(image[at:at + 12]).to_bytes(4, "little")
    chip.seek(0)
    chip.write(image)
EOF
cp "$chip" "$work/before.img"
run 2 "sectors=$sectors" minutes=10
grep -q 'another format version' "$work/out" || fail "$(cat "$work/out")"
cmp "$chip" "$work/before.img" || fail "another format version was written to"
blank_chip
printf 'the bootloader' | dd of="$chip" bs=1 seek=5000 conv=notrunc status=none
cp "$chip" "$work/before.img"
run 2 "sectors=$sectors" minutes=10
grep -q 'something that is no store' "$work/out" || fail "$(cat "$work/out")"
cmp "$chip" "$work/before.img" || fail "what is not ours was written to"

if [ -n "${VARVE_TEST_LONG:-}" ]; then
    blank_chip
    run 0 minutes=1900 even=15
    grep '^sectors' "$work/out"
fi
