// SPDX-License-Identifier: Apache-2.0
// Every compile-time cap of varve, in one place. A board overrides them in
// boards/<board>/board.cmake. Run-time sizes (series, ring, window, outbox) come from the
// configuration and are carved from the memory handed to varve_host_init(); these caps only bound
// what a configuration may ask for. Whatever a cap refuses is counted and reported, never cut off
// silently.
#ifndef VARVE_LIMITS_H
#define VARVE_LIMITS_H

// Static memory of the daemon, in bytes. Pages never touched cost nothing on a system with an MMU.
#ifndef VARVE_MEMORY_BYTES
#define VARVE_MEMORY_BYTES (16u * 1024u * 1024u)
#endif
// Highest number of series, and so one more than the highest series id (ids are 16 bits wide).
#ifndef VARVE_MAX_SERIES
#define VARVE_MAX_SERIES 65535u
#endif
// Series that can have percentiles on rollups, if a [series] asks for them.
#ifndef VARVE_MAX_SKETCHES
#define VARVE_MAX_SKETCHES 32u
#endif
// Buckets of a sketch: 8 bytes for each in each rollup tier of such a series. What needs more loses
// the lowest ones.
#ifndef VARVE_SKETCH_BUCKETS
#define VARVE_SKETCH_BUCKETS 1024u
#endif
// Bytes for the sketches of one tier's closed cells that wait for their block.
#ifndef VARVE_SKETCH_POOL
#define VARVE_SKETCH_POOL (64u * 1024u)
#endif
// Sections [series PATTERN] of a configuration.
#ifndef VARVE_MAX_SERIES_RULES
#define VARVE_MAX_SERIES_RULES 8u
#endif
// Longest series text form `name{label="value"}` with its final NUL, in bytes.
#ifndef VARVE_SERIES_TEXT
#define VARVE_SERIES_TEXT 256u
#endif
// Bytes for texts and help of the series, for each one on average; help texts that are the same are
// kept once. A series that finds no room is refused and counted.
#ifndef VARVE_SERIES_POOL
#define VARVE_SERIES_POOL 96u
#endif
// Longest unit text with its final NUL, in bytes.
#ifndef VARVE_UNIT_TEXT
#define VARVE_UNIT_TEXT 16u
#endif
// Labels in one series.
#ifndef VARVE_MAX_LABELS
#define VARVE_MAX_LABELS 16u
#endif
// Tiers, raw included.
#ifndef VARVE_MAX_TIERS
#define VARVE_MAX_TIERS 6u
#endif
// Longest tier name with its final NUL, in bytes.
#ifndef VARVE_TIER_NAME
#define VARVE_TIER_NAME 16u
#endif
// Configured plugin instances of all kinds.
#ifndef VARVE_MAX_INSTANCES
#define VARVE_MAX_INSTANCES 24u
#endif
// Backend instances among them.
#ifndef VARVE_MAX_BACKENDS
#define VARVE_MAX_BACKENDS 4u
#endif
// Longest instance or plugin name with its final NUL, in bytes.
#ifndef VARVE_NAME_TEXT
#define VARVE_NAME_TEXT 32u
#endif
// Plugins loaded as modules.
#ifndef VARVE_MAX_MODULES
#define VARVE_MAX_MODULES 16u
#endif
// Collector worker tasks.
#ifndef VARVE_MAX_WORKERS
#define VARVE_MAX_WORKERS 4u
#endif
// Largest encoded block, in bytes. A window that needs more is split into several blocks.
#ifndef VARVE_BLOCK_MAX
#define VARVE_BLOCK_MAX (128u * 1024u)
#endif
// Samples of one series in one column chunk.
#ifndef VARVE_COLUMN_MAX
#define VARVE_COLUMN_MAX 2048u
#endif
// Rows that the encoder looks at in one piece, a multiple of 8 and at most 64: each takes 60 bytes
// of the keeper's stack, and chunks that are longer are read several times.
#ifndef VARVE_CODEC_ROWS
#define VARVE_CODEC_ROWS 64u
#endif
// Encoded blocks that can wait in RAM for a backend.
#ifndef VARVE_OUTBOX_ENTRIES
#define VARVE_OUTBOX_ENTRIES 128u
#endif
// Samples that the keeper takes from the ring in one go, under one lock.
#ifndef VARVE_DRAIN_BATCH
#define VARVE_DRAIN_BATCH 256u
#endif
// Tiers, from raw on, for which the encoder remembers how each series was coded, so that it takes
// half the time: 4 bytes a series for raw, 16 for each other tier. 0: it searches anew each time.
#ifndef VARVE_HINTED_TIERS
#define VARVE_HINTED_TIERS 2u
#endif
// Events held in RAM; older ones that no backend has taken yet are overwritten and counted.
#ifndef VARVE_MAX_EVENTS
#define VARVE_MAX_EVENTS 64u
#endif
// Text and plugin options of a whole configuration, in bytes.
#ifndef VARVE_CONF_BYTES
#define VARVE_CONF_BYTES 16384u
#endif
// Errors of a configuration that are kept, in order of the text.
#ifndef VARVE_CONF_ERRORS
#define VARVE_CONF_ERRORS 8u
#endif
// Longest configuration line with its final NUL, in bytes. inih itself refuses lines of 200.
#ifndef VARVE_CONF_LINE
#define VARVE_CONF_LINE 197u
#endif
// Longest message (error, log line, event text) with its final NUL, in bytes.
#ifndef VARVE_MESSAGE_TEXT
#define VARVE_MESSAGE_TEXT 192u
#endif
// 1: values wait in RAM as float, in half the room and with seven digits; blocks have doubles. A
// counter that has grown beyond 16 millions then loses its lowest digits.
#ifndef VARVE_FLOAT_VALUES
#define VARVE_FLOAT_VALUES 0u
#endif
// Bytes of a cache line: what producers and the consumer of the ring change is kept apart by it.
#ifndef VARVE_CACHE_LINE
#define VARVE_CACHE_LINE 64u
#endif
// Least memory that a query works in besides two blocks, in bytes. What a series has in RAM must
// fit into less than half of it.
#ifndef VARVE_QUERY_ROOM
#define VARVE_QUERY_ROOM (16u * 1024u)
#endif
// Longest JSON payload of an event with its final NUL, in bytes.
#ifndef VARVE_PAYLOAD_TEXT
#define VARVE_PAYLOAD_TEXT 192u
#endif
// Longest path with its final NUL, in bytes.
#ifndef VARVE_PATH_TEXT
#define VARVE_PATH_TEXT 256u
#endif

#endif
