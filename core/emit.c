// SPDX-License-Identifier: Apache-2.0
// Emitting blocks: from rows of one tier's window to encoded blocks in the outbox, with the marks
// that recovery goes by.
//
// A window is one block, or several when one is not large enough. Only its last block tells how far
// the tier has come: a crash between the blocks of one window must not find a mark for rows that
// were in the block that is missing.
//
// The keeper's task, or the one that makes the host; under store_lock.
#include "host_state.h"

#include "varve/block.h"

#define FLASH_PAGE_BYTES 4096u

static uint32_t wanted_by(const struct varve_host *host, size_t tier)
{
    uint32_t mask = 0;
    for (size_t b = 0; b < host->backend_count; b++) {
        bool takes = !host->backends[b].persistent || varve_wear_keeps(host, tier);
        mask |= (takes ? host->backends[b].conf->tiers >> tier & 1u : 0u) << b;
    }
    return (host->flags & VARVE_HOST_READ_ONLY) != 0 ? 0 : mask;
}

uint64_t varve_flash_total(struct varve_host *host)
{
    uint64_t kib = 0;
    for (size_t b = 0; b < host->backend_count; b++) {
        kib += atomic_load_explicit(&host->backends[b].flash_kib, memory_order_relaxed);
    }
    return host->flash_before + kib * 1024;
}

// Neither this nor finish() is inlined: what they need of the stack, the encoder needs, too.
__attribute__((noinline)) void varve_emit_begin(struct varve_host *host,
                                                struct varve_block_writer *w, size_t tier,
                                                int64_t base_ms)
{
    struct varve_block_info info = {
        .key = {.start_ms = base_ms, .seq = host->next_seq[tier]},
        .step_ms = (uint32_t)host->tiers[tier].step_ms,
        .tier = (uint8_t)tier,
        .columns = tier == 0 ? 1 : 5,
        .has_tails = tier > 0 && varve_sketches_any(&host->sketches),
        .upto_ms = host->mark_ms[tier],
        .samples = host->samples_before + host->samples,
        .flash_bytes = varve_flash_total(host),
    };
    varve_block_begin(w, host->block, VARVE_BLOCK_MAX, &info);
    varve_block_use_hints(w, host->hints[tier]);
}

// While nothing may be written, blocks that nobody will ever store leave room for those that wait.
static bool is_half_full(struct varve_outbox *outbox)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < outbox->count; i++) {
        bytes += varve_outbox_at(outbox, i)->info.length;
    }
    return outbox->count > VARVE_OUTBOX_ENTRIES / 2 || bytes > outbox->cap / 2;
}

// The total in the header includes the block's own pages, since nothing is written afterwards that
// could tell of them. Returns the block's length in bytes, 0 when nothing was added.
static __attribute__((noinline)) uint32_t finish(struct varve_host *host,
                                                 struct varve_block_writer *w, size_t tier)
{
    size_t length = w->used + w->dir_used;
    w->info.flash_bytes += (length + FLASH_PAGE_BYTES - 1) / FLASH_PAGE_BYTES * FLASH_PAGE_BYTES;
    if (varve_block_finish(w) < 0) {
        return 0;
    }
    struct varve_outbox_entry entry = {.info = w->info,
                                       .wanted = wanted_by(host, tier),
                                       .expire_before_ms = varve_pipeline_expiry(host, tier),
                                       .tier = (uint8_t)tier};
    host->next_seq[tier]++;
    if (entry.wanted == 0 && varve_wear_paused(host) && is_half_full(&host->outbox)) {
        return w->info.length;
    }
    // A refused block is counted by the outbox and reported with the statistics.
    (void)varve_outbox_add(&host->outbox, &entry, host->block);
    return w->info.length;
}

void varve_emit_rows(struct varve_host *host, struct varve_block_writer *w, size_t tier,
                     varve_series_id id, const void *rows, size_t n)
{
    const uint8_t *tail = w->tail; // a writer that begins anew forgets it
    size_t tail_bytes = w->tail_bytes;
    for (int attempt = 0; attempt < 2; attempt++) {
        varve_block_use_tail(w, tail, tail_bytes);
        int rc = tier == 0 ? varve_block_add_points(w, id, rows, n)
                           : varve_block_add_cells(w, id, rows, n);
        if (rc != VARVE_E_FULL) {
            return;
        }
        int64_t base_ms = w->info.key.start_ms;
        (void)finish(host, w, tier); // only the length of whole windows is of use
        varve_emit_begin(host, w, tier, base_ms);
    }
}

uint32_t varve_emit_part(struct varve_host *host, struct varve_block_writer *w, size_t tier)
{
    return finish(host, w, tier);
}

uint32_t varve_emit_last(struct varve_host *host, struct varve_block_writer *w, size_t tier)
{
    w->info.upto_ms = host->upto_ms[tier];
    w->info.has_upto_seq = tier > 0;
    w->info.upto_seq = tier > 0 ? host->next_seq[tier - 1] : 0;
    uint32_t length = finish(host, w, tier);
    host->mark_ms[tier] = length > 0 ? w->info.upto_ms : host->mark_ms[tier];
    return length;
}
