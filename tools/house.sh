#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks of the house style that no compiler makes. Prints what is wrong, with file and line; exits
# 1 if anything is.
set -uo pipefail
shopt -s lastpipe # `... | report` sets `faults` in this shell, not in one of its own
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tools/lib.sh
. "$top/tools/lib.sh"
cd "$top" || exit 1
faults=0

# report <what is wrong> <<< "places, one per line"
report() {
    local places
    places=$(cat)
    if [ -n "$places" ]; then
        printf '%s:\n' "$1"
        printf '%s\n' "$places" | sed 's/^/    /'
        faults=1
    fi
}

# grep over the given files; finding nothing is fine
find_in() {
    local pattern=$1
    shift
    [ $# -eq 0 ] || grep -nHE "$pattern" -- "$@"
}

mapfile -t c_files < <(tracked '*.c' '*.h')
mapfile -t all_files < <(tracked '*.c' '*.h' '*.sh' '*.py' '*.cmake' '*CMakeLists.txt' \
    'tools/run' 'tools/test' '.ci/run' 'tests/fuzz/run' 'tests/blackbox/run')
portable=()  # files that know no operating system
tests=()     # test programs
for file in "${c_files[@]}"; do
    case $file in
    core/* | plugins/* | include/*) portable+=("$file") ;;
    tests/unit/test_*.c) tests+=("$file") ;;
    esac
done

for file in "${all_files[@]}"; do
    head -n 2 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || printf '%s\n' "$file"
done | report "no SPDX line at the top"

find_in '\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atof|gets|alloca)\(' "${c_files[@]}" |
    report "banned function"

headers='std(int|def|bool|arg|atomic)|string|math|limits|float|immintrin|arm_acle|sqlite3|zlib|zstd|ini'
find_in '^ *# *include *<' "${portable[@]}" | grep -vE "<($headers)\.h>" |
    report "core, plugins and public headers know no system header"

find_in '\b(malloc|calloc|realloc|free)\(' "${portable[@]}" |
    report "no allocation in core and plugins"

find_in '^ *# *(el)?if.*(__linux__|__unix__|_WIN32|__APPLE__|__FreeBSD__)' "${portable[@]}" |
    report "what depends on the system belongs in ports/"

find_in '# *include *"(plugins|ports|tools)/' "${portable[@]}" | grep '^core/' |
    report "core includes neither plugins nor ports"

find_in '\b(TODO|FIXME|XXX|HACK)\b' "${c_files[@]}" | report "work left out"

for file in "${tests[@]}"; do
    grep -q assert "$file" || printf '%s\n' "$file"
done | report "a test that asserts nothing"

# shellcheck disable=SC2043 # one list, one place
for file in "${c_files[@]}"; do
    lines=$(wc -l <"$file")
    [ "$lines" -le 700 ] || printf '%s: %d lines\n' "$file" "$lines"
done | report "a file that holds more than one idea"

for folder in core plugins ports include boards tests tools; do
    [ -e "$folder/README.md" ] || printf '%s\n' "$folder"
done | report "a folder without a README.md"

tracked '*' | cut -d/ -f1 | sort -u |
    grep -vxE '\..*|CMakeLists\.txt|core|plugins|ports|include|boards|tests|tools|README\.md|LICENSE' |
    report "outside the agreed top level"

[ "$faults" -eq 0 ] && echo "house style: nothing found in ${#c_files[@]} C files"
exit "$faults"
