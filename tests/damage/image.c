// SPDX-License-Identifier: Apache-2.0
// The files as they were, and where each block lies in them, found by its bytes: in a chain of
// overflow pages of a database, in the frames of a WAL, in one piece in a segment. What a reader
// needs to come from page to page - links, numbers and salts of frames, the commit - is part of a
// block's place.
//
// Threading: one task.
#include <stdlib.h>

#include "core/host_state.h"
#include "damage.h"

#define FRAME_HEADER 24u
#define WAL_HEADER   32u
#define SEGMENT_HEAD 56u // of a frame in a segment

struct image image;

static void must(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "damage: the image: %s\n", what);
        exit(2);
    }
}

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static uint32_t page_size(void)
{
    const uint8_t *h = image.file[0].bytes;
    return (uint32_t)h[16] << 8 | h[17];
}

// ---- files --------------------------------------------------------------------------------------

static void read_file(const char *path, bool is_backup)
{
    struct varve_port_file file;
    struct image_file *f = &image.file[image.files];
    if (varve_port_file_open(&file, path, 0) != 0) {
        return;
    }
    must(image.files < FILES_MAX, "too many files");
    const int64_t size = varve_port_file_size(&file);
    *f = (struct image_file){.size = (uint32_t)size, .is_backup = is_backup};
    (void)snprintf(f->path, sizeof f->path, "%s", path);
    f->bytes = malloc(f->size + 1);
    f->now = malloc(f->size + 1);
    must(f->bytes != NULL && f->now != NULL, "no memory");
    must(varve_port_file_read(&file, 0, f->bytes, f->size) == size, "cannot be read");
    memcpy(f->now, f->bytes, f->size);
    f->size_now = f->size;
    varve_port_file_close(&file);
    if (f->size > 0) {
        image.files++;
    }
}

static void read_segment(const char *name, void *arg)
{
    char path[VARVE_PATH_TEXT];
    (void)arg;
    (void)snprintf(path, sizeof path, SEGMENTS "/%s", name);
    read_file(path, false);
}

static void read_backup(const char *name, void *arg)
{
    char path[VARVE_PATH_TEXT];
    (void)arg;
    (void)snprintf(path, sizeof path, BACKUPS "/%s", name);
    read_file(path, true);
}

static bool is_wal(const struct image_file *f)
{
    return strcmp(f->path, STORE "-wal") == 0;
}

void image_write(void)
{
    for (uint32_t i = 0; i < image.files; i++) {
        const struct image_file *f = &image.file[i];
        struct varve_port_file file;
        if (f->size_now == f->size && memcmp(f->bytes, f->now, f->size) == 0) {
            continue;
        }
        must(varve_port_file_open(&file, f->path, VARVE_OPEN_WRITE) == 0, "cannot be opened");
        must(varve_port_file_truncate(&file, f->size_now) == 0, "cannot be cut");
        must(f->size_now == 0 || varve_port_file_write(&file, 0, f->now, f->size_now) == 0,
             "cannot be written");
        must(varve_port_file_sync(&file) == 0, "cannot be synced");
        varve_port_file_close(&file);
    }
}

bool image_is_touched(const struct range *range)
{
    const struct image_file *f = &image.file[range->file];
    return range->to > f->size_now ||
           memcmp(f->bytes + range->from, f->now + range->from, range->to - range->from) != 0;
}

// ---- where blocks lie ---------------------------------------------------------------------------

static bool add_range(struct copy *copy, uint32_t file, uint32_t from, uint32_t to)
{
    if (copy->count == RANGES_MAX) {
        return false;
    }
    copy->range[copy->count++] = (struct range){file, from, to};
    return true;
}

static bool matches(const struct image_file *f, uint64_t at, const uint8_t *bytes, uint32_t n)
{
    return at + n <= f->size && memcmp(f->bytes + at, bytes, n) == 0;
}

static uint32_t piece(const struct block *b, uint32_t done, uint32_t page)
{
    return b->length - done < page - 4 ? b->length - done : page - 4;
}

