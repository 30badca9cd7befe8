#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools/house.sh finds planted faults and says where; a check that cannot fail proves nothing.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

tree=$work/tree
mkdir -p "$tree/core" "$tree/tools"
cp "$top/tools/house.sh" "$top/tools/lib.sh" "$tree/tools/"

# plant <expected message> <expected place> <line>...: in a file of the core
plant() {
    local message=$1 place=$2
    shift 2
    printf '%s\n' '// SPDX-License-Identifier: Apache-2.0' "$@" >"$tree/core/planted.c"
    refuses 1 "$message" "$tree/tools/house.sh"
    refuses 1 "$place" "$tree/tools/house.sh"
}

plant 'banned function' 'core/planted.c:2' 'void f(char *a) { strcpy(a, "x"); }'
plant 'no system header' 'core/planted.c:2' '#include <unistd.h>'
plant 'no allocation' 'core/planted.c:2' 'void *f(void) { return malloc(1); }'
plant 'belongs in ports/' 'core/planted.c:2' '#ifdef __linux__' '#endif'
plant 'neither plugins nor ports' 'core/planted.c:2' '#include "ports/posix/internal.h"'
plant 'work left out' 'core/planted.c:2' '// TODO'
plant 'a folder without a README.md' 'core'

printf 'int x;\n' >"$tree/core/planted.c"
refuses 1 'no SPDX line' "$tree/tools/house.sh"
