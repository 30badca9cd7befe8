# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Completion for varve in bash: the program itself says what there is.
_varve() {
    local words=("${COMP_WORDS[@]:1:COMP_CWORD}")
    words[COMP_CWORD - 1]=${words[COMP_CWORD - 1]#[\'\"]}
    mapfile -t COMPREPLY < <("${COMP_WORDS[0]}" complete -- "${words[@]}" 2>/dev/null)
}
complete -o default -F _varve varve