// Follows the chain that begins on this page of a database.
static bool follow_pages(const struct block *b, uint32_t file, uint32_t number, struct copy *copy)
{
    const struct image_file *f = &image.file[file];
    const uint32_t page = page_size();
    copy->count = 0;
    for (uint32_t done = 0; done < b->length; done += page - 4) {
        const uint64_t at = ((uint64_t)number - 1) * page;
        const uint32_t n = piece(b, done, page);
        if (number == 0 || !matches(f, at + 4, b->bytes + done, n) ||
            !add_range(copy, file, (uint32_t)at, (uint32_t)at + 4 + n)) {
            return false;
        }
        number = big_endian(f->bytes + at);
    }
    return true;
}

static uint64_t frame_at(uint32_t frame)
{
    return WAL_HEADER + (uint64_t)frame * (page_size() + FRAME_HEADER);
}

static bool frame_counts(const struct image_file *f, uint32_t frame)
{
    const uint64_t at = frame_at(frame);
    return at + FRAME_HEADER + page_size() <= f->size && big_endian(f->bytes + at) != 0 &&
           memcmp(f->bytes + at + 8, f->bytes + 16, 8) == 0;
}

static bool commits(const struct image_file *f, uint32_t frame)
{
    return big_endian(f->bytes + frame_at(frame) + 4) != 0;
}

// The frame of the same transaction that has the page with these bytes; UINT32_MAX: none.
static uint32_t find_frame(const struct image_file *f, uint32_t near, uint32_t number,
                           const uint8_t *bytes, uint32_t n)
{
    for (uint32_t i = near; frame_counts(f, i); i++) {
        if (big_endian(f->bytes + frame_at(i)) == number &&
            matches(f, frame_at(i) + FRAME_HEADER + 4, bytes, n)) {
            return i;
        }
        if (commits(f, i)) {
            break;
        }
    }
    for (uint32_t i = near; i > 0 && !commits(f, i - 1); i--) {
        if (big_endian(f->bytes + frame_at(i - 1)) == number &&
            matches(f, frame_at(i - 1) + FRAME_HEADER + 4, bytes, n)) {
            return i - 1;
        }
    }
    return UINT32_MAX;
}

// The same through frames, up to the commit of their transaction.
static bool follow_frames(const struct block *b, uint32_t file, uint32_t frame, struct copy *copy)
{
    const struct image_file *f = &image.file[file];
    const uint32_t page = page_size();
    copy->count = 0;
    for (uint32_t done = 0; done < b->length; done += page - 4) {
        const uint32_t n = piece(b, done, page);
        const uint32_t at = (uint32_t)frame_at(frame);
        if (!matches(f, at + FRAME_HEADER + 4, b->bytes + done, n) ||
            !add_range(copy, file, at, at + FRAME_HEADER + 4 + n)) {
            return false;
        }
        const uint32_t next = big_endian(f->bytes + at + FRAME_HEADER);
        if (done + n < b->length) {
            frame = find_frame(f, frame, next, b->bytes + done + n, piece(b, done + n, page));
        }
        if (frame == UINT32_MAX) {
            return false;
        }
    }
    while (frame_counts(f, frame) && !commits(f, frame)) {
        frame++;
    }
    const uint32_t at = (uint32_t)frame_at(frame);
    copy->in_wal = true;
    return frame_counts(f, frame) && add_range(copy, file, at, at + FRAME_HEADER + page_size());
}

static void keep(struct block *b, const struct copy *copy, bool in_backup)
{
    if (b->copies < COPIES_MAX) {
        b->copy[b->copies] = *copy;
        b->copy[b->copies++].in_backup = in_backup;
    }
}

static void find_in_database(struct block *b, uint32_t file)
{
    const struct image_file *f = &image.file[file];
    struct copy copy = {.count = 0};
    for (uint32_t i = 1; (uint64_t)i * page_size() <= f->size; i++) {
        if (follow_pages(b, file, i, &copy)) {
            keep(b, &copy, f->is_backup);
        }
    }
}

static void find_in_wal(struct block *b, uint32_t file)
{
    struct copy copy = {.count = 0};
    for (uint32_t i = 0; frame_counts(&image.file[file], i); i++) {
        if (follow_frames(b, file, i, &copy)) {
            keep(b, &copy, false);
        }
    }
}

static void find_in_segment(struct block *b, uint32_t file)
{
    const struct image_file *f = &image.file[file];
    struct copy copy = {.count = 0};
    for (uint32_t at = SEGMENT_HEAD; at + b->length <= f->size; at += 8) {
        if (matches(f, at, b->bytes, b->length)) {
            copy.count = 0;
            (void)add_range(&copy, file, at - SEGMENT_HEAD, at + b->length);
            keep(b, &copy, false);
        }
    }
}

