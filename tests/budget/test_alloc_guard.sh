#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tests the allocation guard itself: its own check program, then preloaded into a program that knows
# nothing of it. A guard that counts nothing would let every test that relies on it pass.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cc=${VARVE_CC:-cc}
if [[ -n ${VARVE_SANITIZE:-} ]]; then
    echo "left out: sanitizers bring an allocator of their own"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

flags=(-std=c11 -O2 -fno-builtin -Wall -Wextra -Wconversion -Wundef -Wvla -Werror)
"$cc" "${flags[@]}" "$here/alloc_guard_check.c" -o "$work/check" -pthread -ldl
"$work/check"

"$cc" "${flags[@]}" -fPIC -shared "$here/alloc_guard.c" -o "$work/alloc_guard.so" -ldl
count=$(printf '%s\n' c b a | LD_PRELOAD="$work/alloc_guard.so" sort | wc -l)
[[ $count -eq 3 ]] || {
    echo "FAILED: sort with the guard preloaded gave $count lines"
    exit 1
}
echo "ok: a program that knows nothing of the guard runs with it"
