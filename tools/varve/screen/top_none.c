// SPDX-License-Identifier: Apache-2.0
// `varve top` in a build without ncurses: there is no screen, --once prints; see top.h.
#include "../top.h"
#include "varve/error.h"

int top_screen_open(void)
{
    return VARVE_E_UNSUPPORTED;
}

void top_screen_close(void)
{
}

void top_screen_size(size_t *width, size_t *height)
{
    *width = 80;
    *height = 24;
}

void top_screen_redraw(void)
{
}

void top_screen_show(const struct canvas *canvas)
{
    (void)canvas;
}

int top_screen_key(int64_t timeout_ms)
{
    (void)timeout_ms;
    return KEY_TOP_CLOSED;
}