static void find(struct block *b)
{
    for (uint32_t i = 0; i < image.files; i++) {
        if (strncmp(image.file[i].path, SEGMENTS, sizeof SEGMENTS - 1) == 0) {
            find_in_segment(b, i);
        } else if (is_wal(&image.file[i])) {
            find_in_wal(b, i);
        } else if (strstr(image.file[i].path, "-journal") == NULL) {
            find_in_database(b, i);
        }
    }
    must(b->copies > 0, "a block lies nowhere");
}

static bool frame_is_touched(uint32_t file, uint32_t frame, uint32_t bytes)
{
    const struct range range = {file, (uint32_t)frame_at(frame), (uint32_t)frame_at(frame) + bytes};
    return image_is_touched(&range);
}

static uint32_t torn_from(uint32_t file)
{
    const struct image_file *f = &image.file[file];
    const struct range header = {file, 0, WAL_HEADER};
    uint32_t begin = 0, commits_behind = 0;
    bool damaged = image_is_touched(&header);
    for (uint32_t i = 0; frame_counts(f, i); i++) {
        damaged = damaged || frame_is_touched(file, i, FRAME_HEADER + page_size());
        // One that was cut short does not count.
        const bool whole =
            !frame_is_touched(file, i, FRAME_HEADER) && frame_at(i + 1) <= f->size_now;
        commits_behind += damaged && commits(f, i) && whole;
        begin = !damaged && commits(f, i) ? i + 1 : begin;
    }
    return damaged && commits_behind < 2 ? (uint32_t)frame_at(begin) : UINT32_MAX;
}

uint32_t image_torn_from(void)
{
    for (uint32_t file = 0; file < image.files; file++) {
        if (is_wal(&image.file[file])) {
            return torn_from(file);
        }
    }
    return UINT32_MAX;
}

// ---- what the host has --------------------------------------------------------------------------

static void take_block(struct varve_host *host, unsigned tier, const struct varve_block_key *key)
{
    static uint8_t buf[VARVE_BLOCK_MAX];
    struct block *b = &image.block[image.blocks];
    struct varve_block_info info;
    must(image.blocks < BLOCKS_MAX, "too many blocks");
    must(varve_store_get(host, tier, key, buf, sizeof buf, &info) == 0, "a block is not whole");
    *b = (struct block){.tier = tier, .key = *key, .length = info.length};
    b->bytes = malloc(b->length);
    must(b->bytes != NULL, "no memory");
    memcpy(b->bytes, buf, b->length);
    find(b);
    image.blocks++;
}

static void take_names(struct varve_host *host)
{
    struct varve_series_def def;
    varve_series_id id = 0;
    image.name = calloc(VARVE_MAX_SERIES, sizeof *image.name);
    must(image.name != NULL, "no memory");
    for (; varve_host_series(host, &id, &def) == 0; id++) {
        (void)snprintf(image.name[id], sizeof image.name[id], "%s", def.text);
    }
    image.series = id;
}

void image_take(void)
{
    char why[VARVE_MESSAGE_TEXT + VARVE_PATH_TEXT];
    struct varve_host *host;
    read_file(STORE, false);
    read_file(STORE "-wal", false);
    read_file(STORE "-journal", false);
    (void)varve_port_dir_list(SEGMENTS, ".seg", read_segment, NULL); // there may be none
    (void)varve_port_dir_list(BACKUPS, ".db", read_backup, NULL);
    must(kind_open(&host, VARVE_HOST_READ_ONLY, why, sizeof why) == 0, why);
    image.block = calloc(BLOCKS_MAX, sizeof *image.block);
    must(image.block != NULL, "no memory");
    for (unsigned tier = 0; tier < host->tier_count; tier++) {
        struct varve_block_cursor cursor = {
            .tier = tier, .from_ms = INT64_MIN, .seq_limit = UINT32_MAX};
        while (varve_store_next(host, &cursor) == 0) {
            take_block(host, tier, &cursor.key);
        }
    }
    take_names(host);
    (void)varve_host_shutdown(host); // it was open for reading
    must(image.blocks > 20, "there is hardly a block");
}
