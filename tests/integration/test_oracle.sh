#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Expressions give what Prometheus gives: tests/oracle asks both the same. VARVE_TEST_LONG=1 asks
# more, and other questions each time; the seed is printed.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

for program in prometheus promtool python3; do
    if ! command -v "$program" >/dev/null; then
        [ -z "${CI:-}" ] || fail "$program is missing (Debian: prometheus, python3)"
        skip "$program is missing (Debian: prometheus, python3)"
    fi
done
options=()
if [ -n "${VARVE_TEST_LONG:-}" ]; then
    options=(--seed "$RANDOM" --generated 4000)
fi
python3 "$top/tests/oracle/oracle.py" "$varve" "$work" "${options[@]}"
