// SPDX-License-Identifier: Apache-2.0
// Reading a damaged store page by page, without SQLite and without trust in any pointer.
//
// A block begins at the fifth byte of an overflow page (layout.c) and goes on in those that follow
// by their first four bytes. It says how long it is and has a checksum, so whoever has put the
// right pages together knows it. Three ways are tried: the pages that the links name, in their
// newest state; those that the links name among the frames nearby, for a block in a part of the WAL
// that does not count any more; and the pages that follow each other in the file.
//
// The WAL. Its checksums are chained: behind one damaged frame SQLite takes nothing, however whole.
// But each frame has the sum that the next one goes on from, so every frame can be verified by
// itself. A frame counts when its salts are those of the WAL's last round and a commit follows it.
//
// A power cut can tear the last transaction, which SQLite then drops, and so does this file: only
// where a further transaction follows a damaged one, the WAL was damaged after it was synced.
//
// Threading: one task.

#include "pages.h"

#include <string.h>

#include "layout.h"
#include "varve/host.h"

#define WAL_HEADER   32u
#define FRAME_HEADER 24u
#define MAGIC_LITTLE 0x377f0682u
#define MAGIC_BIG    0x377f0683u
#define PIECE        512u // bytes that are summed up at a time
#define NEARBY       40u  // frames to look for a page in, forward and back
#define PAGE_MIN     512u
#define PAGE_MAX     65536u

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static uint32_t little_endian(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | (uint32_t)p[0];
}

static bool is_page_size(uint32_t page)
{
    return page >= PAGE_MIN && page <= PAGE_MAX && (page & (page - 1)) == 0;
}

// Reads; what the file does not have is zeros.
static int read_all(struct varve_file *file, int *failed, int64_t offset, void *buf, uint32_t len)
{
    const int64_t n = varve_file_read(file, offset, buf, len);

    if (n < 0) {
        *failed = (int)n;
        return (int)n;
    }
    memset((uint8_t *)buf + n, 0, len - (size_t)n);
    return 0;
}

// ---- the WAL ------------------------------------------------------------------------------------

static int64_t frame_offset(const struct varve_sqlite_wal *wal, uint32_t frame)
{
    return (int64_t)WAL_HEADER + (int64_t)frame * (wal->page + FRAME_HEADER);
}

// SQLite's sum over pairs of words.
static void add_up(const struct varve_sqlite_wal *wal, uint32_t sum[2], const uint8_t *p, size_t n)
{
    for (size_t i = 0; i + 8 <= n; i += 8) {
        sum[0] += (wal->little ? little_endian(p + i) : big_endian(p + i)) + sum[1];
        sum[1] += (wal->little ? little_endian(p + i + 4) : big_endian(p + i + 4)) + sum[0];
    }
}

static int add_up_page(struct varve_sqlite_wal *wal, uint32_t sum[2], uint32_t frame)
{
    uint8_t piece[PIECE];
    int rc = 0;

    for (uint32_t at = 0; rc == 0 && at < wal->page; at += PIECE) {
        rc = read_all(&wal->file, &wal->failed, frame_offset(wal, frame) + FRAME_HEADER + at, piece,
                      PIECE);
        add_up(wal, sum, piece, PIECE);
    }
    return rc;
}

static int read_frame(struct varve_sqlite_wal *wal, uint32_t frame, uint8_t header[FRAME_HEADER])
{
    return read_all(&wal->file, &wal->failed, frame_offset(wal, frame), header, FRAME_HEADER);
}

static bool has_salts(const struct varve_sqlite_wal *wal, const uint8_t header[FRAME_HEADER])
{
    return big_endian(header) != 0 && big_endian(header + 8) == wal->salt[0] &&
           big_endian(header + 12) == wal->salt[1];
}

static void take_salts(struct varve_sqlite_wal *wal, const uint8_t *salts)
{
    wal->salt[0] = big_endian(salts);
    wal->salt[1] = big_endian(salts + 4);
}

// Whether the frame's sum is right, going on from `sum`, which becomes what the frame says.
static int check_frame(struct varve_sqlite_wal *wal, uint32_t frame,
                       const uint8_t header[FRAME_HEADER], uint32_t sum[2], bool *whole)
{
    add_up(wal, sum, header, 8);
    int rc = add_up_page(wal, sum, frame);

    *whole = has_salts(wal, header) && sum[0] == big_endian(header + 16) &&
             sum[1] == big_endian(header + 20);
    sum[0] = big_endian(header + 16);
    sum[1] = big_endian(header + 20);
    return rc;
}

