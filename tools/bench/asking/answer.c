// SPDX-License-Identifier: Apache-2.0
// Points of answers, and whether they are the same; see bench.h.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

void answer_clear(struct answer *a)
{
    a->n = 0;
}

void answer_add(struct answer *a, uint32_t key, int64_t time_ms, double value)
{
    if (a->n == a->cap) {
        a->cap = a->cap == 0 ? 4096 : 2 * a->cap;
        a->points = realloc(a->points, a->cap * sizeof *a->points);
        if (a->points == NULL) {
            die("answer", "no memory");
        }
    }
    a->points[a->n++] = (struct point){key, time_ms, value};
}

uint32_t answer_key(const char *labels)
{
    // As text forms and as JSON have it.
    static const char *const forms[] = {"resource=\"r", "\"resource\":\"r"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const char *at = strstr(labels, forms[i]);
        if (at != NULL) {
            return (uint32_t)strtoul(at + strlen(forms[i]), NULL, 10);
        }
    }
    return 0;
}

static int by_place(const void *left, const void *right)
{
    const struct point *a = left, *b = right;
    if (a->key != b->key) {
        return a->key < b->key ? -1 : 1;
    }
    return (a->time_ms > b->time_ms) - (a->time_ms < b->time_ms);
}

static void sort(struct answer *a)
{
    if (a->n > 0) {
        qsort(a->points, a->n, sizeof *a->points, by_place);
    }
}

static bool is_same(double a, double b, double tolerance)
{
    return a == b || fabs(a - b) <= tolerance * fmax(fabs(a), fabs(b));
}

size_t answer_differences(struct answer *a, struct answer *b, double tolerance)
{
    size_t i = 0, j = 0, differ = 0;
    sort(a);
    sort(b);
    while (i < a->n && j < b->n) {
        int order = by_place(&a->points[i], &b->points[j]);
        differ += order != 0 || !is_same(a->points[i].value, b->points[j].value, tolerance);
        i += order <= 0;
        j += order >= 0;
    }
    return differ + (a->n - i) + (b->n - j);
}
