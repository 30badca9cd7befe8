// SPDX-License-Identifier: Apache-2.0
// The VFS: SQLite's files on varve's counted storage, so that the same store runs wherever the port
// has files, and no write escapes the ledger.
//
// Locks. SQLite's own VFS for POSIX locks bytes of the 512 at 0x40000000 in the database. This one
// takes all of them at the first lock that SQLite asks for and keeps them until the file is closed:
// exclusively on a file opened for writing, so that neither a second daemon nor the sqlite3 shell
// can touch a live store; shared on a file opened for reading. There are no shared-memory methods:
// with locking_mode=EXCLUSIVE the index of the WAL is on the heap.
//
// Growth. The database (once SQLITE_FCNTL_CHUNK_SIZE is set) and the WAL grow by whole chunks,
// allocated ahead, so that a sync in between is a data sync without metadata. SQLite takes the
// zeros behind the last frame of a WAL for its end. A chunk that cannot be had is no error: the
// write itself will tell.
//
// Read-only. Nothing is written or removed; a WAL that is not there looks empty. After a crash
// SQLite then rebuilds the index of the WAL on the heap and reads through it.
//
// Threading: one connection uses it, under its instance's lock.

#include <string.h>

#include "varve/block.h"
#include "vfs.h"

#define LOCK_OFFSET 0x40000000
#define LOCK_BYTES  512
#define WAL_CHUNK   (256 * 1024)
#define SECTOR      4096
#define JULIAN_1970 210866760000000LL // ms from the Julian epoch to 1970

enum role {
    ROLE_MAIN,
    ROLE_WAL,
    ROLE_JOURNAL,
    ROLE_BACKUP, // written once, synced by the host, seen by nobody before it is renamed
};

struct varve_sqlite_file {
    sqlite3_file base;
    struct varve_sqlite_vfs *vfs;
    struct varve_sqlite_file *next;
    struct varve_file file;
    const char *path; // SQLite keeps it until xClose
    enum role role;
    bool absent;        // a WAL that does not exist, opened for reading
    bool created;       // the directory entry is not durable yet
    bool locked;        // the lock bytes are held
    bool checkpointing; // writes come from a checkpoint
    int64_t size;       // bytes, as far as this connection knows
    int64_t chunk;      // growth unit in bytes; 0: exact
};

static struct varve_sqlite_file *file_of(sqlite3_file *f)
{
    return (struct varve_sqlite_file *)(void *)f;
}

// Keeps varve's code for the message and gives SQLite its own. Only SQLITE_FULL and SQLITE_IOERR
// make SQLite forget what its cache has of a transaction that failed: after SQLITE_READONLY from a
// filesystem that was remounted it would never write again.
static int failed(struct varve_sqlite_vfs *vfs, int code, int otherwise)
{
    vfs->error = code;
    switch (code) {
    case VARVE_E_NO_SPACE:
        return SQLITE_FULL;
    case VARVE_E_BUSY:
        return SQLITE_BUSY;
    default:
        return otherwise;
    }
}

static enum varve_write_reason reason_of(const struct varve_sqlite_file *f)
{
    if (f->role == ROLE_BACKUP) {
        return VARVE_WRITE_BACKUP;
    }
    if (f->role != ROLE_MAIN) {
        return VARVE_WRITE_JOURNAL;
    }
    return f->checkpointing ? VARVE_WRITE_CHECKPOINT : VARVE_WRITE_DATA;
}

// ---- methods of a file --------------------------------------------------------------------------

static int file_close(sqlite3_file *base)
{
    struct varve_sqlite_file *f = file_of(base);

    for (struct varve_sqlite_file **p = &f->vfs->files; *p != NULL; p = &(*p)->next) {
        if (*p == f) {
            *p = f->next;
            break;
        }
    }
    if (!f->absent) {
        varve_file_close(&f->file); // gives the lock back
    }
    return SQLITE_OK;
}

// Notes where a block begins, for who watches.
static void look(struct varve_sqlite_file *f, const uint8_t *page, int64_t len, int64_t offset)
{
    static const uint8_t magic[] = {VARVE_BLOCK_MAGIC & 0xff, VARVE_BLOCK_MAGIC >> 8 & 0xff,
                                    VARVE_BLOCK_MAGIC >> 16 & 0xff, VARVE_BLOCK_MAGIC >> 24};

    if (f->vfs->watching && len >= 8 && memcmp(page + 4, magic, sizeof magic) == 0) {
        f->vfs->sight = (struct varve_sqlite_sight){offset, f->role == ROLE_WAL};
        f->vfs->watching = false;
    }
}

