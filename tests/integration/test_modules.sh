#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Plugins as modules. In a build whose uptime collector is a module only: the daemon knows it when
# it is given the directory, collects with it, and does not know it otherwise. A module of another
# ABI, a file that is no module, and one without a descriptor are refused with the reason, and the
# daemon goes on without them.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

cc=${VARVE_CC:-cc}
sanitize=${VARVE_SANITIZE:-}
variant=$work/variant
compiler=(-DCMAKE_C_COMPILER="$cc")
[ -z "${VARVE_TOOLCHAIN:-}" ] || compiler=(-DCMAKE_TOOLCHAIN_FILE="$VARVE_TOOLCHAIN")
cmake -S "$top" -B "$variant" "${compiler[@]}" -DVARVE_SANITIZE="$sanitize" \
    -DVARVE_WERROR=OFF -DVARVE_TESTS=OFF -DVARVE_MODULES=OFF \
    -DVARVE_COLLECTOR_UPTIME=MODULE -DCMAKE_BUILD_TYPE=Debug >"$work/cmake.log" 2>&1 ||
    fail "$(cat "$work/cmake.log")"
cmake --build "$variant" -j "$(nproc)" --target varved varve_module_collector_uptime \
    >"$work/cmake.log" 2>&1 || fail "$(tail -n 40 "$work/cmake.log")"
varved=$variant/varved
modules=$variant/plugins
[ "$(ls "$modules")" = collector_uptime.so ] || fail "in $modules: $(ls "$modules")"
nm -D --defined-only "$modules/collector_uptime.so" | grep -q ' varve_plugin_entry$' ||
    fail "the module does not export varve_plugin_entry"
if nm -D --defined-only "$modules/collector_uptime.so" | grep -q ' varve_collector_uptime$'; then
    fail "the module exports more than it should"
fi

# What modules call is what the daemon exports; under an emulator "$varved" is a script.
program=$varved
[ ! -e "$variant/target/varved" ] || program=$variant/target/varved
nm -D --defined-only "$program" | awk '{ print $NF }' | sort -u >"$work/exported"
grep -q '^varve_instance_push$' "$work/exported" || fail "nothing is exported"
for module in "$build"/plugins/*.so "$modules"/*.so; do
    [ -e "$module" ] || continue
    nm -D --undefined-only "$module" | awk '$NF ~ /^varve_/ { print $NF }' | sort -u >"$work/called"
    missing=$(comm -23 "$work/called" "$work/exported")
    [ -z "$missing" ] || fail "$module calls what $program does not export: $missing"
done

conf=$(quick_conf <<'EOF'
[collector uptime]
interval = 1s
[backend memory : ring]
EOF
)
mkdir "$work/none"
refuses any uptime "$varved" --check-config -c "$conf" --plugin-dir "$work/none"
shows '' "$varved" --check-config -c "$conf" --plugin-dir "$modules"

# A module as an older or newer varve would have built it: everything is right but the ABI number.
cat >"$work/old.c" <<'EOF'
#include "varve/plugin.h"
static int nothing(struct varve_instance *self)
{
    (void)self;
    return 0;
}
static const struct varve_collector_ops ops = {nothing, nothing, 0};
const struct varve_plugin varve_collector_old = {.magic = VARVE_PLUGIN_MAGIC,
                                                 .abi = VARVE_PLUGIN_ABI + 1,
                                                 .size = sizeof(struct varve_plugin),
                                                 .name = "old",
                                                 .summary = "From another time.",
                                                 .kind = VARVE_COLLECTOR,
                                                 .collector = &ops};
VARVE_PLUGIN(varve_collector_old);
EOF
sed 's/varve_plugin_entry/varve_other_entry/; s/^VARVE_PLUGIN(.*/int varve_other_entry = 1;/' \
    "$work/old.c" >"$work/empty.c"
flags=(-std=c11 -shared -fPIC -DVARVE_MODULE -I"$top/include")
"$cc" "${flags[@]}" -o "$modules/collector_old.so" "$work/old.c"
"$cc" "${flags[@]}" -o "$modules/empty.so" "$work/empty.c"
echo 'this is no module' >"$modules/text.so"

start_daemon "$conf" --plugin-dir "$modules"
uptime_is_kept() {
    "$varve" series --socket "$socket" | grep uptime
}
wait_until 10 uptime_is_kept || fail "the collector from the module collects nothing"
for name in collector_old.so empty.so text.so; do
    grep -F "$name" "$work/varved.log" || fail "not a word in the log about $name"
done
grep -F collector_old.so "$work/varved.log" | grep -qi 'abi' ||
    fail "the log does not say that the ABI of collector_old.so is another"
shows uptime "$varve" plugins --socket "$socket"
stop_daemon
