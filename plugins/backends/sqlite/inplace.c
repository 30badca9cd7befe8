// SPDX-License-Identifier: Apache-2.0
// journal = inplace: an expired slot is overwritten without a journal.
//
// SQLite is not asked to do it with its journal switched off: changing the journal mode of a
// connection that has written is what corrupts. SQLite always works with a rollback journal
// (PERSIST); this file writes a block into the overflow pages of its slot by itself, through the
// same file, behind SQLite's back. That is safe because of what these pages are:
//
//   - each begins with the number of the next one, which is never written here, so that no pointer
//     of any B-tree, no leaf, no freelist and not page 1 ever changes;
//   - the slot has expired or is free, and SQLite has no transaction open, so that no journal can
//     hold these pages; what a cut tears is one block, and every block has its CRC;
//   - a block is written with its header zeroed, so that its slot counts as free; commit() writes
//     the headers - into pages that wait for the same sync - and syncs once. So abort() has nothing
//     to undo.
//
// Everything else - new slots, larger ones, dictionary, events, tiers - is an ordinary transaction
// of SQLite's, with its journal; new slots are made several at a time (slots.c) to keep such
// transactions rare. A block that comes while one is open goes through it as well.
//
// SQLite's cache does not see these writes. It is emptied of them by varve_sqlite_catch_up() before
// SQLite reads or writes again; the blocks themselves are read from the file here.
//
// Where a slot's pages are is found as in SQLite's file format: from the root page of table slot
// down to the leaf with the row, whose cell ends with the number of the first overflow page. It is
// remembered in the index until the row changes.
//
// Threading: the instance's lock.

#include <string.h>

#include "layout.h"
#include "store.h"

#define INTERIOR        0x05u // type of a page of a table's B-tree
#define LEAF            0x0du
#define INTERIOR_HEADER 12
#define LEAF_HEADER     8
#define DEPTH_MAX       20
#define CELL_MAX        24 // bytes of a cell before its payload, rounded up

// ---- the file format ----------------------------------------------------------------------------

static int corrupt(struct varve_sqlite_store *s, const char *what)
{
    varve_instance_fail(s->self, "%s: %s", s->path, what);
    return VARVE_E_CORRUPT;
}

static uint32_t big_endian(const uint8_t *p, size_t n)
{
    uint32_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v = v << 8 | p[i];
    }
    return v;
}

// A varint of SQLite's; returns its length.
static size_t varint(const uint8_t *p, uint64_t *v)
{
    *v = 0;
    for (size_t i = 0; i < 8; i++) {
        *v = *v << 7 | (p[i] & 0x7fu);
        if (p[i] < 0x80) {
            return i + 1;
        }
    }
    *v = *v << 8 | p[8];
    return 9;
}

// Reads `len` bytes at `at` of page `number`.
static int read_page(struct varve_sqlite_store *s, uint32_t number, uint32_t at, void *buf,
                     uint32_t len)
{
    const int64_t offset = ((int64_t)number - 1) * s->page + at;
    struct varve_file *file = varve_sqlite_vfs_database(&s->vfs);

    if (number == 0 || at + len > s->page || file == NULL) {
        return corrupt(s, "a slot's page number is none");
    }
    const int64_t n = varve_file_read(file, offset, buf, len);
    if (n < 0) {
        return (int)n;
    }
    return n == len ? 0 : corrupt(s, "a slot's page is behind the end of the file");
}

// One page of the B-tree that is being walked.
struct node {
    uint32_t page;
    bool leaf;
    uint32_t cells;
    uint32_t right; // interior: the child behind the last cell
};

static int read_node(struct varve_sqlite_store *s, uint32_t page, struct node *node)
{
    uint8_t header[INTERIOR_HEADER] = {0};
    int rc = read_page(s, page, 0, header, sizeof header);

    if (rc == 0 && header[0] != INTERIOR && header[0] != LEAF) {
        rc = corrupt(s, "table slot has a page of another kind");
    }
    *node = (struct node){page, header[0] == LEAF, big_endian(header + 3, 2),
                          big_endian(header + 8, 4)};
    return rc;
}

