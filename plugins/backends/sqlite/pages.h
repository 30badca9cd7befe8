// SPDX-License-Identifier: Apache-2.0
// The pages of a damaged store, without SQLite: from its file, and from the WAL beside it. See
// pages.c.
//
// Threading: one task.
#ifndef VARVE_SQLITE_PAGES_H
#define VARVE_SQLITE_PAGES_H

#include <sqlite3.h>

#include "varve/block.h"
#include "varve/storage.h"

// What is known of a WAL.
struct varve_sqlite_wal {
    struct varve_file file;
    bool there;
    bool sound;       // its header is whole
    bool little;      // words of the checksum are little-endian
    uint32_t page;    // bytes of a page; 0: the header does not say
    uint32_t salt[2]; // of the frames that count
    uint32_t seed[2]; // checksum that the first frame goes on from
    uint32_t frames;  // that the file has room for
    uint32_t valid;   // frames that SQLite accepts
    uint32_t end;     // frames up to the last commit with the right salts
    bool damaged;     // a transaction is damaged that is followed by another
    int failed;       // the last error of reading; 0: none
};

struct varve_sqlite_pages {
    struct varve_file db;
    bool there;
    uint32_t page;  // bytes of a page
    uint32_t count; // pages of the database file
    int failed;     // the last error of reading; 0: none
    struct varve_sqlite_wal wal;
    sqlite3_stmt *newest; // ?1 page -> the newest whole frame of it; NULL: there is no WAL
};

// Where a page is.
struct varve_sqlite_spot {
    uint32_t number; // of the page, from 1; of the frame, from 0
    bool in_wal;
};

// Looks at the WAL beside a store. Returns 0, also when there is none, or an error of reading.
// `page` is the page size to assume when the WAL's own header does not say.
int varve_sqlite_wal_open(struct varve_sqlite_wal *wal, struct varve_ledger_account *account,
                          const char *store, uint32_t page);
void varve_sqlite_wal_close(struct varve_sqlite_wal *wal);

// Page number of a frame of the WAL; 0: its salts are not right, or it is behind the last commit.
uint32_t varve_sqlite_wal_page(struct varve_sqlite_wal *wal, uint32_t frame);
// Whether the frame is as it was written, by its checksum.
bool varve_sqlite_wal_is_whole(struct varve_sqlite_wal *wal, uint32_t frame);

// Opens the file of a store, and finds its page size: the one in which most blocks are whole; where
// several are equally good what the header says, then `likely`. `buf` has VARVE_BLOCK_MAX bytes.
int varve_sqlite_pages_open(struct varve_sqlite_pages *p, struct varve_ledger_account *account,
                            const char *path, uint32_t likely, void *buf);
// When p->wal has been opened and has another page size: it has a checksum, the database's header
// has none. It counts when as much is whole with it; else the WAL is of something else, and closed.
void varve_sqlite_pages_agree(struct varve_sqlite_pages *p, void *buf);
void varve_sqlite_pages_close(struct varve_sqlite_pages *p);

// The newest whole state of a page.
struct varve_sqlite_spot varve_sqlite_pages_find(struct varve_sqlite_pages *p, uint32_t number);

// Reads up to `len` bytes at `at` of a page; what is behind the end of the file is zeros. Returns 0
// or an error.
int varve_sqlite_pages_read(struct varve_sqlite_pages *p, struct varve_sqlite_spot spot,
                            uint32_t at, void *buf, uint32_t len);

// Whether a block seems to begin on this page; its length.
uint32_t varve_sqlite_pages_block(struct varve_sqlite_pages *p, struct varve_sqlite_spot spot);
// Copies the block of that length that begins there, and says whether it is whole.
bool varve_sqlite_pages_take(struct varve_sqlite_pages *p, struct varve_sqlite_spot spot,
                             uint32_t length, void *buf);
// Copies `length` bytes of a chain of overflow pages.
int varve_sqlite_pages_chain(struct varve_sqlite_pages *p, uint32_t first, uint32_t length,
                             uint8_t *buf);

#endif
