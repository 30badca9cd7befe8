// SPDX-License-Identifier: Apache-2.0
// Frames over a connected socket; see channel.h.
#include "channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "varve/port.h"

#define POINT_BYTES      16u
#define RUN_HEADER_BYTES 4u

void varve_channel_init(struct varve_channel *c, int fd, int stall_ms)
{
    c->fd = fd;
    c->stall_ms = stall_ms;
    c->used = 0;
    c->frame = 0;
    c->open = false;
    c->runs = false;
}

void varve_channel_close(struct varve_channel *c)
{
    if (c->fd >= 0) {
        (void)close(c->fd); // nothing is buffered below the socket that could be lost
    }
    varve_channel_init(c, -1, c->stall_ms);
}

// ---- waiting ---------------------------------------------------------------------------------

static int64_t now_ms(void)
{
    return (int64_t)(varve_port_mono_us() / 1000u);
}

// Waits until the socket is ready for `events` or the deadline has passed (< 0: there is none).
static int wait_ready(struct varve_channel *c, short events, int64_t deadline_ms)
{
    for (;;) {
        int timeout = -1;
        if (deadline_ms >= 0) {
            int64_t left = deadline_ms - now_ms();
            timeout = left > 0 ? (int)left : 0;
        }
        struct pollfd p = {.fd = c->fd, .events = events};
        int rc = poll(&p, 1, timeout);
        if (rc > 0) {
            return 0;
        }
        if (rc == 0) {
            return VARVE_E_TIMEOUT;
        }
        if (errno != EINTR) {
            return VARVE_E_IO;
        }
    }
}

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

// ---- sending ---------------------------------------------------------------------------------