// The header of the file. Returns 0 or an error of reading; wal->sound says whether it is whole.
static int read_header(struct varve_sqlite_wal *wal, uint32_t page)
{
    uint8_t h[WAL_HEADER];
    uint32_t sum[2] = {0, 0};
    int rc = read_all(&wal->file, &wal->failed, 0, h, sizeof h);

    if (rc < 0) {
        return rc;
    }
    wal->little = big_endian(h) == MAGIC_LITTLE;
    add_up(wal, sum, h, 24);
    wal->seed[0] = big_endian(h + 24);
    wal->seed[1] = big_endian(h + 28);
    wal->sound = (wal->little || big_endian(h) == MAGIC_BIG) && sum[0] == wal->seed[0] &&
                 sum[1] == wal->seed[1] && is_page_size(big_endian(h + 8));
    wal->page = wal->sound ? big_endian(h + 8) : page;
    take_salts(wal, h + 16);
    return 0;
}

// What a damaged header does not say for sure, frames do: those that two of them agree on, or one
// and the header, since no sum covers salts. Rounds begin at the front: the first ones are the last
// round's.
static int find_salts(struct varve_sqlite_wal *wal)
{
    uint8_t header[FRAME_HEADER];
    uint32_t sum[2] = {wal->seed[0], wal->seed[1]};
    uint32_t before[2] = {wal->salt[0], wal->salt[1]};
    bool agreed = false;
    int rc = 0;

    wal->little = true; // as varve's processors write it, but for big-endian ones
    for (uint32_t i = 0; rc == 0 && !agreed && i < wal->frames; i++) {
        bool whole = false;
        rc = read_frame(wal, i, header);
        take_salts(wal, header + 8);
        rc = rc == 0 ? check_frame(wal, i, header, sum, &whole) : rc;
        agreed = whole && memcmp(wal->salt, before, sizeof before) == 0;
        if (whole) {
            memcpy(before, wal->salt, sizeof before);
        }
    }
    memcpy(wal->salt, before, sizeof before);
    return rc;
}

static int walk(struct varve_sqlite_wal *wal)
{
    uint32_t sum[2] = {wal->seed[0], wal->seed[1]};
    uint32_t commits_behind = 0; // commits from the first damaged frame on
    bool accepted = wal->sound;  // SQLite takes nothing behind a damaged header
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < wal->frames; i++) {
        uint8_t header[FRAME_HEADER];
        bool whole = false;
        rc = read_frame(wal, i, header);
        if (rc == 0 && accepted) {
            rc = check_frame(wal, i, header, sum, &whole);
        }
        const bool commits = has_salts(wal, header) && big_endian(header + 4) != 0;
        accepted = accepted && whole;
        wal->valid = accepted && commits ? i + 1 : wal->valid;
        wal->end = commits ? i + 1 : wal->end;
        commits_behind += !accepted && commits;
    }
    wal->damaged = commits_behind >= 2;
    return rc;
}

int varve_sqlite_wal_open(struct varve_sqlite_wal *wal, struct varve_ledger_account *account,
                          const char *store, uint32_t page)
{
    char path[VARVE_PATH_TEXT];

    memset(wal, 0, sizeof *wal);
    if (varve_format(path, sizeof path, "%s-wal", store) >= sizeof path) {
        return VARVE_E_TOO_BIG;
    }
    int rc = varve_file_open(&wal->file, account, path, 0);
    if (rc < 0) {
        return rc == VARVE_E_NOT_FOUND ? 0 : rc;
    }
    wal->there = true;
    const int64_t size = varve_file_size(&wal->file);
    rc = size < 0 ? (int)size : read_header(wal, page);
    if (rc == 0 && size > (int64_t)WAL_HEADER) {
        const int64_t frames = (size - WAL_HEADER) / (wal->page + FRAME_HEADER);
        wal->frames = frames > UINT32_MAX ? UINT32_MAX : (uint32_t)frames;
        rc = wal->sound ? 0 : find_salts(wal);
        rc = rc == 0 ? walk(wal) : rc;
    }
    if (rc < 0) {
        varve_sqlite_wal_close(wal);
    }
    return rc;
}

void varve_sqlite_wal_close(struct varve_sqlite_wal *wal)
{
    if (wal->there) {
        varve_file_close(&wal->file);
    }
    wal->there = false;
    wal->end = 0;
}

uint32_t varve_sqlite_wal_page(struct varve_sqlite_wal *wal, uint32_t frame)
{
    uint8_t header[FRAME_HEADER];

    if (!wal->there || frame >= wal->end || read_frame(wal, frame, header) < 0) {
        return 0;
    }
    return has_salts(wal, header) ? big_endian(header) : 0;
}