// The key of cell `i`, and where its payload (leaf) or the cell itself (interior) begins.
static int read_cell(struct varve_sqlite_store *s, const struct node *node, uint32_t i,
                     uint64_t *key, uint32_t *at)
{
    uint8_t pointer[2] = {0}, cell[CELL_MAX] = {0};
    uint64_t payload;
    int rc = read_page(s, node->page, (node->leaf ? LEAF_HEADER : INTERIOR_HEADER) + 2 * i, pointer,
                       sizeof pointer);

    *at = big_endian(pointer, 2);
    const uint32_t left = *at < s->page ? s->page - *at : 0;
    rc = rc == 0 ? read_page(s, node->page, *at, cell, left < CELL_MAX ? left : CELL_MAX) : rc;
    if (rc == 0 && node->leaf) {
        size_t n = varint(cell, &payload);
        *at += (uint32_t)(n + varint(cell + n, key));
    } else if (rc == 0) {
        (void)varint(cell + 4, key); // behind the child's number
    }
    return rc;
}

// The first cell whose key is not less than the row's; node->cells when there is none.
static int find_cell(struct varve_sqlite_store *s, const struct node *node, uint64_t row,
                     uint32_t *found, uint64_t *key, uint32_t *at)
{
    uint32_t low = 0, high = node->cells;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        int rc = read_cell(s, node, middle, key, at);
        if (rc < 0) {
            return rc;
        }
        if (*key < row) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *found = low;
    return low < node->cells ? read_cell(s, node, low, key, at) : 0;
}

// Goes from the root to the leaf with the row; *at is where the payload of its cell begins.
static int find_leaf(struct varve_sqlite_store *s, uint64_t row, struct node *node, uint32_t *at)
{
    uint64_t key = 0;
    uint32_t i;
    int rc = read_node(s, s->slot_root, node);

    for (int depth = 0; rc == 0 && depth < DEPTH_MAX; depth++) {
        rc = find_cell(s, node, row, &i, &key, at);
        if (rc < 0) {
            return rc;
        }
        if (node->leaf) {
            return i < node->cells && key == row ? 0
                                                 : corrupt(s, "a slot's row is not in its leaf");
        }
        uint32_t child = node->right;
        if (i < node->cells) {
            uint8_t number[4] = {0};
            rc = read_page(s, node->page, *at, number, sizeof number);
            child = big_endian(number, 4);
        }
        rc = rc == 0 ? read_node(s, child, node) : rc;
    }
    return rc < 0 ? rc : corrupt(s, "table slot is too deep");
}

// Makes sure that the entry knows its first overflow page.
static int find_first(struct varve_sqlite_store *s, struct varve_sqlite_entry *e)
{
    struct node leaf;
    uint8_t number[4] = {0};
    uint32_t at;

    if (e->first != 0) {
        return 0;
    }
    int rc = find_leaf(s, (uint64_t)varve_sqlite_row(s, e->tier, e->slot), &leaf, &at);
    const uint32_t local = (s->page - 12) * 32 / 255 - 23; // bytes of the row that are in the leaf
    rc = rc == 0 ? read_page(s, leaf.page, at + local, number, sizeof number) : rc;
    if (rc == 0) {
        e->first = big_endian(number, 4);
    }
    return rc;
}

// ---- blocks in pages ----------------------------------------------------------------------------

static int read_chain(struct varve_sqlite_store *s, uint32_t page, uint8_t *buf, uint32_t len)
{
    int rc = 0;

    for (uint32_t done = 0; rc == 0 && done < len;) {
        uint8_t next[4] = {0};
        const uint32_t left = len - done;
        const uint32_t n = left < s->page - 4 ? left : s->page - 4;
        rc = read_page(s, page, 4, buf + done, n);
        done += n;
        if (rc == 0 && done < len) {
            rc = read_page(s, page, 0, next, sizeof next);
            page = big_endian(next, 4);
        }
    }
    return rc;
}

static int write_page(struct varve_sqlite_store *s, uint32_t page, uint32_t at, const void *bytes,
                      uint32_t len)
{
    const int64_t offset = ((int64_t)page - 1) * s->page + at;
    int rc =
        varve_file_write(varve_sqlite_vfs_database(&s->vfs), offset, bytes, len, VARVE_WRITE_DATA);

    if (rc < 0) {
        varve_instance_fail(s->self, "%s: cannot write a block: %s", s->path, varve_strerror(rc));
    }
    return rc;
}

