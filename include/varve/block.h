// SPDX-License-Identifier: Apache-2.0
// Blocks: the one format in which history is held in RAM, written to flash and exported.
//
// A block holds every series' points (tier 0) or cells (other tiers) of one window. All integers
// are little-endian; `varint` is LEB128; `zigzag` maps signed to unsigned as in Protocol Buffers.
//
//   header (VARVE_BLOCK_HEADER bytes)
//     0  u32 magic "VRVB"          4  u8 version   5  u8 tier   6  u8 columns (1 points, 5 cells)
//     7  u8 flags (1: rolled-up-to number is given; 2: chunks have tails)
//     8  u32 length of the whole block, header included
//    12  u32 CRC-32C of the whole block with these four bytes taken as zero
//    16  u32 sequence number, growing within the tier           20  u32 step in ms
//    24  i64 start: no row is older, Unix ms                    32  i64 time of the last row
//    40  i64 rolled-up-to: all history before this time is in this tier's blocks up to this one
//    48  u64 samples accepted since the store was made
//    56  u64 bytes written to flash since then
//    64  u32 offset of the directory   68  u32 rows   72  u16 directory entries   74  2 bytes zero
//    76  u32 rolled-up-to number: all blocks of the next finer tier with a smaller sequence number
//        are in this tier's blocks up to this one, but for their rows from rolled-up-to on. Readers
//        that only want rows need not know; without the flag it is zero and says nothing.
//   chunks, back to back: each is varint t, a time column if t is 0, and a value stream up to the
//     chunk's end. With another t the chunk has the same times as an earlier one: its time column
//     begins t bytes behind the header. A chunk with the times of the one before it has neither t
//     nor times. Time columns and value streams are core/codec.h's. Any series is so decoded from
//     its own chunk and at most one time column elsewhere.
//   tails, in a block of cells whose flags say so: each chunk ends with the number of its tail's
//     bytes, as a varint whose bytes stand in the reverse order, and before that the tail. It holds
//     sketches of cells of the series, in the order of their starts, for each varint(steps from the
//     start of the one before, for the first from the block's start), varint(bytes of the sketch),
//     and the sketch, which is core/sketch.h's. A cell may have one or not; readers that want none
//     take the value stream to end where the tail begins, and need not know more. Versions of varve
//     that do not know the flag refuse such a block by it.
//   directory: for each chunk, in id order, up to the block's end, varint(2 * bytes of the chunk +
//   1
//     if it has the times of the one before). Its id is one more than that of the chunk before, the
//     first one's 0, unless 0 and varint(id - previous id, of the first its id) come first. A
//     series may have several chunks; they may overlap in time.
//
// Version 1, which is read and no longer written, differs in the directory, for each chunk
// varint(id - previous id, of the first its id), varint(bytes of the chunk), and in that each chunk
// has a t.
//
// Threading: a writer belongs to one task. Readers keep no state; any task.
#ifndef VARVE_BLOCK_H
#define VARVE_BLOCK_H

#include "varve/error.h"
#include "varve/types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VARVE_BLOCK_MAGIC     0x42565256u
#define VARVE_BLOCK_VERSION   2u
#define VARVE_BLOCK_VERSION_1 1u
#define VARVE_BLOCK_HEADER    80u

// Names one block of a tier. Blocks are ordered by start, then by sequence number.
struct varve_block_key {
    int64_t start_ms; // no row is older; a window that is split into blocks has one start for all
    int64_t end_ms;   // time of the last row (cells: the start of the last cell)
    uint32_t seq;
};

// The decoded header.
struct varve_block_info {
    struct varve_block_key key;
    uint32_t length;      // bytes, header included
    uint32_t step_ms;     // the tier's step
    uint32_t rows;        // points or cells of all series together
    uint32_t directory;   // offset of the directory, bytes
    uint16_t entries;     // directory entries
    uint8_t tier;         // index of the tier when the block was written
    uint8_t columns;      // 1 points, 5 cells
    bool has_upto_seq;    // upto_seq says something
    bool has_tails;       // chunks end with sketches, or with the word that there are none
    uint32_t upto_seq;    // see "rolled-up-to number" above
    int64_t upto_ms;      // see "rolled-up-to" above
    uint64_t samples;     // running total of the store
    uint64_t flash_bytes; // running total of the store
};