static int file_read(sqlite3_file *base, void *buf, int len, sqlite3_int64 offset)
{
    struct varve_sqlite_file *f = file_of(base);
    int64_t n = f->absent ? 0 : varve_file_read(&f->file, offset, buf, (size_t)len);

    if (n < 0) {
        return failed(f->vfs, (int)n, SQLITE_IOERR_READ);
    }
    look(f, buf, n, offset);
    if (n < len) {
        memset((uint8_t *)buf + n, 0, (size_t)(len - n));
        return SQLITE_IOERR_SHORT_READ;
    }
    return SQLITE_OK;
}

static void reserve(struct varve_sqlite_file *f, int64_t size)
{
    if (f->chunk == 0 || size <= f->size) {
        return;
    }
    int64_t rounded = (size + f->chunk - 1) / f->chunk * f->chunk;
    if (varve_file_preallocate(&f->file, rounded) == 0) {
        f->size = rounded;
    }
}

static int file_write(sqlite3_file *base, const void *buf, int len, sqlite3_int64 offset)
{
    struct varve_sqlite_file *f = file_of(base);

    if (f->vfs->read_only) {
        return failed(f->vfs, VARVE_E_READ_ONLY, SQLITE_READONLY);
    }
    reserve(f, offset + len);
    int rc = varve_file_write(&f->file, offset, buf, (size_t)len, reason_of(f));
    if (rc < 0) {
        return failed(f->vfs, rc, SQLITE_IOERR_WRITE);
    }
    if (offset + len > f->size) {
        f->size = offset + len;
    }
    return SQLITE_OK;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct varve_sqlite_file *f = file_of(base);

    if (f->vfs->read_only) {
        return failed(f->vfs, VARVE_E_READ_ONLY, SQLITE_READONLY);
    }
    if (f->chunk > 0) {
        size = (size + f->chunk - 1) / f->chunk * f->chunk;
        if (size >= f->size) {
            return SQLITE_OK; // keep what is allocated ahead
        }
    }
    int rc = varve_file_truncate(&f->file, size);
    // Should a cut bring the old frames back, none of them may be missing: SQLite would take those
    // before for the newest state. What reserve() fills with zeros would be missing.
    rc = rc == 0 && f->role == ROLE_WAL ? varve_file_sync(&f->file) : rc;
    if (rc < 0) {
        return failed(f->vfs, rc, SQLITE_IOERR_TRUNCATE);
    }
    f->size = size;
    return SQLITE_OK;
}

static int file_sync(sqlite3_file *base, int flags)
{
    (void)flags; // full or normal make no difference here
    struct varve_sqlite_file *f = file_of(base);

    if (f->vfs->read_only || f->role == ROLE_BACKUP) {
        return SQLITE_OK;
    }
    int rc = varve_file_sync(&f->file);
    if (rc == 0 && f->created) {
        rc = varve_port_path_sync_dir(f->path);
        f->created = rc != 0;
    }
    return rc < 0 ? failed(f->vfs, rc, SQLITE_IOERR_FSYNC) : SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size)
{
    struct varve_sqlite_file *f = file_of(base);
    int64_t n = f->absent ? 0 : varve_file_size(&f->file);

    if (n < 0) {
        return failed(f->vfs, (int)n, SQLITE_IOERR_FSTAT);
    }
    f->size = n;
    *size = n;
    return SQLITE_OK;
}

int varve_sqlite_vfs_lock(struct varve_file *file, bool exclusive)
{
    int rc = varve_file_lock(file, LOCK_OFFSET, LOCK_BYTES, exclusive);

    return rc == VARVE_E_UNSUPPORTED ? 0 : rc; // a port without locks has one process
}

static int file_lock(sqlite3_file *base, int level)
{
    struct varve_sqlite_file *f = file_of(base);

    if (level == SQLITE_LOCK_NONE || f->locked || f->role != ROLE_MAIN) {
        return SQLITE_OK;
    }
    int rc = varve_sqlite_vfs_lock(&f->file, !f->vfs->read_only);
    if (rc < 0) {
        return failed(f->vfs, rc, SQLITE_IOERR_LOCK);
    }
    f->locked = true;
    return SQLITE_OK;
}