// Writes the block without its header, whose place is zeroed.
static int write_body(struct varve_sqlite_store *s, uint32_t page, const uint8_t *block,
                      uint32_t len)
{
    static const uint8_t zeros[VARVE_BLOCK_HEADER];
    const uint32_t room = s->page - 4;
    uint32_t n = len < room ? len : room;
    uint8_t next[4] = {0};
    int rc = write_page(s, page, 4, zeros, sizeof zeros);

    rc = rc == 0 ? write_page(s, page, 4 + VARVE_BLOCK_HEADER, block + VARVE_BLOCK_HEADER,
                              n - VARVE_BLOCK_HEADER)
                 : rc;
    for (uint32_t done = n; rc == 0 && done < len; done += n) {
        rc = read_page(s, page, 0, next, sizeof next);
        page = big_endian(next, 4);
        n = len - done < room ? len - done : room;
        if (rc == 0 && (page < 2 || page == s->slot_root)) {
            rc = corrupt(s, "a slot has fewer pages than it should");
        }
        rc = rc == 0 ? write_page(s, page, 4, block + done, n) : rc;
    }
    return rc;
}

bool varve_sqlite_inplace_can(const struct varve_sqlite_store *s,
                              const struct varve_sqlite_entry *e, unsigned pages)
{
    return s->options->journal == VARVE_SQLITE_INPLACE && !s->in_txn && e->pages >= pages &&
           s->pending_count < VARVE_SQLITE_PENDING;
}

int varve_sqlite_inplace_write(struct varve_sqlite_store *s, struct varve_sqlite_entry *e,
                               const struct varve_put *put)
{
    int rc = find_first(s, e);

    s->behind = true;
    if (rc == 0 && (e->first < 2 || put->length > (uint32_t)e->pages * (s->page - 4))) {
        rc = corrupt(s, "a slot has no pages of its own");
    }
    rc = rc == 0 ? write_body(s, e->first, put->block, put->length) : rc;
    if (rc == 0) {
        struct varve_sqlite_pending *p = &s->pending[s->pending_count++];
        p->page = e->first;
        memcpy(p->header, put->block, VARVE_BLOCK_HEADER);
    }
    return rc;
}

int varve_sqlite_inplace_commit(struct varve_sqlite_store *s)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < s->pending_count; i++) {
        rc = write_page(s, s->pending[i].page, 4, s->pending[i].header, VARVE_BLOCK_HEADER);
    }
    if (rc == 0 && s->pending_count > 0) {
        rc = s->options->sync == 0 ? varve_file_sync(varve_sqlite_vfs_database(&s->vfs)) : 0;
        if (rc < 0) {
            varve_instance_fail(s->self, "%s: cannot sync: %s", s->path, varve_strerror(rc));
        }
    }
    if (rc == 0) {
        s->pending_count = 0;
    }
    return rc;
}

// The bodies that were written stay where they are, in slots that count as free. Headers that a
// failed commit has written are taken back, as far as the file still lets itself be written.
void varve_sqlite_inplace_abort(struct varve_sqlite_store *s)
{
    static const uint8_t zeros[VARVE_BLOCK_HEADER];

    for (size_t i = 0; i < s->pending_count; i++) {
        (void)write_page(s, s->pending[i].page, 4, zeros, sizeof zeros); // the host tries it again
    }
    s->pending_count = 0;
}

void varve_sqlite_inplace_forget(struct varve_sqlite_store *s, struct varve_sqlite_entry *e)
{
    for (size_t i = 0; i < s->pending_count; i++) {
        if (s->pending[i].page == e->first) {
            s->pending[i] = s->pending[--s->pending_count];
            break;
        }
    }
    e->first = 0;
    e->place = 0;
    e->flags = 0;
}

int varve_sqlite_inplace_read(struct varve_sqlite_store *s, struct varve_sqlite_entry *e, void *buf,
                              uint32_t len)
{
    int rc = find_first(s, e);

    rc = rc == 0 ? read_chain(s, e->first, buf, len) : rc;
    // A block that is not committed has no header in the file yet.
    for (size_t i = 0; rc == 0 && i < s->pending_count; i++) {
        if (s->pending[i].page == e->first) {
            memcpy(buf, s->pending[i].header, len < VARVE_BLOCK_HEADER ? len : VARVE_BLOCK_HEADER);
        }
    }
    return rc;
}

void varve_sqlite_catch_up(struct varve_sqlite_store *s)
{
    if (s->behind) {
        varve_sqlite_reader_close(s);
        (void)sqlite3_db_release_memory(s->db); // drops the clean pages: always SQLITE_OK
        s->behind = false;
    }
}
