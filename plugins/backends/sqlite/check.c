// SPDX-License-Identifier: Apache-2.0
// The check of a store: SQLite's own quick_check of the file, then every block with its CRC.
//
// A repair frees the slots whose blocks cannot be read; what quick_check finds is only told.
//
// Threading: the instance's lock.

#include "store.h"
#include "varve/host.h"

static void say(struct varve_sqlite_store *s, struct varve_check *check, const char *what)
{
    char text[VARVE_PATH_TEXT + VARVE_MESSAGE_TEXT];

    (void)varve_format(text, sizeof text, "%s: %s", s->path, what); // cut short it is still a line
    check->say(check->arg, text);
}

int varve_sqlite_quick_check(struct varve_sqlite_store *s, struct varve_check *check)
{
    int lines = 0;
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(s->db, SQL_QUICK_CHECK, -1, &stmt, NULL);

    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
        const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
        if (text != NULL && sqlite3_stricmp(text, "ok") != 0) {
            lines++;
            if (check != NULL) {
                check->damaged++;
                say(s, check, text);
            }
        }
    }
    (void)sqlite3_finalize(stmt); // repeats the code of step
    rc = varve_sqlite_check(s, rc, "check the database");
    return rc < 0 ? rc : lines;
}

static int check_block(struct varve_sqlite_store *s, struct varve_check *check,
                       struct varve_sqlite_entry *e)
{
    struct varve_block_info info;
    char text[VARVE_MESSAGE_TEXT];
    int rc =
        e->length > VARVE_BLOCK_MAX ? VARVE_E_CORRUPT : varve_sqlite_slot_read(s, e, check->buf);
    const int found = rc < 0 ? rc : varve_block_open(check->buf, (size_t)rc, &info);

    if (found == 0) {
        check->tiers[e->tier].blocks++;
        check->tiers[e->tier].bytes += e->length;
        return 0;
    }
    if (found != VARVE_E_CORRUPT) {
        return found;
    }
    check->tiers[e->tier].damaged++;
    (void)varve_format(text, sizeof text, "tier %s: block %u in slot %u is damaged%s",
                       s->tiers[e->tier].tier.name, e->key.seq, e->slot,
                       (check->flags & VARVE_CHECK_REPAIR) != 0 ? ", removed" : "");
    say(s, check, text);
    return VARVE_E_CORRUPT;
}

// One slot. A slot without a block matters only when some slot's header is damaged: it may be this.
static int check_slot(struct varve_sqlite_store *s, struct varve_check *check,
                      struct varve_sqlite_entry *e)
{
    const bool repair = (check->flags & VARVE_CHECK_REPAIR) != 0;
    int rc = e->length > 0 ? check_block(s, check, e) : 0;
    const bool clear = rc == VARVE_E_CORRUPT || (e->length == 0 && s->damaged > 0);

    rc = rc == VARVE_E_CORRUPT ? 0 : rc;
    if (rc == 0 && repair && clear) {
        rc = varve_sqlite_slot_clear(s, e);
        check->repaired += rc == 0 && e->length > 0;
    }
    return rc;
}

static int check_slots(struct varve_sqlite_store *s, struct varve_check *check)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < s->index.count; i++) {
        struct varve_sqlite_entry entry = s->index.entries[i];
        rc = check_slot(s, check, &entry);
    }
    if (rc == 0 && s->damaged > 0) {
        say(s, check, "slots with a damaged header are used again");
        check->damaged += s->damaged;
        check->repaired += (check->flags & VARVE_CHECK_REPAIR) != 0 ? s->damaged : 0;
    }
    return rc;
}

static int check_names(struct varve_sqlite_store *s, struct varve_check *check)
{
    char text[VARVE_MESSAGE_TEXT];
    int64_t damaged = 0;
    int rc = varve_sqlite_bad_names(s, &damaged);

    if (rc == 0 && damaged > 0) {
        (void)varve_format(text, sizeof text, "the names of %lld series are damaged",
                           (long long)damaged);
        say(s, check, text);
        check->damaged += (uint32_t)damaged;
    }
    return rc;
}

int varve_sqlite_check_store(struct varve_instance *self, struct varve_check *check)
{
    struct varve_sqlite_store *s = varve_sqlite_of(self);
    int64_t series = 0;

    if (s->in_txn) {
        return VARVE_E_BUSY; // what is not committed cannot be checked
    }
    int rc = varve_sqlite_quick_check(s, check);
    rc = rc > 0 ? 0 : rc;
    rc = rc == 0 ? varve_sqlite_integer(s, SQL_SERIES_COUNT, &series) : rc;
    check->records = (uint32_t)series + (uint32_t)s->event_count;
    rc = rc == 0 ? check_names(s, check) : rc;
    rc = rc == 0 ? check_slots(s, check) : rc;
    if (!s->in_txn) {
        return rc;
    }
    rc = rc == 0 ? varve_sqlite_commit(self) : rc;
    if (rc < 0) {
        varve_sqlite_abort(self);
    }
    s->stale = true; // slots have become free
    return rc;
}