bool varve_sqlite_wal_is_whole(struct varve_sqlite_wal *wal, uint32_t frame)
{
    uint8_t header[FRAME_HEADER];
    uint32_t sum[2] = {wal->seed[0], wal->seed[1]};
    bool whole = false;

    if (frame > 0 && read_frame(wal, frame - 1, header) == 0) {
        sum[0] = big_endian(header + 16);
        sum[1] = big_endian(header + 20);
    }
    return read_frame(wal, frame, header) == 0 &&
           check_frame(wal, frame, header, sum, &whole) == 0 && whole;
}

// ---- pages --------------------------------------------------------------------------------------

static int64_t offset_of(const struct varve_sqlite_pages *p, struct varve_sqlite_spot spot)
{
    return spot.in_wal ? frame_offset(&p->wal, spot.number) + FRAME_HEADER
                       : ((int64_t)spot.number - 1) * p->page;
}

int varve_sqlite_pages_read(struct varve_sqlite_pages *p, struct varve_sqlite_spot spot,
                            uint32_t at, void *buf, uint32_t len)
{
    if (at + len > p->page || (spot.in_wal ? !p->wal.there : !p->there)) {
        return VARVE_E_CORRUPT;
    }
    return read_all(spot.in_wal ? &p->wal.file : &p->db, &p->failed, offset_of(p, spot) + at, buf,
                    len);
}

struct varve_sqlite_spot varve_sqlite_pages_find(struct varve_sqlite_pages *p, uint32_t number)
{
    struct varve_sqlite_spot spot = {.number = number};

    if (p->newest != NULL) {
        (void)sqlite3_bind_int64(p->newest, 1, number); // the parameter exists
        if (sqlite3_step(p->newest) == SQLITE_ROW) {
            spot = (struct varve_sqlite_spot){(uint32_t)sqlite3_column_int64(p->newest, 0), true};
        }
        (void)sqlite3_reset(p->newest); // repeats the code of step
    }
    return spot;
}

// ---- blocks -------------------------------------------------------------------------------------

enum way {
    BY_LINKS,
    NEARBY_LINKS,
    IN_A_ROW,
    WAYS
};

// The frame with that page next to another.
static struct varve_sqlite_spot find_nearby(struct varve_sqlite_pages *p, uint32_t frame,
                                            uint32_t number)
{
    for (uint32_t far = 1; far <= NEARBY; far++) {
        if (varve_sqlite_wal_page(&p->wal, frame + far) == number) {
            return (struct varve_sqlite_spot){frame + far, true};
        }
        if (far <= frame && varve_sqlite_wal_page(&p->wal, frame - far) == number) {
            return (struct varve_sqlite_spot){frame - far, true};
        }
    }
    return varve_sqlite_pages_find(p, number);
}

static struct varve_sqlite_spot next_of(struct varve_sqlite_pages *p, struct varve_sqlite_spot spot,
                                        uint32_t link, enum way way)
{
    switch (way) {
    case BY_LINKS:
        return varve_sqlite_pages_find(p, link);
    case NEARBY_LINKS:
        return spot.in_wal ? find_nearby(p, spot.number, link)
                           : (struct varve_sqlite_spot){.number = link};
    default:
        return (struct varve_sqlite_spot){spot.number + 1, spot.in_wal};
    }
}

static int gather(struct varve_sqlite_pages *p, struct varve_sqlite_spot spot, uint32_t length,
                  enum way way, uint8_t *buf)
{
    const uint32_t room = p->page - 4;
    int rc = 0;

    for (uint32_t done = 0; rc == 0 && done < length; done += room) {
        const uint32_t left = length - done;
        uint8_t link[4];
        rc = varve_sqlite_pages_read(p, spot, 4, buf + done, left < room ? left : room);
        if (rc == 0 && left > room) {
            rc = varve_sqlite_pages_read(p, spot, 0, link, sizeof link);
            const uint32_t number = rc == 0 ? big_endian(link) : 0;
            rc = rc == 0 && number == 0 && way != IN_A_ROW ? VARVE_E_CORRUPT : rc;
            spot = rc == 0 ? next_of(p, spot, number, way) : spot;
        }
    }
    return rc;
}

int varve_sqlite_pages_chain(struct varve_sqlite_pages *p, uint32_t first, uint32_t length,
                             uint8_t *buf)
{
    return first == 0 ? VARVE_E_CORRUPT
                      : gather(p, varve_sqlite_pages_find(p, first), length, BY_LINKS, buf);
}

