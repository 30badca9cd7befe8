// SPDX-License-Identifier: Apache-2.0
// In the place of the reader of INI text, in a build without inih: the configuration is compiled
// in.
//
// Threading: one task.
#include "core/conf.h"

void conf_read_text(struct varve_conf *conf, const char *name, const char *text)
{
    const struct conf_at at = {.file = name};
    (void)text;
    conf_report(conf, &at, "this build reads no text: see varve_conf_table()");
}
