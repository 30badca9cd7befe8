// SPDX-License-Identifier: Apache-2.0
// The medium made of files: DIR/00000001.seg and so on, and DIR/lock, which the owner of the store
// holds exclusively and readers share. Erased bytes are zeros.
//
// Threading: the instance's lock.

#include "media.h"

#include <string.h>

#include "varve/host.h"

#define SUFFIX      ".seg"
#define DIGITS      8u
#define BLANK_BYTES 4096u
#define CHUNK_BYTES 32768u
#define LEAST_BYTES 65536u

static int path_of(const struct rotate_media *m, uint32_t unit, char *out, size_t cap)
{
    static const char digits[] = "0123456789abcdef";
    char name[DIGITS + 1];

    for (size_t i = 0; i < DIGITS; i++) {
        name[i] = digits[unit >> (4 * (DIGITS - 1 - i)) & 15u];
    }
    name[DIGITS] = '\0';
    return varve_format(out, cap, "%s/%s" SUFFIX, m->files.dir, name) < cap ? 0 : VARVE_E_TOO_BIG;
}

// ---- the directory ------------------------------------------------------------------------------

static int take_lock(struct rotate_media *m, bool read_only)
{
    char path[VARVE_PATH_TEXT];
    const unsigned flags = read_only ? 0 : VARVE_OPEN_WRITE | VARVE_OPEN_CREATE;

    if (varve_format(path, sizeof path, "%s/lock", m->files.dir) >= sizeof path) {
        return VARVE_E_TOO_BIG;
    }
    int rc = varve_file_open(&m->files.lock, m->account, path, flags);
    if (rc < 0) {
        return rc;
    }
    m->files.locked = true;
    return varve_file_lock(&m->files.lock, 0, 1, !read_only);
}

static int media_open(struct rotate_media *m, struct varve_instance *self, const char *dir,
                      bool read_only)
{
    (void)self; // files need no table in memory
    m->reuses = true;
    m->unit_bytes = 1;
    m->chunk_bytes = CHUNK_BYTES;
    m->least_bytes = LEAST_BYTES;
    if (varve_format(m->files.dir, sizeof m->files.dir, "%s", dir) >= sizeof m->files.dir) {
        return VARVE_E_TOO_BIG;
    }
    int rc = read_only ? 0 : varve_port_path_make_dir(dir);
    return rc == 0 ? take_lock(m, read_only) : rc;
}

static void media_close(struct rotate_media *m)
{
    for (size_t i = 0; i < ROTATE_HANDLES; i++) {
        if (m->files.handles[i].open) {
            varve_file_close(&m->files.handles[i].file);
            m->files.handles[i].open = false;
        }
    }
    if (m->files.locked) {
        varve_file_close(&m->files.lock); // and so gives the lock back
        m->files.locked = false;
    }
}

struct listing {
    void (*visit)(void *arg, uint32_t unit);
    void *arg;
};

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void on_name(const char *name, void *arg)
{
    const struct listing *listing = arg;
    uint32_t unit = 0;

    if (strlen(name) != DIGITS + strlen(SUFFIX)) {
        return;
    }
    for (size_t i = 0; i < DIGITS; i++) {
        const int digit = digit_of(name[i]);
        if (digit < 0) {
            return;
        }
        unit = unit << 4 | (uint32_t)digit;
    }
    listing->visit(listing->arg, unit);
}

static int media_list(struct rotate_media *m, void (*visit)(void *arg, uint32_t unit), void *arg)
{
    struct listing listing = {visit, arg};

    return varve_port_dir_list(m->files.dir, SUFFIX, on_name, &listing);
}

// ---- handles ------------------------------------------------------------------------------------

static struct rotate_handle *find(struct rotate_media *m, uint32_t unit)
{
    for (size_t i = 0; i < ROTATE_HANDLES; i++) {
        if (m->files.handles[i].open && m->files.handles[i].unit == unit) {
            return &m->files.handles[i];
        }
    }
    return NULL;
}

// A free handle: an unused one, or the one for reading.
static struct rotate_handle *spare(struct rotate_media *m, bool writable)
{
    struct rotate_handle *reader = NULL;
    struct rotate_handle *unused = NULL;

    for (size_t i = 0; i < ROTATE_HANDLES; i++) {
        if (!m->files.handles[i].open) {
            unused = &m->files.handles[i];
        } else if (!m->files.handles[i].writable) {
            reader = &m->files.handles[i];
        }
    }
    if (reader != NULL && (!writable || unused == NULL)) {
        varve_file_close(&reader->file);
        reader->open = false;
        return reader;
    }
    return unused;
}

static int open_handle(struct rotate_media *m, uint32_t unit, unsigned flags,
                       struct rotate_handle **out)
{
    char path[VARVE_PATH_TEXT];
    const bool writable = (flags & VARVE_OPEN_WRITE) != 0;
    struct rotate_handle *h = find(m, unit);