static int file_unlock(sqlite3_file *base, int level)
{
    (void)base; // the lock is kept until the file is closed
    (void)level;
    return SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *base, int *reserved)
{
    (void)base; // nobody else can have the file
    *reserved = 0;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int op, void *arg)
{
    struct varve_sqlite_file *f = file_of(base);

    switch (op) {
    case SQLITE_FCNTL_CHUNK_SIZE:
        f->chunk = *(int *)arg;
        return SQLITE_OK;
    case SQLITE_FCNTL_SIZE_HINT:
        reserve(f, *(sqlite3_int64 *)arg);
        return SQLITE_OK;
    case SQLITE_FCNTL_CKPT_START:
        f->checkpointing = true;
        return SQLITE_OK;
    case SQLITE_FCNTL_CKPT_DONE:
        f->checkpointing = false;
        return SQLITE_OK;
    default:
        return SQLITE_NOTFOUND;
    }
}

static int file_sector(sqlite3_file *base)
{
    (void)base;
    return SECTOR;
}

// A write does not harm bytes beside it: what SQLite assumes of POSIX files too. Without it each
// commit would be padded by a copy of its last frame.
static int file_characteristics(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 1,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_characteristics,
};

// ---- methods of the VFS -------------------------------------------------------------------------

static struct varve_sqlite_vfs *vfs_of(sqlite3_vfs *base)
{
    return (struct varve_sqlite_vfs *)base->pAppData;
}

