// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as a file that `varve import --format rrd` reads; see fuzz_reader.h.
//
// Threading: one task.
#include "fuzz_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_reader(&reader_rrd, data, size);
}
