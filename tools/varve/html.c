// SPDX-License-Identifier: Apache-2.0
// Text in HTML; see html.h.
#include "html.h"

#include <string.h>

#include "utf8.h"

// What stands for a character that means something; NULL: itself.
static const char *entity_of(unsigned char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ? "\xef\xbf\xbd" : NULL;
    }
}

void html_text(FILE *out, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        size_t n = utf8_length(c);
        const char *entity = n == 0 ? "\xef\xbf\xbd" : n == 1 ? entity_of(*c) : NULL;
        // U+0080 to U+009F are control characters, too.
        entity = n == 2 && c[0] == 0xc2 && c[1] < 0xa0 ? "\xef\xbf\xbd" : entity;
        if (entity) {
            (void)fputs(entity, out); // the stream keeps its error
        } else {
            (void)fwrite(c, 1, n, out);
        }
        c += n > 0 ? n : 1;
    }
}
