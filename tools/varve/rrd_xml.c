// SPDX-License-Identifier: Apache-2.0
// Parsing what `rrdtool dump` writes: XML, by expat; see rrd.h.
//
// A dump that does not hold together is refused as a whole, with the line. Entities are: they are
// no part of one. A build without expat says so.
//
// Threading: no state.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"
#include "rrd.h"
#include "varve/error.h"

void rrd_free(struct rrd *rrd)
{
    for (size_t i = 0; i < rrd->archive_count; i++) {
        free(rrd->archives[i].values);
        rrd->archives[i].values = NULL;
    }
}

#ifdef VARVE_EXPAT
#include <expat.h>

#define DEPTH_MAX  16u
#define CHUNK      65536
#define VALUES_MAX (64u * 1024u * 1024u) // of all archives
#define SPAN_MAX_S INT64_C(316224000)    // ten years
#define TIME_MAX_S INT64_C(99999999999)

enum element {
    NOTHING,
    OTHER,
    RRD,
    STEP,
    LAST_UPDATE,
    DS,
    NAME,
    TYPE,
    RRA,
    CF,
    PER_ROW,
    DATABASE,
    ROW,
    VALUE,
};

static const struct {
    const char *name;
    enum element parent, element;
} elements[] = {
    {"rrd", NOTHING, RRD},
    {"step", RRD, STEP},
    {"lastupdate", RRD, LAST_UPDATE},
    {"ds", RRD, DS},
    {"name", DS, NAME},
    {"type", DS, TYPE},
    {"rra", RRD, RRA},
    {"cf", RRA, CF},
    {"pdp_per_row", RRA, PER_ROW},
    {"database", RRA, DATABASE},
    {"row", DATABASE, ROW},
    {"v", ROW, VALUE},
};

static const char *const functions[] = {"AVERAGE", "MIN", "MAX", "LAST"};

struct parsing {
    XML_Parser parser;
    struct reader *reader;
    struct rrd *rrd;
    int rc; // not 0: it has failed
    enum element stack[DEPTH_MAX];
    unsigned depth;
    char text[RRD_NAME];
    size_t text_len;
    size_t in_row; // values of the row so far
    size_t total;  // values of all archives
};

// ---- failing ------------------------------------------------------------------------------------

static void fail(struct parsing *in, int rc)
{
    if (in->rc == 0) {
        in->rc = rc;
        in->reader->line = XML_GetCurrentLineNumber(in->parser);
        (void)XML_StopParser(in->parser, XML_FALSE); // it is running: this is a callback of its
    }
}

static void refuse(struct parsing *in, const char *why)
{
    if (in->rc == 0) {
        fail(in, reader_refuse(in->reader, "%s", why));
    }
}

static enum element element_of(const struct parsing *in, const char *name)
{
    enum element parent = in->depth > 0 ? in->stack[in->depth - 1] : NOTHING;
    for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++) {
        if (elements[i].parent == parent && strcmp(elements[i].name, name) == 0) {
            return elements[i].element;
        }
    }
    return OTHER;
}

static void XMLCALL on_start(void *arg, const char *name, const char **attributes)
{
    struct parsing *in = arg;
    (void)attributes; // RRDtool writes none
    if (in->rc != 0) {
        return;
    }
    if (in->depth == DEPTH_MAX) {
        refuse(in, "elements are nested too deep");
        return;
    }
    enum element element = element_of(in, name);
    in->stack[in->depth++] = element;
    in->text_len = 0;
    if (in->depth == 1 && element != RRD) {
        refuse(in, "this is no dump of an RRD file: <rrd> is missing");
    } else if (element == DS) {
        if (in->rrd->source_count == RRD_SOURCES_MAX || in->rrd->archive_count > 0) {
            refuse(in, "too many data sources, or one behind an archive");
            return;
        }
        in->rrd->source_count++;
    } else if (element == RRA) {
        if (in->rrd->archive_count == RRD_ARCHIVES_MAX) {
            refuse(in, "too many archives");
            return;
        }
        in->rrd->archives[in->rrd->archive_count++].function = RRD_FUNCTIONS;
    } else if (element == ROW) {
        in->in_row = 0;
    }
}

static void XMLCALL on_text(void *arg, const char *text, int len)
{
    struct parsing *in = arg;
    enum element element = in->depth > 0 ? in->stack[in->depth - 1] : NOTHING;
    bool wanted = element == STEP || element == LAST_UPDATE || element == NAME || element == TYPE ||
                  element == CF || element == PER_ROW || element == VALUE;
    for (int i = 0; wanted && in->rc == 0 && i < len; i++) {
        bool blank = strchr(" \t\r\n", text[i]) != NULL;
        if (in->text_len + 1 == sizeof in->text && !blank) {
            refuse(in, "a text is too long");
        } else if (!blank) {
            in->text[in->text_len++] = text[i];
        }
    }
}

static int64_t take_integer(struct parsing *in, int64_t least, int64_t most)
{
    double value;
    if (number_parse(in->text, in->text_len, &value) < 0 || !(value >= (double)least) ||
        !(value <= (double)most) || value != floor(value)) {
        refuse(in, "a number is missing or out of range");
        return least;
    }
    return (int64_t)value;
}

