#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The image `nor` of the board qemu-ast1030, built with this build's tool and run by QEMU:
# tests/firmware/test_nor.sh.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

for program in arm-none-eabi-gcc qemu-system-arm cmake; do
    command -v "$program" >/dev/null || skip "there is no $program"
done
firmware=$work/firmware
{
    cmake -S "$top" -B "$firmware" -DVARVE_BOARD=qemu-ast1030 "-DVARVE_TOOL=$varve" \
        "-DCMAKE_TOOLCHAIN_FILE=$top/boards/qemu-ast1030/toolchain.cmake" -DVARVE_TESTS=OFF &&
        cmake --build "$firmware" -j 2 --target nor
} >"$work/log" 2>&1 </dev/null || fail "the image does not build: $(tail -n 20 "$work/log")"
bash "$top/tests/firmware/test_nor.sh" "$firmware"
