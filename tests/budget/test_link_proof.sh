#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the link proof on the core, then on copies with a planted fault: a proof that cannot fail
# proves nothing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
core=$(cd "$here/../../core" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# refuses <what the proof must name> <line planted into a source>...
refuses() {
    local expected=$1 output
    shift
    rm -rf "$work/core" "$work/objects/planted_c.o"
    cp -r "$core" "$work/core"
    printf '%s\n' "$@" >"$work/core/planted.c"
    if output=$("$here/link_proof.sh" "$work/core" "$work/objects" 2>&1); then
        printf 'the proof passed with planted: %s\n' "$*"
        exit 1
    fi
    if ! grep -qF -- "$expected" <<<"$output"; then
        printf 'the proof failed without naming "%s":\n%s\n' "$expected" "$output"
        exit 1
    fi
    printf 'refused, as it must: %s\n' "$*"
}

mkdir "$work/objects"
"$here/link_proof.sh" "$core" "$work/objects"
refuses 'malloc, used by planted' \
    '#include <stddef.h>' 'void *malloc(size_t n);' \
    'void *varve_planted(void);' 'void *varve_planted(void) { return malloc(1); }'
refuses 'strtod, used by planted' \
    'double strtod(const char *s, char **end);' \
    'double varve_planted(const char *s);' \
    'double varve_planted(const char *s) { return strtod(s, 0); }'
refuses 'planted.c:1:#include <unistd.h>' '#include <unistd.h>'
refuses 'planted.c:1:#include "ports/posix/internal.h"' '#include "ports/posix/internal.h"'
refuses 'an atomic wider than 32 bits' \
    '#include <stdatomic.h>' '#include <stdint.h>' \
    'static _Atomic uint64_t planted;' 'int varve_planted(void);' \
    'int varve_planted(void) { return (int)planted; }'
