#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The benchmark of queries runs, asks engine and daemon for as many points as there are, and leaves
# nothing behind; with --long Prometheus and VictoriaMetrics answer the same, where they are installed.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

[ -x "$build/query_bench" ] || skip "this build has no query_bench"
mkdir "$work/tmp"
export TMPDIR=$work/tmp
peers=(--only none)
[ -z "${VARVE_TEST_LONG:-}" ] || peers=()

"$top/tools/bench/query" --build "$build" --no-install --hours 1 --days 3 --runs 1 --format json \
    "${peers[@]}" >"$work/answer" 2>"$work/varved.log" </dev/null || fail "the benchmark ends with exit code $?"
"$build/tests/json_check" -p 'results[].raw.points' <"$work/answer" | grep -qvx 720 && fail "raw points"
"$build/tests/json_check" -p 'results[].avg_by.points' <"$work/answer" | grep -qvx 5100 && fail "averages"
"$build/tests/json_check" -p 'results[].export.lines' <"$work/answer" | grep -qvx 183600 && fail "lines"
grep -q '"same":true,"results":\[{"name":"varve","raw":{"engine_ms":0' "$work/answer" || fail "no answer of varve"
grep -q '"percentile":{"engine_ms":[0-9.]*,"points":1,"tier":"hour"' "$work/answer" || fail "no percentile"
[ -z "$(ls "$TMPDIR")" ] || fail "something is left behind: $(ls "$TMPDIR")"
printf 'benchmark of queries: %s\n' "$("$build/tests/json_check" -p 'results[].name' <"$work/answer" | xargs)"
