#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The code in README.md, taken out of it and used: the plugin is built as a module and collects in a
# real daemon, the program that embeds varve is linked with libvarve.a and keeps what it pushes, and
# the configuration is valid. A listing is told by its language and its first line.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# listing <language> <pattern of the block's first line>
listing() {
    awk -v fence="\`\`\`$1" -v first="$2" '
        /^```/ { inside = ($0 == fence); fresh = inside; wanted = 0; next }
        fresh { wanted = ($0 ~ first); fresh = 0 }
        inside && wanted
    ' "$top/README.md"
}

cc=${VARVE_CC:-cc}
warnings=(-Wall -Wextra -Wconversion -Wundef -Wvla -Wstrict-prototypes -Wmissing-prototypes -Werror)
sanitize=()
case ${VARVE_SANITIZE:-} in
address) sanitize=(-fsanitize=address -fsanitize=undefined) ;;
thread) sanitize=(-fsanitize=thread) ;;
esac
for name in number boiler; do
    listing c "^// ${name}[.]c:" >"$work/$name.c"
    [ -s "$work/$name.c" ] || fail "README.md shows no $name.c"
done

# ---- the configuration

listing ini '^\[varve\]' >"$work/example.ini"
[ -s "$work/example.ini" ] || fail "README.md shows no configuration"
shows 'is valid' "$varve" config check "$work/example.ini"

# ---- the plugin

mkdir "$work/modules"
"$cc" -std=c11 "${warnings[@]}" -O2 -shared -fPIC -DVARVE_MODULE -I "$top/include" \
    -o "$work/modules/number.so" "$work/number.c" || fail "the plugin does not compile"
echo 4711 >"$work/sensor"
conf=$(quick_conf <<EOF
[collector fan : number]
path = $work/sensor
interval = 1s
[collector gone : number]
path = $work/nothing
interval = 1s
[backend flash : sqlite]
EOF
)
refuses 2 number "$varved" --check-config -c "$conf"
sed '/^path = .*sensor/d' "$conf" >"$work/no_path.ini"
refuses 2 path "$varved" --check-config -c "$work/no_path.ini" --plugin-dir "$work/modules"

start_daemon "$conf" --plugin-dir "$work/modules"
fan_is_kept() {
    "$varve" query 'number{name="fan"}' --format csv | grep ',4711$'
}
wait_until 15 fan_is_kept || fail "the plugin collects nothing"
gone_fails() {
    "$varve" plugins | grep -E '^gone .* failing '
}
wait_until 15 gone_fails || fail "a missing file is not reported: $("$varve" plugins)"
stop_daemon
fan_is_kept >/dev/null 2>&1 || fail "what the plugin collected is not in the store"

# ---- the program that embeds varve

# What this build's plugins need is in the library's .pc file.
requires=$(sed -n 's/^Requires: //p' "$build/generated/varve.pc")
[ -n "$requires" ] || fail "varve.pc requires nothing"
# shellcheck disable=SC2046,SC2086 # flags and packages are words
"$cc" -std=c11 "${warnings[@]}" ${sanitize[@]+"${sanitize[@]}"} -I "$top/include" \
    -o "$work/boiler" "$work/boiler.c" "$build/libvarve.a" \
    $(pkg-config --libs $requires) -lm -pthread -ldl ||
    fail "the embedding program does not compile"
mkdir "$work/boiler.d"
for run in 1 2; do
    (cd "$work/boiler.d" && "$work/boiler") || fail "run $run of the embedding program fails"
done
kept=$("$varve" export boiler_celsius --store "sqlite:$work/boiler.d/boiler.db" |
    grep -c ',boiler_celsius,6[0-9]$' || true)
[ "$kept" -eq 2000 ] || fail "two runs pushed 2000 samples, $kept are stored"
