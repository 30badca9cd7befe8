// SPDX-License-Identifier: Apache-2.0
// The rest: errors, log, the flash that there is, memory that is kept, figures.
//
// Files, programs and modules are answered by ports/common, as long as there are none; with a
// filesystem, take ports/posix/file.c and path.c as the model.
//
// Threading: one task.
#include <string.h>

#include "ports/template/internal.h"

// ---- errors: the code of the chip's library, for messages. Here varve's own. Per task, where
// there
// ---- are several.

static int last_error;

int template_fail(int code)
{
    last_error = code;
    return code;
}

int varve_port_native_error(void)
{
    return last_error;
}

const char *varve_port_native_text(int code)
{
    return varve_strerror(code);
}

// ---- log: `text` has no newline. What is less severe than the firmware wants ends here.

void varve_port_log(enum varve_severity severity, const char *component, const char *text)
{
    static const char *const names[] = {VARVE_SEVERITY_NAMES};
    if ((unsigned)severity > VARVE_INFO) {
        return;
    }
    const char *const parts[] = {names[severity], " ", component, ": ", text, "\n"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        board_log(parts[i]);
    }
}

// ---- raw flash, by the name that `device =` gives; several chips are several descriptors. For a
// serial chip: ports/common/spi_nor.h, whose `flash` is to be handed out here.

const struct varve_flash *varve_port_flash(const char *name)
{
    return strcmp(name, template_flash.name) == 0 ? &template_flash : NULL;
}

// ---- memory that is kept over a warm reset: a section that start-up code does not clear. Without
// ---- one, the answer is UNSUPPORTED, and the backend `ring` cannot have `retain = yes`.

int varve_port_retained_open(struct varve_port_retained *r, const char *name, size_t bytes)
{
    (void)name;
    (void)bytes;
    *r = (struct varve_port_retained){.handle = -1};
    return template_fail(VARVE_E_UNSUPPORTED);
}

void varve_port_retained_close(struct varve_port_retained *r)
{
    *r = (struct varve_port_retained){.handle = -1};
}

// In order, as far as a reset can tell: no store may move before those of an earlier call. With a
// cache that writes back: clean it here.
void varve_port_retained_write(void *to, const void *from, size_t len)
{
    if (from != NULL) {
        memcpy(to, from, len);
    } else {
        memset(to, 0, len);
    }
    __asm__ volatile("" : : : "memory");
}

// ---- figures: a field that nobody can tell stays 0

void varve_port_usage(struct varve_port_usage *out)
{
    *out = (struct varve_port_usage){0};
}
