#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Proves what the core needs from outside: it compiles every file of core/, links them into one
# object, and compares what stays undefined with link_allowed.txt. Also looks at what the files
# include and at the width of their atomics.
#
#   link_proof.sh [core directory [objects]]     exits 1 and names what is not allowed
#
# In a directory of objects those of a former run are not compiled again.
#
# The core is compiled here and not taken from a build, so that no sanitizer, no coverage and no
# debug option hides or adds a symbol.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
core=${1:-$top/core}
cc=${VARVE_CC:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
objects=${2:-$work}
faults=0

fault() {
    printf 'link proof: %s\n    %s\n' "$1" "${2//$'\n'/$'\n'    }"
    faults=1
}

compile_core() {
    local file object
    # shellcheck disable=SC2016 # expanded by the shell that xargs starts
    while IFS= read -r file; do
        object=${file#"$core"/}
        object=$objects/${object//[\/.]/_}.o
        [ -e "$object" ] || printf '%s\0%s\0' "$file" "$object"
    done < <(find "$core" -name '*.c' -not -path '*/without/*') |
        xargs -0 -r -n 2 -P "$(nproc)" sh -c '"$0" -std=c11 -O2 -DNDEBUG -fno-stack-protector \
            -I"$1" -I"$2/.." -I"$3" -c "$4" -o "$5"' "$cc" "$top/include" "$core" "$top"
    "$cc" -r -nostdlib -o "$work/core.o" "$objects"/*_c.o
}

# The allowed symbols as lines of a pattern file: first word of each line, * stands for any text.
allowed_patterns() {
    sed -E 's/[[:space:]]*#.*//; /^$/d; s/[[:space:]].*//; s/\*/.*/g; s/^/^/; s/$/$/' \
        "$here/link_allowed.txt"
}

check_symbols() {
    local undefined extra
    undefined=$(nm -u "$work/core.o" | awk '{print $NF}' | sort -u)
    extra=$(grep -vE -f <(allowed_patterns) <<<"$undefined" || true)
    if [ -n "$extra" ]; then
        fault "the core needs symbols that tests/budget/link_allowed.txt does not list" \
            "$(for s in $extra; do
                printf '%s, used by %s\n' "$s" "$(users_of "$s")"
            done)"
    else
        printf 'link proof: %d symbols from outside, all allowed; %s bytes of text, data, bss\n' \
            "$(wc -l <<<"$undefined")" \
            "$(size "$work/core.o" | awk 'NR == 2 {print $1 ", " $2 ", " $3}')"
    fi
}

users_of() {
    local object
    for object in "$objects"/*_c.o; do
        if nm -u "$object" | awk '{print $NF}' | grep -qxF "$1"; then
            basename "$object" _c.o
        fi
    done | paste -sd' '
}

check_includes() {
    local found
    found=$(grep -rnE '^ *# *include *<' "$core" --include='*.[ch]' |
        grep -vE '<(std(int|def|bool|arg|atomic)|string|math|limits|float|ini|immintrin|arm_acle)\.h>' || true)
    [ -z "$found" ] || fault "the core includes a header of the system" "$found"
    found=$(grep -rnE '^ *# *include *"(\.\./)*(plugins|ports|tools)/' "$core" \
        --include='*.[ch]' || true)
    [ -z "$found" ] || fault "the core includes a plugin, a port or a tool" "$found"
}

# Small CPUs have no 64-bit atomic instruction; the compiler would call a library with a lock.
check_atomics() {
    local found
    found=$(grep -rnE '_Atomic[ (](u?int64_t|(un)?signed long|long|double)|atomic_u?(llong|long)\b|atomic_u?int_(least|fast)64_t' \
        "$core" --include='*.[ch]' || true)
    [ -z "$found" ] || fault "an atomic wider than 32 bits" "$found"
}

check_includes
check_atomics
compile_core
check_symbols
exit "$faults"
