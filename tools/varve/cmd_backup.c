// SPDX-License-Identifier: Apache-2.0
// `varve backup`: copies of a store - made, listed, verified, put back, packed for an upgrade.
//
// Owns the command and what it prints. The steps are backup.c's, archives archive.c's.
//
// Threading: one task.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "backup.h"
#include "csv.h"
#include "json.h"
#include "table.h"
#include "when.h"

// ---- list ---------------------------------------------------------------------------------------

// Paths as they come; the oldest are left out, and that is said, when there are more.
#define LISTED 1000u
struct list {
    char (*paths)[VARVE_PATH_TEXT];
    size_t count;
    uint64_t left_out;
};

struct entry {
    const char *path;
    int64_t time_ms;
    int64_t bytes;
    bool whole;
};

static void add_path(void *arg, const char *line)
{
    struct list *list = arg;
    if (list->count == LISTED) {
        memmove(list->paths, list->paths + 1, (LISTED - 1) * sizeof *list->paths);
        list->count--;
        list->left_out++;
    }
    (void)snprintf(list->paths[list->count++], VARVE_PATH_TEXT, "%s", line); // of that size
}

static int collect(struct backup_target *t, struct list *list)
{
    if (t->store.remote) {
        int rc = source_remote_backups(&t->source, add_path, list);
        return rc < 0 ? complain(FAILED, "%s", t->source.why) : DONE;
    }
    int64_t time_ms = INT64_MIN;
    while (varve_backup_next(&t->store.at.backups, time_ms, INT64_MAX, &time_ms, NULL) == 0) {
        char path[VARVE_PATH_TEXT];
        if (varve_backup_path(&t->store.at.backups, time_ms, "", path, sizeof path) == 0) {
            add_path(list, path);
        }
    }
    return DONE;
}

// The time is in the name, whatever store it is of.
static int64_t time_of(const char *path)
{
    struct varve_backup_place place = {.dir = ""};
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t tail = VARVE_BACKUP_STAMP + strlen(VARVE_BACKUP_SUFFIX);
    size_t length = strlen(name);
    int64_t time_ms;
    if (length < tail || length - tail >= sizeof place.prefix) {
        return INT64_MIN;
    }
    memcpy(place.prefix, name, length - tail);
    place.prefix[length - tail] = '\0';
    return varve_backup_time(&place, name, "", &time_ms) == 0 ? time_ms : INT64_MIN;
}

static struct entry look_at(const char *path)
{
    struct stat st;
    struct varve_check check;
    return (struct entry){.path = path,
                          .time_ms = time_of(path),
                          .bytes = stat(path, &st) == 0 ? (int64_t)st.st_size : 0,
                          .whole = backup_verify(path, false, &check) == DONE};
}

static void put_json(const struct entry *e, bool first)
{
    printf("%s\n{\"path\":", first ? "" : ",");
    json_text(stdout, e->path);
    printf(",\"time_ms\":%" PRId64 ",\"bytes\":%" PRId64 ",\"verified\":%s}", e->time_ms, e->bytes,
           e->whole ? "true" : "false");
}

static void put_csv(const struct entry *e)
{
    printf("%" PRId64 ",%" PRId64 ",%s,", e->time_ms, e->bytes, e->whole ? "yes" : "no");
    csv_write(stdout, e->path);
    printf("\n");
}

static void put_row(struct table *table, const struct entry *e)
{
    char text[WHEN_TEXT];
    table_cell(table, "%s", when_format(e->time_ms, text, sizeof text));
    table_cell(table, "%s", bytes_text((double)e->bytes, text, sizeof text));
    table_cell(table, "%s", e->whole ? "verified" : "NOT WHOLE");
    table_cell(table, "%s", e->path);
}

static int print_list(const struct list *list, enum format format)
{
    static const char *const header[] = {"TIME", ">SIZE", "STATE", "FILE"};
    struct table table;
    bool ok = true;
    if (format == FORMAT_TABLE) {
        table_init(&table, header, 4);
    }
    printf("%s", format == FORMAT_JSON ? "{\"backups\":[" : "");
    printf("%s", format == FORMAT_CSV ? "time_ms,bytes,verified,path\n" : "");
    for (size_t i = 0; i < list->count; i++) {
        const struct entry entry = look_at(list->paths[i]);
        if (format == FORMAT_JSON) {
            put_json(&entry, i == 0);
        } else if (format == FORMAT_CSV) {
            put_csv(&entry);
        } else {
            put_row(&table, &entry);
        }
    }
    if (format == FORMAT_TABLE) {
        ok = table_print(&table, stdout);
    }
    printf("%s", format == FORMAT_JSON ? "\n]}\n" : "");
    return ok ? DONE : complain(FAILED, "not enough memory");
}

static int run_list(struct backup_target *t, enum format format)
{
    static char paths[LISTED][VARVE_PATH_TEXT];
    struct list list = {.paths = paths};
    int code = collect(t, &list);
    if (code == DONE && list.count == 0 && format == FORMAT_TABLE) {
        return complain(NOTHING_FOUND, "there is no backup yet; varve backup now");
    }
    if (list.left_out > 0) {
        (void)complain(0, "%" PRIu64 " older backups are left out", list.left_out);
    }
    return code == DONE ? print_list(&list, format) : code;
}

// ---- the others ---------------------------------------------------------------------------------