// Time columns that a writer remembers, to refer later chunks to them.
#define VARVE_BLOCK_TIMES 4u

struct varve_block_times {
    uint32_t offset; // in the block
    uint32_t bytes;  // 0: none
};

// What the encoder remembers of a column, so that it need not search so much when the next one of
// the same series comes: most are as the one before. All zero: nothing. Fields are private to
// core/codec_plan.c.
struct varve_code_hint {
    uint32_t cost : 16;     // what a row may cost, in 16ths of a bit
    uint32_t left : 6;      // columns for which the code that the last search found holds
    uint32_t kind : 2;      // of that code
    uint32_t base : 3;      // of that code
    uint32_t reference : 2; // of that code
    uint32_t refers : 1;    // to another column, or might have
    uint32_t idle : 1;      // most rows were as the row before
};

// Hints of a series: its only column if it is points; last, min, max and sum of cells.
#define VARVE_POINT_HINTS 1u
#define VARVE_CELL_HINTS  4u

// Builds one block in a buffer of the caller's. Fields are private to core/block_put.c.
struct varve_block_writer {
    uint8_t *buf;
    size_t cap;
    size_t used;     // header and columns, from the front
    size_t dir_used; // directory, built from the back
    struct varve_block_info info;
    varve_series_id previous;
    uint32_t next;     // the id that needs no jump
    size_t last_times; // offset of the time column of the chunk before; 0: none
    struct varve_block_times times[VARVE_BLOCK_TIMES];
    uint32_t times_next;           // the place to use next, modulo VARVE_BLOCK_TIMES
    struct varve_code_hint *hints; // by series id, or NULL
    const uint8_t *tail;           // of the next chunk
    size_t tail_bytes;
};

// Starts a block in `buf` of `cap` bytes (more than VARVE_BLOCK_HEADER). `info` gives tier,
// columns, step, seq, upto, samples and flash_bytes; the rest is filled in by the writer.
void varve_block_begin(struct varve_block_writer *w, void *buf, size_t cap,
                       const struct varve_block_info *info);

// Gives the writer, between begin and the first row, what it knows of the tier's former blocks:
// VARVE_POINT_HINTS or VARVE_CELL_HINTS for each series id that will come. They are borrowed until
// the block is finished, and updated. Encoding takes half the time then, and the block a little
// more or less room.
void varve_block_use_hints(struct varve_block_writer *w, struct varve_code_hint *hints);

// Appends the points of one series; ids must not decrease from call to call, and `points` (n of
// them, 1 .. VARVE_COLUMN_MAX) must be sorted by time. Returns 0, VARVE_E_FULL when they do not
// fit any more (the block is unchanged and can be finished), or VARVE_E_INVALID.
int varve_block_add_points(struct varve_block_writer *w, varve_series_id id,
                           const struct varve_point *points, size_t n);

// The same for cells, sorted by start; starts are multiples of the step.
int varve_block_add_cells(struct varve_block_writer *w, varve_series_id id,
                          const struct varve_cell *cells, size_t n);

// Gives the next chunk of cells its tail, which is borrowed until it is added. Only in a block
// whose `info` has_tails.
void varve_block_use_tail(struct varve_block_writer *w, const uint8_t *tail, size_t bytes);

// Bytes that a number in a tail takes at most.
#define VARVE_TAIL_NUMBER_MAX 10u

// A tail that is being made in `buf`. `at_ms` is the block's start at first.
struct varve_block_tail {
    uint8_t *buf;
    size_t cap, used;
    int64_t at_ms;
    int64_t step_ms;
};

// Adds a sketch of `bytes` bytes for the cell that starts at start_ms, not before the one added
// last. Returns where they have to be written, or NULL when they do not fit.
uint8_t *varve_block_tail_add(struct varve_block_tail *tail, int64_t start_ms, size_t bytes);

// Writes directory, header and CRC. Returns the block's length in bytes, or VARVE_E_INVALID when
// nothing was added.
int varve_block_finish(struct varve_block_writer *w);

