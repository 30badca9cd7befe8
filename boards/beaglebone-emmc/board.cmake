# SPDX-License-Identifier: Apache-2.0
# 512 MB of RAM: the caps of include/varve/limits.h as they are, every plugin.
set(VARVE_BOARD_CAPS "")
set(VARVE_BOARD_PLUGINS "all")