static void print_path(void *arg, const char *line)
{
    (void)arg;
    printf("%s\n", line);
}

static int run_now(struct backup_target *t)
{
    return backup_make(t, print_path, NULL);
}

// FILE, or the newest for none and for "latest".
static int choose_file(struct backup_target *t, const char *file, char *out, size_t cap)
{
    if (file && strcmp(file, "latest") != 0) {
        backup_absolute(file, out, cap);
        return DONE;
    }
    return backup_latest(t, out, cap);
}

static int run_verify(struct backup_target *t, const char *file)
{
    char path[VARVE_PATH_TEXT];
    struct varve_check check;
    uint32_t blocks = 0;
    int code = choose_file(t, file, path, sizeof path);
    code = code == DONE ? backup_verify(path, true, &check) : code;
    if (code != DONE) {
        return code;
    }
    for (size_t i = 0; i < VARVE_MAX_TIERS; i++) {
        blocks += check.tiers[i].blocks;
    }
    printf("%s is whole: %" PRIu32 " blocks, %" PRIu32 " series and events\n", path, blocks,
           check.records);
    return DONE;
}

static int run_restore(struct backup_target *t, const char *file)
{
    char path[VARVE_PATH_TEXT];
    int code = choose_file(t, file, path, sizeof path);
    return code == DONE ? backup_restore(t, path) : code;
}

static int run_on_target(const struct args *args, const char *what, const char *file,
                         enum format format)
{
    struct backup_target target;
    int code = backup_reach(&target, args);
    if (code != DONE) {
        return code;
    }
    if (strcmp(what, "now") == 0) {
        code = run_now(&target);
    } else if (strcmp(what, "list") == 0) {
        code = run_list(&target, format);
    } else if (strcmp(what, "verify") == 0) {
        code = run_verify(&target, file);
    } else {
        code = run_restore(&target, file);
    }
    return backup_leave(&target, code);
}

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(word, *words) == 0) {
            return true;
        }
    }
    return false;
}

static int run_file(const char *file)
{
    char path[VARVE_PATH_TEXT];
    struct varve_check check;
    backup_absolute(file, path, sizeof path);
    int code = backup_verify(path, true, &check);
    if (code == DONE) {
        printf("%s is whole: %" PRIu32 " series and events\n", path, check.records);
    }
    return code;
}

static int run_backup(const struct args *args)
{
    static const char *const alone[] = {"now", "list", NULL};
    static const char *const with_backup[] = {"verify", "restore", NULL};
    static const char *const with_archive[] = {"archive", "unpack", NULL};
    const char *what = args->positional[0];
    const char *file = args->count > 1 ? args->positional[1] : NULL;
    enum format format;
    int code = args_format(args, &format);
    if (code != DONE) {
        return code;
    }
    if (is_one_of(what, with_archive)) {
        if (!file) {
            return args_usage(args, "%s needs a file, or - for %s", what,
                              what[0] == 'a' ? "standard output" : "standard input");
        }
        return what[0] == 'a' ? backup_archive(args, file) : backup_unpack(args, file);
    }
    if (is_one_of(what, alone) && file) {
        return args_usage(args, "%s takes no file", what);
    }
    if (!is_one_of(what, alone) && !is_one_of(what, with_backup)) {
        return args_usage(args, "`%s` is none of now, list, verify, restore, archive, unpack",
                          what);
    }
    if (strcmp(what, "verify") == 0 && file && strcmp(file, "latest") != 0) {
        return run_file(file); // a file is enough; which store it is of does not matter
    }
    return run_on_target(args, what, file, format);
}

const struct command command_backup = {
    .name = "backup",
    .arguments = "now|list|verify|restore|archive|unpack [FILE|latest]",
    .summary = "copies of a store: make, list, verify, put back",
    .text =
        "now                  makes a verified backup and prints its path\n"
        "list                 reads all backups and says which are whole\n"
        "verify [FILE]        reads all of a backup, with its checksums; default: the latest\n"
        "restore FILE|latest  verifies a backup, then puts it in the place of the store at one\n"
        "                     stroke; the store that it replaces is kept under a dated name\n"
        "archive FILE|-       a .tar.gz with a fresh backup and the configuration; of several\n"
        "                     stores it has the first, and says which are left out\n"
        "unpack FILE|-        restores the backup of such an archive; with -c CONF its\n"
        "                     configuration, too, when there is no CONF yet\n"
        "\n"
        "By the daemon, when one runs: what is in RAM goes into the backup, and at a restore into\n"
        "the store that is replaced. Otherwise on the store itself (--store or -c). [backup] in "
        "the\n"
        "configuration says where backups are, when they are made and how many are kept; with\n"
        "--store they are in the directory `backup` beside it.\n"
        "\n"
        "Only sqlite stores have backups. Of a rotate store the whole directory is copied while "
        "no\n"
        "daemon has it open, and put back in the same way.\n"
        "\n"
        "Examples:\n"
        "  varve backup now\n"
        "  varve backup list\n"
        "  varve backup restore latest\n"
        "  varve backup archive /tmp/varve.tar.gz -c /etc/varve/varve.ini",
    .options = OPTIONS_SOURCE | OPTION(OPT_CONFIG) | OPTION(OPT_FORMAT),
    .least = 1,
    .most = 2,
    .run = run_backup,
};
