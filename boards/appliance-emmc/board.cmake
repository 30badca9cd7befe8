# SPDX-License-Identifier: Apache-2.0
# As linux-generic: memory is not scarce here.
set(VARVE_BOARD_CAPS "")
set(VARVE_BOARD_PLUGINS "all")