static bool role_of(int flags, enum role *role)
{
    if ((flags & SQLITE_OPEN_MAIN_DB) != 0) {
        *role = ROLE_MAIN;
    } else if ((flags & SQLITE_OPEN_WAL) != 0) {
        *role = ROLE_WAL;
    } else {
        *role = ROLE_JOURNAL;
    }
    return (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
}

static int open_path(struct varve_sqlite_file *f)
{
    if (f->vfs->read_only) {
        int rc = varve_file_open(&f->file, f->vfs->account, f->path, 0);
        f->absent = rc == VARVE_E_NOT_FOUND && f->role == ROLE_WAL;
        return f->absent ? 0 : rc;
    }
    f->created = varve_port_path_exists(f->path) == VARVE_E_NOT_FOUND;
    return varve_file_open(&f->file, f->vfs->account, f->path,
                           VARVE_OPEN_WRITE | VARVE_OPEN_CREATE);
}

static int vfs_open(sqlite3_vfs *base, const char *name, sqlite3_file *file, int flags, int *out)
{
    struct varve_sqlite_file *f = file_of(file);

    memset(f, 0, sizeof *f);
    f->vfs = vfs_of(base);
    f->path = name;
    if (name == NULL || !role_of(flags, &f->role)) {
        return failed(f->vfs, VARVE_E_UNSUPPORTED, SQLITE_CANTOPEN); // no temporary files
    }
    if (f->vfs->backup != NULL && strncmp(name, f->vfs->backup, strlen(f->vfs->backup)) == 0) {
        f->role = ROLE_BACKUP; // or its journal, of which SQLite makes a header
    }
    int rc = open_path(f);
    if (rc < 0) {
        f->vfs->error = rc;
        return SQLITE_CANTOPEN;
    }
    f->chunk = f->role == ROLE_WAL ? WAL_CHUNK : 0;
    f->next = f->vfs->files;
    f->vfs->files = f;
    f->base.pMethods = &file_methods;
    if (out != NULL) {
        *out = f->vfs->read_only ? (flags & ~SQLITE_OPEN_READWRITE) | SQLITE_OPEN_READONLY : flags;
    }
    sqlite3_int64 size;
    rc = file_size(file, &size);
    if (rc != SQLITE_OK) {
        (void)file_close(file); // nothing was written
        f->base.pMethods = NULL;
    }
    return rc;
}

static int vfs_delete(sqlite3_vfs *base, const char *name, int sync_dir)
{
    struct varve_sqlite_vfs *vfs = vfs_of(base);

    if (vfs->read_only) {
        return failed(vfs, VARVE_E_READ_ONLY, SQLITE_READONLY);
    }
    int rc = varve_port_path_remove(name);
    if (rc == VARVE_E_NOT_FOUND) {
        return SQLITE_IOERR_DELETE_NOENT;
    }
    if (rc == 0 && sync_dir != 0) {
        rc = varve_port_path_sync_dir(name);
    }
    return rc < 0 ? failed(vfs, rc, SQLITE_IOERR_DELETE) : SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *base, const char *name, int flags, int *result)
{
    (void)flags; // a file that is there can be used, or its open() will tell
    int rc = varve_port_path_exists(name);

    if (rc < 0 && rc != VARVE_E_NOT_FOUND) {
        return failed(vfs_of(base), rc, SQLITE_IOERR_ACCESS);
    }
    *result = rc == 0;
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *base, const char *name, int cap, char *out)
{
    (void)base; // the backend gives whole paths
    size_t len = strlen(name);

    if (len >= (size_t)cap) {
        return SQLITE_CANTOPEN;
    }
    memcpy(out, name, len + 1);
    return SQLITE_OK;
}

// splitmix64. SQLite needs it for the salts of the WAL, which must differ from round to round.
static int vfs_randomness(sqlite3_vfs *base, int len, char *out)
{
    struct varve_sqlite_vfs *vfs = vfs_of(base);

    for (int i = 0; i < len; i++) {
        vfs->random += 0x9e3779b97f4a7c15u;
        uint64_t z = vfs->random;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        out[i] = (char)(z >> 56);
    }
    return len;
}

static int vfs_sleep(sqlite3_vfs *base, int us)
{
    (void)base; // no busy handler is set: SQLite never waits
    (void)us;
    return 0;
}

static int vfs_time_ms(sqlite3_vfs *base, sqlite3_int64 *now)
{
    (void)base;
    *now = varve_port_wall_ms() + JULIAN_1970;
    return SQLITE_OK;
}

static int vfs_time_days(sqlite3_vfs *base, double *now)
{
    (void)base;
    *now = (double)(varve_port_wall_ms() + JULIAN_1970) / 86400000.0;
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *base, int len, char *out)
{
    (void)base; // the code is in vfs->error
    (void)len;
    (void)out;
    return 0;
}

int varve_sqlite_vfs_register(struct varve_sqlite_vfs *vfs, struct varve_ledger_account *account,
                              bool read_only)
{
    *vfs = (struct varve_sqlite_vfs){
        .base = {.iVersion = 2,
                 .szOsFile = sizeof(struct varve_sqlite_file),
                 .mxPathname = VARVE_PATH_TEXT,
                 .zName = vfs->name,
                 .pAppData = vfs,
                 .xOpen = vfs_open,
                 .xDelete = vfs_delete,
                 .xAccess = vfs_access,
                 .xFullPathname = vfs_full_path,
                 .xRandomness = vfs_randomness,
                 .xSleep = vfs_sleep,
                 .xCurrentTime = vfs_time_days,
                 .xGetLastError = vfs_last_error,
                 .xCurrentTimeInt64 = vfs_time_ms},
        .account = account,
        .read_only = read_only,
        .random = varve_port_mono_us() ^ ((uint64_t)varve_port_wall_ms() << 20),
    };
    // Several instances, each with its own account: the address keeps the names apart.
    (void)sqlite3_snprintf(sizeof vfs->name, vfs->name, "varve-%p", (void *)vfs);
    return sqlite3_vfs_register(&vfs->base, 0);
}

void varve_sqlite_vfs_unregister(struct varve_sqlite_vfs *vfs)
{
    (void)sqlite3_vfs_unregister(&vfs->base); // always SQLITE_OK
}

static struct varve_file *find_file(struct varve_sqlite_vfs *vfs, enum role role)
{
    for (struct varve_sqlite_file *f = vfs->files; f != NULL; f = f->next) {
        if (f->role == role && !f->absent) {
            return &f->file;
        }
    }
    return NULL;
}

struct varve_file *varve_sqlite_vfs_database(struct varve_sqlite_vfs *vfs)
{
    return find_file(vfs, ROLE_MAIN);
}

struct varve_file *varve_sqlite_vfs_wal(struct varve_sqlite_vfs *vfs)
{
    return find_file(vfs, ROLE_WAL);
}

void varve_sqlite_vfs_watch(struct varve_sqlite_vfs *vfs)
{
    vfs->sight.offset = 0;
    vfs->watching = true;
}

uint64_t varve_sqlite_vfs_bytes(struct varve_sqlite_vfs *vfs)
{
    uint64_t sum = 0;

    for (struct varve_sqlite_file *f = vfs->files; f != NULL; f = f->next) {
        sum += (uint64_t)f->size;
    }
    return sum;
}
