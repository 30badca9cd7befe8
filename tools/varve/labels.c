// SPDX-License-Identifier: Apache-2.0
// Labels of a series as other formats have them; see labels.h.
#include "labels.h"

#include "json.h"

void labels_unescape(const struct varve_span *value, char *raw)
{
    for (size_t i = 0; i < value->len; i++) {
        bool escape = value->at[i] == '\\' && i + 1 < value->len;
        i += escape ? 1 : 0;
        *raw++ = escape && value->at[i] == 'n' ? '\n' : value->at[i];
    }
    *raw = '\0';
}

void labels_json(FILE *out, const struct varve_labels *labels)
{
    char raw[VARVE_SERIES_TEXT];
    for (size_t i = 0; i < labels->count; i++) {
        const struct varve_label *label = &labels->label[i];
        labels_unescape(&label->value, raw);
        (void)fprintf(out, "%s\"%.*s\":", i > 0 ? "," : "", (int)label->key.len, label->key.at);
        json_text(out, raw);
    }
}