    if (h != NULL && h->writable < writable) {
        varve_file_close(&h->file);
        h->open = false;
        h = NULL;
    }
    if (h != NULL) {
        *out = h;
        return (flags & VARVE_OPEN_EXCLUSIVE) != 0 ? VARVE_E_EXISTS : 0;
    }
    h = spare(m, writable);
    if (h == NULL) {
        return VARVE_E_FULL;
    }
    int rc = path_of(m, unit, path, sizeof path);
    rc = rc == 0 ? varve_file_open(&h->file, m->account, path, flags) : rc;
    if (rc == 0) {
        h->unit = unit;
        h->open = true;
        h->writable = writable;
        *out = h;
    }
    return rc;
}

static void media_release(struct rotate_media *m, uint32_t unit)
{
    struct rotate_handle *h = find(m, unit);

    if (h != NULL) {
        varve_file_close(&h->file);
        h->open = false;
    }
}

// ---- units --------------------------------------------------------------------------------------

static int media_create(struct rotate_media *m, uint32_t unit, uint32_t bytes)
{
    char path[VARVE_PATH_TEXT];
    struct rotate_handle *h;
    int rc = open_handle(m, unit, VARVE_OPEN_WRITE | VARVE_OPEN_CREATE | VARVE_OPEN_EXCLUSIVE, &h);

    if (rc == 0) {
        rc = varve_file_preallocate(&h->file, bytes);
    }
    rc = rc == 0 ? path_of(m, unit, path, sizeof path) : rc;
    return rc == 0 ? varve_port_path_sync_dir(path) : rc;
}

static int media_erase(struct rotate_media *m, uint32_t unit)
{
    char path[VARVE_PATH_TEXT];

    media_release(m, unit);
    int rc = path_of(m, unit, path, sizeof path);
    rc = rc == 0 ? varve_port_path_remove(path) : rc;
    return rc == VARVE_E_NOT_FOUND ? 0 : rc;
}

static int64_t media_size(struct rotate_media *m, uint32_t unit)
{
    struct rotate_handle *h;
    int rc = open_handle(m, unit, 0, &h);

    return rc == 0 ? varve_file_size(&h->file) : rc;
}

static int64_t media_read(struct rotate_media *m, uint32_t unit, uint32_t offset, void *buf,
                          size_t len)
{
    struct rotate_handle *h;
    int rc = open_handle(m, unit, 0, &h);

    return rc == 0 ? varve_file_read(&h->file, offset, buf, len) : rc;
}

static int media_program(struct rotate_media *m, uint32_t unit, uint32_t offset, const void *buf,
                         size_t len, enum varve_write_reason reason)
{
    struct rotate_handle *h;
    int rc = open_handle(m, unit, VARVE_OPEN_WRITE, &h);

    return rc == 0 ? varve_file_write(&h->file, offset, buf, len, reason) : rc;
}

static int media_blank(struct rotate_media *m, uint32_t unit, uint32_t from, uint32_t to)
{
    static const uint8_t zeros[BLANK_BYTES];
    int rc = 0;

    while (rc == 0 && from < to) { // up to the next multiple: whole pages in one write
        const uint32_t left = to - from;
        const uint32_t n = BLANK_BYTES - from % BLANK_BYTES;
        rc = media_program(m, unit, from, zeros, n < left ? n : left, VARVE_WRITE_META);
        from += n < left ? n : left;
    }
    return rc;
}

static int media_sync(struct rotate_media *m, uint32_t unit)
{
    struct rotate_handle *h;
    int rc = open_handle(m, unit, VARVE_OPEN_WRITE, &h);

    return rc == 0 ? varve_file_sync(&h->file) : rc;
}

static int media_replace(struct rotate_media *m, uint32_t from, uint32_t to)
{
    char from_path[VARVE_PATH_TEXT];
    char to_path[VARVE_PATH_TEXT];

    media_release(m, from);
    media_release(m, to);
    int rc = path_of(m, from, from_path, sizeof from_path);
    rc = rc == 0 ? path_of(m, to, to_path, sizeof to_path) : rc;
    rc = rc == 0 ? varve_port_path_rename(from_path, to_path) : rc;
    return rc == 0 ? varve_port_path_sync_dir(to_path) : rc;
}

// As many as the filesystem lets be.
static uint64_t media_capacity(struct rotate_media *m)
{
    (void)m;
    return UINT64_MAX;
}

static int media_maintain(struct rotate_media *m)
{
    (void)m;
    return 0;
}

static const struct rotate_media_ops ops = {
    .open = media_open,
    .close = media_close,
    .list = media_list,
    .create = media_create,
    .blank = media_blank,
    .erase = media_erase,
    .size = media_size,
    .read = media_read,
    .program = media_program,
    .sync = media_sync,
    .replace = media_replace,
    .release = media_release,
    .capacity = media_capacity,
    .maintain = media_maintain,
};

const struct rotate_media_ops *const rotate_media_file = &ops;