static void take_value(struct parsing *in)
{
    struct rrd_archive *a = &in->rrd->archives[in->rrd->archive_count - 1];
    double value = (double)NAN;
    bool unknown = strcmp(in->text, "U") == 0 || strcmp(in->text, "-nan") == 0; // as libc has it
    if (!unknown && number_parse(in->text, in->text_len, &value) < 0) {
        refuse(in, "a value is no number");
        return;
    }
    if (in->in_row++ >= in->rrd->source_count) {
        refuse(in, "a row has more values than there are data sources");
        return;
    }
    if (a->function == RRD_FUNCTIONS) {
        return;
    }
    if (a->count == a->cap) {
        size_t cap = a->cap > 0 ? 2 * a->cap : 1024;
        double *values = in->total < VALUES_MAX ? realloc(a->values, cap * sizeof *values) : NULL;
        if (!values) {
            (void)reader_refuse(in->reader, "not enough memory for the archives");
            fail(in, VARVE_E_NO_MEMORY);
            return;
        }
        a->values = values;
        a->cap = cap;
    }
    a->values[a->count++] = value;
    in->total++;
}

static void take_function(struct parsing *in)
{
    struct rrd_archive *a = &in->rrd->archives[in->rrd->archive_count - 1];
    for (size_t i = 0; i < RRD_FUNCTIONS; i++) {
        if (strcmp(in->text, functions[i]) == 0) {
            a->function = (enum rrd_function)i;
        }
    }
}

static void take_source(struct parsing *in, enum element element)
{
    struct rrd_source *source = &in->rrd->sources[in->rrd->source_count - 1];
    if (element == NAME) {
        (void)snprintf(source->name, sizeof source->name, "%s", in->text); // as long
    } else {
        source->rate = strcmp(in->text, "COUNTER") == 0 || strcmp(in->text, "DERIVE") == 0 ||
                       strcmp(in->text, "ABSOLUTE") == 0 || strcmp(in->text, "DCOUNTER") == 0 ||
                       strcmp(in->text, "DDERIVE") == 0;
    }
}

static void XMLCALL on_end(void *arg, const char *name)
{
    struct parsing *in = arg;
    (void)name; // expat has seen to it
    if (in->rc != 0 || in->depth == 0) {
        return;
    }
    enum element element = in->stack[--in->depth];
    in->text[in->text_len] = '\0';
    switch (element) {
    case STEP:
        in->rrd->step_s = take_integer(in, 1, SPAN_MAX_S);
        break;
    case LAST_UPDATE:
        in->rrd->last_update_s = take_integer(in, 0, TIME_MAX_S);
        break;
    case NAME:
    case TYPE:
        take_source(in, element);
        break;
    case CF:
        take_function(in);
        break;
    case PER_ROW:
        in->rrd->archives[in->rrd->archive_count - 1].per_row = take_integer(in, 1, SPAN_MAX_S);
        break;
    case VALUE:
        take_value(in);
        break;
    case ROW:
        if (in->in_row != in->rrd->source_count) {
            refuse(in, "a row has fewer values than there are data sources");
        }
        break;
    default:
        break;
    }
    in->text_len = 0;
}

// An entity would have to be declared; RRDtool's dumps declare none.
static void XMLCALL on_entity(void *arg, const char *name, int is_parameter, const char *value,
                              int value_len, const char *base, const char *system_id,
                              const char *public_id, const char *notation)
{
    (void)name, (void)is_parameter, (void)value, (void)value_len, (void)base, (void)system_id,
        (void)public_id, (void)notation;
    refuse(arg, "entities are not part of a dump of an RRD file");
}

static int by_span(const void *a, const void *b)
{
    const struct rrd_archive *x = a;
    const struct rrd_archive *y = b;
    return (x->per_row > y->per_row) - (x->per_row < y->per_row);
}

// The whole that the parts must make.
static void finish(struct parsing *in)
{
    if (in->rrd->step_s == 0 || in->rrd->last_update_s == 0 || in->rrd->source_count == 0) {
        refuse(in, "<step>, <lastupdate> or <ds> is missing");
        return;
    }
    for (size_t i = 0; i < in->rrd->archive_count; i++) {
        const struct rrd_archive *a = &in->rrd->archives[i];
        if (a->function < RRD_FUNCTIONS &&
            (a->per_row == 0 || a->per_row > SPAN_MAX_S / in->rrd->step_s)) {
            refuse(in, "an archive has no <pdp_per_row>, or one that is too large");
            return;
        }
    }
    qsort(in->rrd->archives, in->rrd->archive_count, sizeof in->rrd->archives[0], by_span);
}

static int parse(struct reader *r, struct parsing *in)
{
    static char chunk[CHUNK];
    bool last = false;
    while (!last && in->rc == 0) {
        size_t n = fread(chunk, 1, sizeof chunk, r->file);
        if (ferror(r->file)) {
            return VARVE_E_IO;
        }
        last = n < sizeof chunk;
        if (XML_Parse(in->parser, chunk, (int)n, last) == XML_STATUS_ERROR && in->rc == 0) {
            r->line = XML_GetCurrentLineNumber(in->parser);
            return reader_refuse(r, "XML: %s", XML_ErrorString(XML_GetErrorCode(in->parser)));
        }
    }
    if (in->rc == 0) {
        finish(in);
    }
    return in->rc;
}

int rrd_parse(struct reader *r, struct rrd *rrd)
{
    struct parsing in = {.parser = XML_ParserCreate(NULL), .reader = r, .rrd = rrd};
    if (!in.parser) {
        return VARVE_E_NO_MEMORY;
    }
    XML_SetUserData(in.parser, &in);
    XML_SetElementHandler(in.parser, on_start, on_end);
    XML_SetCharacterDataHandler(in.parser, on_text);
    XML_SetEntityDeclHandler(in.parser, on_entity);
    int rc = parse(r, &in);
    r->line = rc == 0 ? XML_GetCurrentLineNumber(in.parser) : r->line;
    XML_ParserFree(in.parser);
    return rc;
}

#else

int rrd_parse(struct reader *r, struct rrd *rrd)
{
    (void)rrd;
    r->line = 1;
    return reader_refuse(r, "this build has no expat, so it reads no RRD files");
}

#endif