uint32_t varve_sqlite_pages_block(struct varve_sqlite_pages *p, struct varve_sqlite_spot spot)
{
    uint8_t header[VARVE_BLOCK_HEADER];

    if (varve_sqlite_pages_read(p, spot, 4, header, sizeof header) < 0 ||
        little_endian(header) != VARVE_BLOCK_MAGIC) {
        return 0;
    }
    const uint32_t length = little_endian(header + 8);
    return length >= VARVE_BLOCK_HEADER && length <= VARVE_BLOCK_MAX ? length : 0;
}

bool varve_sqlite_pages_take(struct varve_sqlite_pages *p, struct varve_sqlite_spot spot,
                             uint32_t length, void *buf)
{
    for (enum way way = BY_LINKS; way < WAYS; way++) {
        if (gather(p, spot, length, way, buf) == 0 && varve_block_is_whole(buf, length)) {
            return true;
        }
    }
    return false;
}

// ---- the page size ------------------------------------------------------------------------------

static void set_page(struct varve_sqlite_pages *p, uint32_t page, int64_t size)
{
    p->page = page;
    p->count = size < 0 || page == 0 ? 0 : (uint32_t)((size + page - 1) / page);
}

// Bytes of whole blocks, were the pages of this size.
static uint64_t whole_bytes(struct varve_sqlite_pages *p, uint32_t page, int64_t size, void *buf)
{
    uint64_t sum = 0;

    set_page(p, page, size);
    for (uint32_t i = 2; i <= p->count; i++) {
        const struct varve_sqlite_spot spot = {.number = i};
        const uint32_t length = varve_sqlite_pages_block(p, spot);
        sum += length > 0 && varve_sqlite_pages_take(p, spot, length, buf) ? length : 0;
    }
    return sum;
}

// What the header says, if the header looks like one.
static uint32_t stated(struct varve_sqlite_pages *p)
{
    static const uint8_t fractions[3] = {64, 32, 32};
    uint8_t h[100];

    if (read_all(&p->db, &p->failed, 0, h, sizeof h) < 0 || memcmp(h, "SQLite format 3", 16) != 0 ||
        h[20] != 0 || memcmp(h + 21, fractions, sizeof fractions) != 0) {
        return 0;
    }
    const uint32_t page = h[16] == 0 && h[17] == 1 ? PAGE_MAX : (uint32_t)h[16] << 8 | h[17];
    return is_page_size(page) ? page : 0;
}

// Small blocks, of one page, are whole in smaller sizes, too, and in every second page in larger
// ones: of sizes that are equally good the header's counts, then the configuration's, then the
// largest. Where these two agree nothing else is tried.
static uint32_t choose(struct varve_sqlite_pages *p, uint32_t likely, int64_t size, void *buf)
{
    const uint32_t said = stated(p);
    uint32_t best = said != 0 ? said : likely;
    uint64_t most = whole_bytes(p, best, size, buf);
    const uint64_t by_likely = best == likely ? most : whole_bytes(p, likely, size, buf);

    if (said == likely && most > 0) {
        return best;
    }
    best = by_likely > most ? likely : best;
    most = by_likely > most ? by_likely : most;
    for (uint32_t page = PAGE_MAX; page >= PAGE_MIN; page /= 2) {
        const uint64_t sum = page == likely || page == said ? 0 : whole_bytes(p, page, size, buf);
        best = sum > most ? page : best;
        most = sum > most ? sum : most;
    }
    return best;
}

int varve_sqlite_pages_open(struct varve_sqlite_pages *p, struct varve_ledger_account *account,
                            const char *path, uint32_t likely, void *buf)
{
    memset(p, 0, sizeof *p);
    int rc = varve_file_open(&p->db, account, path, 0);
    if (rc < 0) {
        return rc;
    }
    p->there = true;
    const int64_t size = varve_file_size(&p->db);
    if (size < 0) {
        varve_sqlite_pages_close(p);
        return (int)size;
    }
    set_page(p, choose(p, likely, size, buf), size);
    return 0;
}

void varve_sqlite_pages_agree(struct varve_sqlite_pages *p, void *buf)
{
    const uint32_t own = p->page;

    if (!p->wal.there || p->wal.page == own) {
        return;
    }
    const int64_t size = varve_file_size(&p->db);
    const uint64_t by_wal = whole_bytes(p, p->wal.page, size, buf);
    const uint64_t by_own = whole_bytes(p, own, size, buf);
    if (by_wal >= by_own) {
        set_page(p, p->wal.page, size);
    } else {
        varve_sqlite_wal_close(&p->wal);
    }
}

void varve_sqlite_pages_close(struct varve_sqlite_pages *p)
{
    varve_sqlite_wal_close(&p->wal);
    if (p->there) {
        varve_file_close(&p->db);
    }
    p->there = false;
}
