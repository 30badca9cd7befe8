// SPDX-License-Identifier: Apache-2.0
// `varve export --format html`; see export_html.h.
#include "export_html.h"

#include <errno.h>
#include <string.h>

#include "commands.h"
#include "report_html.h"
#include "stream.h"

// The file is touched once there is something to write.
static int write_page(struct varve_source *source, const struct args *args,
                      const struct report *report)
{
    const char *path = args->value[OPT_OUTPUT];
    struct stream out;
    if (stream_write(&out, path, args->value[OPT_GZIP] || stream_names_gzip(path)) < 0) {
        (void)source_close(source); // opened for reading
        return FAILED;
    }
    int rc = report_html(out.file, source, report);
    int code = rc == VARVE_E_IO ? finish(source, 0) : finish(source, rc);
    if (stream_close(&out) < 0) {
        code = complain(FAILED, "cannot write %s: %s", out.name, strerror(errno));
    }
    return code;
}

int export_html(const struct args *args, const struct varve_query *query)
{
    static struct report report;
    struct varve_source source;
    struct varve_query asked = *query;
    int code = open_source(&source, args);
    if (code != DONE) {
        return code;
    }
    code = read_tier(args, &source, &asked.tier);
    if (code != DONE) {
        (void)source_close(&source); // opened for reading
        return code;
    }
    int rc = report_make(&source, &asked, args->value[OPT_FROM] != NULL, &report);
    code = rc == 0 ? write_page(&source, args, &report) : finish(&source, rc);
    report_free(&report);
    return code;
}
