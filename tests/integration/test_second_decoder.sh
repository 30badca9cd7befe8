#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The golden blocks, read by the decoder that was written from the description of the format alone;
# then with a byte changed and with another expectation: a comparison that cannot fail proves
# nothing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
decoder=$here/../decode_block.py
golden=$here/../golden
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 7))' 2>/dev/null; then
    echo "python3 is not installed"
    exit 77
fi
export PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# refuses <what is wrong> <text of the complaint>
refuses() {
    local output
    if output=$(python3 "$decoder" --check "$work" 2>&1); then
        echo "FAILED: accepted $1"
        exit 1
    fi
    grep -qF -- "$2" <<<"$output" || {
        printf 'FAILED: %s was refused without saying "%s":\n%s\n' "$1" "$2" "$output"
        exit 1
    }
    echo "refused, as it must: $1"
}

python3 "$decoder" --check "$golden"
refuses "an empty directory" "no golden file"
cp "$golden"/cells-v1.* "$work"
sed -i '$ s/.$/x/' "$work/cells-v1.txt"
refuses "another expectation" "decoded"
cp "$golden"/cells-v1.* "$work"
printf '\377' | dd of="$work/cells-v1.bin" bs=1 seek=200 conv=notrunc status=none
refuses "a changed byte" "wrong CRC"