static int send_all(struct varve_channel *c, const uint8_t *bytes, size_t len)
{
    int64_t deadline = now_ms() + c->stall_ms;
    while (len > 0) {
        ssize_t n = send(c->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
            continue;
        }
        if (n < 0 && !would_block()) {
            return errno == EPIPE || errno == ECONNRESET ? VARVE_E_CLOSED : VARVE_E_IO;
        }
        int rc = wait_ready(c, POLLOUT, deadline);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

static void put_header(uint8_t *at, unsigned type, size_t length)
{
    struct varve_wire_writer w = {.buf = at, .cap = VARVE_FRAME_HEADER};
    varve_wire_put_u16(&w, (uint16_t)type);
    varve_wire_put_u16(&w, 0);
    varve_wire_put_u32(&w, (uint32_t)length);
}

static void close_runs(struct varve_channel *c)
{
    if (c->runs) {
        uint8_t *at = c->out + c->frame;
        unsigned type = (unsigned)at[0] | (unsigned)at[1] << 8;
        put_header(at, type, c->used - c->frame - VARVE_FRAME_HEADER);
        c->runs = false;
        c->open = false;
    }
}

int varve_channel_flush(struct varve_channel *c)
{
    close_runs(c);
    if (c->fd < 0) {
        return VARVE_E_CLOSED;
    }
    int rc = send_all(c, c->out, c->used);
    c->used = 0;
    return rc;
}

// Opens a frame behind what is gathered, sending that first when a largest frame might not fit.
static int open_frame(struct varve_channel *c, enum varve_frame_type type)
{
    close_runs(c);
    if (VARVE_CHANNEL_OUT - c->used < VARVE_FRAME_HEADER + VARVE_FRAME_MAX) {
        int rc = varve_channel_flush(c);
        if (rc < 0) {
            return rc;
        }
    }
    c->frame = c->used;
    c->open = true;
    put_header(c->out + c->frame, (unsigned)type, 0);
    c->used += VARVE_FRAME_HEADER;
    return 0;
}

int varve_channel_begin(struct varve_channel *c, enum varve_frame_type type,
                        struct varve_wire_writer *w)
{
    *w = (struct varve_wire_writer){.failed = true};
    int rc = open_frame(c, type);
    if (rc == 0) {
        *w = (struct varve_wire_writer){.buf = c->out + c->used, .cap = VARVE_FRAME_MAX};
    }
    return rc;
}

int varve_channel_end(struct varve_channel *c, const struct varve_wire_writer *w)
{
    if (!c->open) {
        return VARVE_E_INVALID;
    }
    c->open = false;
    if (w->failed) {
        c->used = c->frame;
        return VARVE_E_TOO_BIG;
    }
    uint8_t *at = c->out + c->frame;
    unsigned type = (unsigned)at[0] | (unsigned)at[1] << 8;
    put_header(at, type, w->used);
    c->used += w->used;
    return 0;
}

// ---- runs ------------------------------------------------------------------------------------

static size_t room_for_points(const struct varve_channel *c)
{
    size_t payload = c->used - c->frame - VARVE_FRAME_HEADER;
    size_t left = VARVE_FRAME_MAX - payload;
    return left < RUN_HEADER_BYTES ? 0 : (left - RUN_HEADER_BYTES) / POINT_BYTES;
}

static void append_run(struct varve_channel *c, varve_series_id id,
                       const struct varve_point *points, size_t n)
{
    struct varve_wire_writer w = {.buf = c->out + c->used, .cap = VARVE_CHANNEL_OUT - c->used};
    varve_wire_put_u16(&w, id);
    varve_wire_put_u16(&w, (uint16_t)n);
    for (size_t i = 0; i < n; i++) {
        varve_wire_put_i64(&w, points[i].time_ms);
        varve_wire_put_f64(&w, points[i].value);
    }
    c->used += w.used;
}

int varve_channel_run(struct varve_channel *c, enum varve_frame_type type, varve_series_id id,
                      const struct varve_point *points, size_t n)
{
    while (n > 0) {
        size_t room = c->runs ? room_for_points(c) : 0;
        if (room == 0) {
            int rc = open_frame(c, type);
            if (rc < 0) {
                return rc;
            }
            c->runs = true;
            room = room_for_points(c);
        }
        size_t part = n < room ? n : room;
        append_run(c, id, points, part);
        points += part;
        n -= part;
    }
    return 0;
}

static size_t get_points(struct varve_wire_reader *r, size_t n, struct varve_point *out)
{
    size_t part = n < VARVE_RUN_PIECE ? n : VARVE_RUN_PIECE;
    for (size_t i = 0; i < part; i++) {
        out[i].time_ms = varve_wire_get_i64(r);
        out[i].value = varve_wire_get_f64(r);
    }
    return part;
}

int varve_runs_visit(struct varve_wire_reader *r,
                     int (*visit)(void *arg, varve_series_id id, const struct varve_point *points,
                                  size_t n),
                     void *arg)
{
    struct varve_point piece[VARVE_RUN_PIECE];
    while (!varve_wire_done(r)) {
        varve_series_id id = varve_wire_get_u16(r);
        size_t left = varve_wire_get_u16(r);
        while (left > 0 && !r->failed) {
            size_t n = get_points(r, left, piece);
            int rc = r->failed ? VARVE_E_CORRUPT : visit(arg, id, piece, n);
            if (rc != 0) {
                return rc;
            }
            left -= n;
        }
        if (r->failed) {
            return VARVE_E_CORRUPT;
        }
    }
    return 0;
}

// ---- receiving -------------------------------------------------------------------------------

static int receive_exactly(struct varve_channel *c, uint8_t *out, size_t len, int64_t deadline_ms)
{
    while (len > 0) {
        ssize_t n = recv(c->fd, out, len, MSG_DONTWAIT);
        if (n == 0) {
            return VARVE_E_CLOSED;
        }
        if (n > 0) {
            out += n;
            len -= (size_t)n;
            continue;
        }
        if (!would_block()) {
            return errno == ECONNRESET ? VARVE_E_CLOSED : VARVE_E_IO;
        }
        int rc = wait_ready(c, POLLIN, deadline_ms);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

int varve_channel_receive(struct varve_channel *c, int first_ms, struct varve_frame *frame)
{
    if (c->fd < 0) {
        return VARVE_E_CLOSED;
    }
    int rc = wait_ready(c, POLLIN, first_ms < 0 ? -1 : now_ms() + first_ms);
    if (rc < 0) {
        return rc;
    }
    int64_t deadline = now_ms() + c->stall_ms;
    uint8_t header[VARVE_FRAME_HEADER];
    rc = receive_exactly(c, header, sizeof header, deadline);
    if (rc < 0) {
        return rc;
    }
    struct varve_wire_reader r = {.buf = header, .len = sizeof header};
    frame->type = varve_wire_get_u16(&r);
    uint16_t flags = varve_wire_get_u16(&r);
    uint32_t length = varve_wire_get_u32(&r);
    if (flags != 0 || length > VARVE_FRAME_MAX) {
        return VARVE_E_CORRUPT;
    }
    frame->payload = (struct varve_wire_reader){.buf = c->in, .len = length};
    return receive_exactly(c, c->in, length, deadline);
}

// ---- the usual frames --------------------------------------------------------------------------

int varve_channel_send_empty(struct varve_channel *c, enum varve_frame_type type)
{
    struct varve_wire_writer w;
    int rc = varve_channel_begin(c, type, &w);
    return rc < 0 ? rc : varve_channel_end(c, &w);
}

int varve_channel_send_end(struct varve_channel *c, int status, const char *message)
{
    struct varve_wire_writer w;
    int rc = varve_channel_begin(c, VARVE_FRAME_END, &w);
    if (rc < 0) {
        return rc;
    }
    varve_wire_put_i32(&w, status);
    varve_wire_put_text(&w, message);
    rc = varve_channel_end(c, &w);
    return rc < 0 ? rc : varve_channel_flush(c);
}
