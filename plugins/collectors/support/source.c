// SPDX-License-Identifier: Apache-2.0
// Implements support/source.h: one text as a source. Threading: see there.
#include "source.h"

#include "varve/host.h"
#include "varve/port.h"

int varve_source_open(struct varve_instance *self, struct varve_source *source, const char *root,
                      const char *rest)
{
    size_t len = varve_format(source->path, sizeof source->path, "%s%s", root, rest);
    if (len >= sizeof source->path) {
        varve_instance_fail(self, "the path %s%s is longer than %u bytes", root, rest,
                            (unsigned)sizeof source->path - 1);
        return VARVE_E_TOO_BIG;
    }
    int rc = varve_port_path_exists(source->path);
    if (rc == VARVE_E_NOT_FOUND)
        varve_instance_fail(self, "%s is missing", source->path);
    else if (rc != 0)
        varve_instance_fail(self, "%s: %s", source->path, varve_strerror(rc));
    return rc;
}

static int read_lines(struct varve_instance *self, struct varve_source *source, char *buf,
                      size_t cap, struct varve_span *text, bool *cut)
{
    int rc = varve_port_read_text(source->path, buf, cap);
    *cut = rc == VARVE_E_TOO_BIG;
    *text = (struct varve_span){buf, rc > 0 ? (size_t)rc : 0};
    if (*cut)
        text->len = varve_scan_whole_lines(buf, cap - 1);
    if (rc >= 0 || *cut)
        return 0;
    varve_instance_fail(self, "%s: %s", source->path, varve_strerror(rc));
    return rc;
}

int varve_source_read_start(struct varve_instance *self, struct varve_source *source, char *buf,
                            size_t cap, struct varve_span *text)
{
    bool cut;
    return read_lines(self, source, buf, cap, text, &cut);
}

int varve_source_read(struct varve_instance *self, struct varve_source *source, char *buf,
                      size_t cap, struct varve_span *text)
{
    bool cut;
    int rc = read_lines(self, source, buf, cap, text, &cut);
    if (cut && !source->cut_logged) {
        source->cut_logged = true;
        varve_log(VARVE_WARNING, self->name, "%s is larger than %zu bytes: the rest is left out",
                  source->path, cap - 1);
    }
    return rc;
}
