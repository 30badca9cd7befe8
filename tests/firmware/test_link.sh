#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole core and the port link without a C library (-nostdlib): all that they need besides the
# compiler's own arithmetic are the functions in freestanding.c, none of which allocates. With a call of
# malloc() planted the link must fail.
#
#   test_link.sh <build directory of a board>
# shellcheck source=tests/firmware/lib.sh
. "$(dirname "$0")/lib.sh"

cpu=$(sed -nE 's/^set\(VARVE_CPU_FLAGS (.*)\)$/\1/p' "$top/boards/$(basename "$build")/toolchain.cmake")
work=$(mktemp -d "${TMPDIR:-/tmp}/varve.XXXXXX")
trap 'rm -rf "$work"' EXIT

link_core() {
    # shellcheck disable=SC2086 # several options
    arm-none-eabi-gcc $cpu -mthumb -std=c11 -fno-lto -fno-builtin -nostdlib -nostartfiles \
        -Wl,-e,varve_host_init -o "$work/core.elf" "$@" "$here/freestanding.c" -Wl,--whole-archive \
        "$build/core/libvarve_core.a" -Wl,--no-whole-archive \
        "$build"/ports/*/libvarve_port_*.a -lgcc
}

link_core
echo 'void *malloc(unsigned n); void *planted(void); void *planted(void) { return malloc(1); }' \
    >"$work/planted.c"
if link_core "$work/planted.c" 2>"$work/out"; then
    echo "linked with a call of malloc()"
    exit 1
fi
grep -q 'undefined reference to `malloc' "$work/out"