// Writes a block without rows to `buf` (VARVE_BLOCK_HEADER bytes): start, number, marks and totals
// of `info`. What pruning leaves of a tier's newest block. Returns its length in bytes.
int varve_block_empty(void *buf, const struct varve_block_info *info);

// Reads and checks a header and the CRC of the `len` bytes at `buf` (which may be longer than the
// block). Returns 0, VARVE_E_CORRUPT, or VARVE_E_VERSION for a block of a later format.
int varve_block_open(const void *buf, size_t len, struct varve_block_info *info);

// The same without the CRC, for bytes that are known to be whole.
int varve_block_peek(const void *buf, size_t len, struct varve_block_info *info);

// Whether the CRC of a block of `length` (>= VARVE_BLOCK_HEADER) bytes is right.
bool varve_block_is_whole(const void *buf, size_t length);

// Decodes the points of one series with from_ms <= time <= to_ms out of a block that
// varve_block_open() accepted, in time order within each chunk. Returns the number stored in `out`
// (0 when the series is not in the block), VARVE_E_FULL when `cap` is too small, VARVE_E_CORRUPT,
// or VARVE_E_INVALID when the block holds cells.
int varve_block_points(const void *buf, const struct varve_block_info *info, varve_series_id id,
                       int64_t from_ms, int64_t to_ms, struct varve_point *out, size_t cap);

// The same for cells whose start lies in the range.
int varve_block_cells(const void *buf, const struct varve_block_info *info, varve_series_id id,
                      int64_t from_ms, int64_t to_ms, struct varve_cell *out, size_t cap);

// Reads one series of a block after the other: it goes on in the directory from where it found the
// last one, so that ids that ascend cost one way through it. Any order gives the same rows. Borrows
// the block; one task.
struct varve_block_reader {
    const void *buf;
    struct varve_block_info info;
    struct varve_block_place { // an entry of the directory; private
        uint32_t passed;       // bytes of the directory up to behind the entry
        uint32_t chunk;        // offset of its chunk in the block
        uint32_t bytes;        // of the chunk
        uint32_t holder;       // offset of the chunk that says where its times are; 0: none yet
        uint32_t id;
        uint32_t next; // the id that follows without a jump
    } place;           // the first entry whose id is above `behind`
    int place_rc;      // what led there: 0, VARVE_E_NOT_FOUND or VARVE_E_CORRUPT
    int32_t behind;    // -1: at the start
};

// For a block that varve_block_open() accepted.
void varve_block_reader_init(struct varve_block_reader *r, const void *buf,
                             const struct varve_block_info *info);

// As varve_block_points().
int varve_block_read_points(struct varve_block_reader *r, varve_series_id id, int64_t from_ms,
                            int64_t to_ms, struct varve_point *out, size_t cap);

// As varve_block_cells(). With `only_last` nothing is wanted of the cells but `start_ms`, `count`,
// `last` and `seq`: faster, and `min`, `max` and `sum` are 0.
int varve_block_read_cells(struct varve_block_reader *r, varve_series_id id, int64_t from_ms,
                           int64_t to_ms, bool only_last, struct varve_cell *out, size_t cap);

// Receives the sketch of one cell. Non-zero stops.
typedef int (*varve_block_sketch_fn)(void *arg, int64_t start_ms, const uint8_t *sketch,
                                     size_t bytes);
// Hands the sketches of the series' cells with from_ms <= start <= to_ms to `use`, chunk by chunk.
// Several may be of one cell. Returns 0, what `use` returned, or VARVE_E_CORRUPT.
int varve_block_sketches(const void *buf, const struct varve_block_info *info, varve_series_id id,
                         int64_t from_ms, int64_t to_ms, varve_block_sketch_fn use, void *arg);

// The first series in the block with an id above `after`; -1 gives the first of all. Returns the
// id, VARVE_E_NOT_FOUND behind the last, or VARVE_E_CORRUPT.
int varve_block_next_id(const void *buf, const struct varve_block_info *info, int after);

#ifdef __cplusplus
}
#endif
#endif
