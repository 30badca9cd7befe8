# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What tools/run and tools/test share: messages, packages, building. Sourced, not run.
# Leaves what is built and tested to them. They set `top`, the root of the checkout.
: "${top:?}"

# What a build needs, by Debian's names; tools/test adds its checkers.
# shellcheck disable=SC2034 # used by the scripts that source this file
build_packages=(gcc libc6-dev make cmake pkg-config libsqlite3-dev libinih-dev libcmocka-dev
    zlib1g-dev libzstd-dev libncurses-dev libexpat1-dev)

# What cross-compiling for ARM Linux needs, and running what it makes.
# shellcheck disable=SC2034
cross_packages=(gcc-arm-linux-gnueabihf gcc-aarch64-linux-gnu gcc-arm-linux-gnueabi qemu-user
    libc6-dev make tcl)

# What images for microcontrollers need, and running them.
# shellcheck disable=SC2034
firmware_packages=(gcc-arm-none-eabi picolibc-arm-none-eabi qemu-system-arm)

say() {
    printf '==> %s\n' "$*"
}

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# Prints those of the given packages that are not installed.
missing_packages() {
    local package
    for package in "$@"; do
        if [ "$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null)" != "install ok installed" ]
        then
            printf '%s\n' "$package"
        fi
    done
}

# Runs a command as root; without a terminal sudo must not ask.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && [ -t 0 ]; then
        sudo "$@"
    elif command -v sudo >/dev/null; then
        sudo -n "$@"
    else
        return 1
    fi
}

# Installs what is missing of the given packages; does nothing, not even touch the network, when
# nothing is.
install_packages() {
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say "not a Debian system: taking it for granted that these are there: $*"
        return 0
    fi
    local missing
    mapfile -t missing < <(missing_packages "$@")
    if [ "${#missing[@]}" -eq 0 ]; then
        return 0
    fi
    local hint="run as root: apt-get update && apt-get install -y ${missing[*]}"
    say "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    as_root apt-get update -q </dev/null ||
        die "cannot update the package lists (no root, or no network?); $hint"
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}" </dev/null ||
        die "cannot install packages (no root, or no network?); $hint"
}

# configure <build directory> [cmake option...]
configure() {
    local dir=$1
    shift
    cmake -S "$top" -B "$dir" "$@"
}

# The release build in build/, the same for tools/run and tools/test.
configure_release() {
    configure "$top/build" -DCMAKE_C_COMPILER=gcc
}

# build <build directory> [target...]
build() {
    local dir=$1
    shift
    cmake --build "$dir" --parallel "$(nproc)" ${1:+--target "$@"}
}

# tracked <pattern...>: files of the checkout, or, outside git (a tarball), those found there.
tracked() {
    if git -c safe.directory='*' -C "$top" ls-files -- "$@" 2>/dev/null | grep -q .; then
        git -c safe.directory='*' -C "$top" ls-files -- "$@" |
            while IFS= read -r file; do
                [ ! -e "$top/$file" ] || printf '%s\n' "$file"
            done
        return
    fi
    local pattern
    for pattern in "$@"; do
        (cd "$top" && find . \( -path './build*' -o -path ./.git \) -prune -o \
            -type f -name "${pattern##*/}" -print | sed 's|^\./||')
    done
}
