# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the scripts about samples share: asking, generating, comparing. After lib.sh.
# shellcheck disable=SC2154 # lib.sh sets them
json_check=$build/tests/json_check

ask() {
    "$varve" "$@" --socket "$socket"
}

# figure <path>: one number out of the daemon's statistics
figure() {
    ask stats --format json | "$json_check" -p "$1" "$1"
}

# figure_of <store> <path>: the same out of a store that no daemon has open
figure_of() {
    "$varve" stats --store "$1" --format json | "$json_check" -p "$2" "$2"
}

# has_figure <path> <at least>
has_figure() {
    [ "$(figure "$1")" -ge "$2" ]
}

logged() {
    grep -qF -- "$1" "$work/varved.log"
}

# generate <from, Unix s> <seconds> <series> [<step, s>]: CSV without a header, ts in ms, in order of
# time. The value tells of series and time, so that a sample in the wrong place is seen.
generate() {
    awk -v from="$1" -v span="$2" -v series="$3" -v step="${4:-1}" 'BEGIN {
        for (t = 0; t < span; t += step)
            for (s = 0; s < series; s++)
                printf "%.0f000,made{n=\"%02d\"},%.3f\n", from + t, s, s * 1000 + t % 997 + 0.125
    }'
}

rows() {
    tail -n +2 "$1" | wc -l
}

# contains_all <file> <file>: every line of the second is in the first
contains_all() {
    local lost
    lost=$(LC_ALL=C comm -13 <(LC_ALL=C sort "$1") <(LC_ALL=C sort "$2"))
    [ -z "$lost" ] || fail "$(wc -l <<<"$lost") lines of $2 are not in $1: $(head -n 3 <<<"$lost")"
}

# no_duplicates <export>: no series has two samples of one time
no_duplicates() {
    local twice
    twice=$(sed 's/,[^,]*$//' "$1" | LC_ALL=C sort | uniq -d)
    [ -z "$twice" ] || fail "$(wc -l <<<"$twice") samples came up twice: $(head -n 3 <<<"$twice")"
}

# counts_per_series <export of raw samples>
counts_per_series() {
    awk 'NR > 1 { sub(/^[^,]*,/, ""); sub(/,[^,]*$/, ""); n[$0]++ }
        END { for (s in n) print n[s], s }' "$1" | LC_ALL=C sort
}

# sums_per_series <export of a tier --agg count>
sums_per_series() {
    awk -F , 'NR > 1 { v = $NF; sub(/^[^,]*,/, ""); sub(/,[^,]*$/, ""); n[$0] += v }
        END { for (s in n) print n[s], s }' "$1" | LC_ALL=C sort
}

# tier_agrees <tier> <option of varve>...: the tier counts exactly the samples that raw holds
tier_agrees() {
    local tier=$1 wrong rc=0
    shift
    "$varve" export "$@" >"$work/raw.csv" 2>"$work/raw.says" || rc=$?
    [ "$rc" -ne 3 ] || return 0 # nothing has been stored yet
    [ "$rc" -eq 0 ] || fail "export: exit code $rc: $(cat "$work/raw.says")"
    "$varve" export "$@" --tier "$tier" --agg count >"$work/$tier.csv"
    wrong=$(diff <(counts_per_series "$work/raw.csv") <(sums_per_series "$work/$tier.csv") || true)
    [ -z "$wrong" ] || fail "raw (<) and tier $tier (>) count differently: $(head -n 8 <<<"$wrong")"
}
