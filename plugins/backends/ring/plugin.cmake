# SPDX-License-Identifier: Apache-2.0
if("ring_retain" IN_LIST VARVE_BOARD_WITHOUT)
    list(FILTER sources EXCLUDE REGEX "/ring/(retain|dictionary)\\.c$")
    list(APPEND sources ${folder}/without/retain.c)
endif()
if("ring_upkeep" IN_LIST VARVE_BOARD_WITHOUT)
    list(FILTER sources EXCLUDE REGEX "/ring/upkeep\\.c$")
endif()
