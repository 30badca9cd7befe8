#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every board.cmake is accepted at configure time; one with a cap that is missing, unknown or at odds
# with another is refused, with the name of the cap.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

board=$work/board

accepts() {
    cmake "-DVARVE_BOARD_DIR=$1" -P "$top/tools/cmake/VarveBoard.cmake" >"$work/out" 2>&1
}

# refuses_caps <what it must say> <sed program that spoils board.cmake>
refuses_caps() {
    rm -rf "$board"
    cp -r "$top/boards/qemu-mps2-an385" "$board"
    sed -i "$2" "$board/board.cmake"
    ! cmp -s "$board/board.cmake" "$top/boards/qemu-mps2-an385/board.cmake" ||
        fail "'$2' changes nothing"
    ! accepts "$board" || fail "accepted with '$2'"
    tr -s ' \n' ' ' <"$work/out" | grep -qF -- "$1" || fail "'$2': no '$1' in $(cat "$work/out")"
}

count=0
for file in "$top"/boards/*/board.cmake; do
    accepts "$(dirname "$file")" || fail "$(cat "$work/out")"
    count=$((count + 1))
done
[ "$count" -ge 8 ] || fail "only $count boards"

refuses_caps 'VARVE_MEMORY_BYTES is missing' '/VARVE_MEMORY_BYTES=/d'
refuses_caps 'VARVE_MAX_TIERS is missing' '/VARVE_MAX_TIERS=/d'
refuses_caps 'VARVE_BOARD_CLOCK_HZ is missing' '/CLOCK_HZ/d'
refuses_caps 'VARVE_BOARD_STACK_BUDGET is missing' '/STACK_BUDGET/d'
refuses_caps 'VARVE_MAX_SERIS: include/varve/limits.h has no such cap' 's/MAX_SERIES/MAX_SERIS/'
refuses_caps 'VARVE_MAX_SERIES: it is given twice' 's/VARVE_MAX_SERIES=64u/& &/'
refuses_caps 'VARVE_MAX_SERIES=many: expected a number' 's/VARVE_MAX_SERIES=64u/VARVE_MAX_SERIES=many/'
refuses_caps 'VARVE_MAX_SERIES=70000: expected 1 to 65535' 's/VARVE_MAX_SERIES=64u/VARVE_MAX_SERIES=70000u/'
refuses_caps 'VARVE_MAX_BACKENDS=2: expected at most VARVE_MAX_INSTANCES=1' \
    's/VARVE_MAX_BACKENDS=1u/VARVE_MAX_BACKENDS=2u/'
refuses_caps 'VARVE_CODEC_ROWS=12: expected a multiple of 8' \
    's/VARVE_CODEC_ROWS=1u/VARVE_CODEC_ROWS=12u/; s/ codec_search//'
refuses_caps "there is no part 'texte'" 's/ texts / texte /'
refuses_caps 'without texts there is no recovery either' 's/ recovery / /'
refuses_caps 'without recovery there is no backup either' 's/ backup / /'
refuses_caps 'backend_rotate needs recovery' 's/ backend_ring)/ backend_ring backend_rotate)/'
refuses_caps 'VARVE_BLOCK_MAX=600: expected at least' 's/VARVE_BLOCK_MAX=1024u/VARVE_BLOCK_MAX=600u/'
refuses_caps 'more than two blocks of VARVE_BLOCK_MAX' 's/VARVE_MEMORY_BYTES=[0-9]*u/VARVE_MEMORY_BYTES=2048u/'
refuses_caps 'bytes of RAM in memory.ld' 's/VARVE_MEMORY_BYTES=[0-9]*u/VARVE_MEMORY_BYTES=4194304u/'
echo "$count boards accepted"
