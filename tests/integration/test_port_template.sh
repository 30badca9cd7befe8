#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ports/template has every function that a port must have.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

grep -oE '\bvarve_port_[a-z0-9_]+\(' "$top/include/varve/port.h" | tr -d '(' | sort -u >"$work/wanted"
cat "$top"/ports/template/*.c "$top"/ports/common/no_*.c "$top"/ports/common/one_task.c |
    grep -E '^[a-z].*\bvarve_port_[a-z0-9_]+\(' | grep -oE '\bvarve_port_[a-z0-9_]+\(' | tr -d '(' |
    sort -u >"$work/there"
[ "$(wc -l <"$work/wanted")" -gt 40 ] || fail "port.h was not understood"
missing=$(comm -23 "$work/wanted" "$work/there")
[ -z "$missing" ] || fail "the template lacks: $missing"
echo "template: $(wc -l <"$work/wanted") functions"
