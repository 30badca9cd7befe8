// SPDX-License-Identifier: Apache-2.0
// Frames over a connected socket, the same on both sides.
//
// Owns framing, buffering of output, and the stall time-out; leaves what the payloads mean to the
// client and the daemon. No allocation.
//
// Threading: a channel belongs to one task.
#ifndef VARVE_CHANNEL_H
#define VARVE_CHANNEL_H

#include "varve/client.h"
#include "wire.h"

// A received frame; the reader walks the payload in the channel's buffer.
struct varve_frame {
    uint16_t type;
    struct varve_wire_reader payload;
};

void varve_channel_init(struct varve_channel *c, int fd, int stall_ms);
void varve_channel_close(struct varve_channel *c);

// Starts a frame and returns the writer of its payload through *w. A frame of runs that is open is
// closed first. Returns 0 or the error of sending what was gathered before.
int varve_channel_begin(struct varve_channel *c, enum varve_frame_type type,
                        struct varve_wire_writer *w);
// Closes the frame. VARVE_E_TOO_BIG when the payload did not fit; the frame is then dropped.
int varve_channel_end(struct varve_channel *c, const struct varve_wire_writer *w);

// Adds a run to a frame of `type`, opening and closing frames as needed.
int varve_channel_run(struct varve_channel *c, enum varve_frame_type type, varve_series_id id,
                      const struct varve_point *points, size_t n);

// Sends all that was gathered. VARVE_E_CLOSED, VARVE_E_TIMEOUT, VARVE_E_IO.
int varve_channel_flush(struct varve_channel *c);

// Waits for one whole frame: first_ms for its first byte (< 0: for ever), stall_ms for the rest.
// VARVE_E_CLOSED at the end of the stream, VARVE_E_TIMEOUT, VARVE_E_CORRUPT, VARVE_E_IO.
int varve_channel_receive(struct varve_channel *c, int first_ms, struct varve_frame *frame);

// The usual frames.
int varve_channel_send_empty(struct varve_channel *c, enum varve_frame_type type);
int varve_channel_send_end(struct varve_channel *c, int status, const char *message);

// Walks the runs of a payload in pieces of at most VARVE_RUN_PIECE points; returns what visit()
// returned when it was not 0, or VARVE_E_CORRUPT.
#define VARVE_RUN_PIECE 256u
int varve_runs_visit(struct varve_wire_reader *r,
                     int (*visit)(void *arg, varve_series_id id, const struct varve_point *points,
                                  size_t n),
                     void *arg);

#endif
