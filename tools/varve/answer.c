// SPDX-License-Identifier: Apache-2.0
// What the layouts of an answer share; see answer.h.
#include "answer.h"

#include "formats.h"

struct varve_query_sink answer_sink(struct answer *answer, enum format format, FILE *out)
{
    struct varve_query_sink sink = *format_row(format)->layout;
    answer->out = out;
    answer->format = format;
    sink.arg = answer;
    return sink;
}

void answer_notes(struct answer *answer, const struct varve_query_info *info)
{
    answer->skipped = info->skipped_series;
    if (info->skipped_series > 0) {
        (void)complain(0, "%u series were left out: %s is not defined for counters%s; try %srate",
                       info->skipped_series, answer->how ? answer->how : "the sum or average",
                       answer->how ? "" : " on a tier of cells", answer->how ? "--agg " : "");
    }
    if (info->sketched) {
        (void)complain(
            0,
            "quantiles are within 1 %%, from the sketches that tier %s keeps, over cells "
            "that lie wholly in the range",
            info->tier_name);
    }
    if (info->unsketched) {
        (void)complain(
            0,
            "tier %s has no sketches of some series for the whole range: their quantiles "
            "are those of each cell's last value; [series PATTERN] percentiles = yes "
            "keeps sketches from now on",
            info->tier_name);
    } else if (info->approximate && !info->sketched) {
        (void)complain(0,
                       "tier %s gives an approximate answer: its cells are longer than the "
                       "expression needs, or do not keep what it asks for",
                       info->tier_name);
    }
    if (answer->unsaid > 0) {
        (void)complain(0, "%llu points were left out: %s has no way to say their value or name",
                       (unsigned long long)answer->unsaid, format_row(answer->format)->name);
    }
    if (info->damaged_blocks > 0) {
        (void)complain(0, "%u damaged blocks were passed over; what they held is missing above",
                       info->damaged_blocks);
    }
}
