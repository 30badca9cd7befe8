// SPDX-License-Identifier: Apache-2.0
// Names of files, and the port's calls on paths; see names.h.
//
// Both directories are flat lists of whole paths: a device has a handful of files. A sync of a
// directory makes the durable list's part for it equal to the live one. Directories are durable as
// soon as they are made.
//
// Threading: one task.
#include "names.h"

#include <stdlib.h>
#include <string.h>

struct name {
    char path[VARVE_PATH_TEXT];
    struct sim_inode *inode; // NULL: a directory
};

struct list {
    struct name *names;
    size_t count, cap;
};

static struct list live, durable;

// With write-back: the live names after each change since a directory was synced, oldest first. A
// power cut may leave any of them.
static struct {
    struct list *lists;
    size_t count, cap;
} past;

// ---- lists --------------------------------------------------------------------------------------

static struct name *find(const struct list *list, const char *path)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->names[i].path, path) == 0) {
            return &list->names[i];
        }
    }
    return NULL;
}

static int add(struct list *list, const char *path, struct sim_inode *inode)
{
    if (strlen(path) >= VARVE_PATH_TEXT) {
        return VARVE_E_TOO_BIG;
    }
    if (list->count == list->cap) {
        const size_t cap = list->cap == 0 ? 16 : 2 * list->cap;
        struct name *names = realloc(list->names, cap * sizeof *names);
        if (names == NULL) {
            return VARVE_E_NO_MEMORY;
        }
        list->names = names;
        list->cap = cap;
    }
    struct name *name = &list->names[list->count++];
    memcpy(name->path, path, strlen(path) + 1);
    name->inode = inode;
    return 0;
}

static void drop(struct list *list, struct name *name)
{
    struct sim_inode *inode = name->inode;
    *name = list->names[--list->count];
    if (inode != NULL) {
        sim_inode_unref(inode);
    }
}

static void clear(struct list *list)
{
    while (list->count > 0) {
        drop(list, &list->names[list->count - 1]);
    }
    free(list->names);
    *list = (struct list){0};
}

// ---- names that may be written back -------------------------------------------------------------

// Adds the files of one list to an empty one.
static int copy_files(struct list *to, const struct list *from)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct name *name = &from->names[i];
        if (name->inode == NULL) {
            continue;
        }
        const int rc = add(to, name->path, name->inode);
        if (rc != 0) {
            return rc;
        }
        sim_inode_ref(name->inode);
    }
    return 0;
}

static void forget_past(void)
{
    while (past.count > 0) {
        clear(&past.lists[--past.count]);
    }
    free(past.lists);
    past.lists = NULL;
    past.cap = 0;
}

// The live names have changed. Out of memory, this state is none that a cut can leave.
static void note_change(void)
{
    if (!sim_faults()->write_back) {
        return;
    }
    if (past.count == past.cap) {
        const size_t cap = past.cap == 0 ? 16 : 2 * past.cap;
        struct list *lists = realloc(past.lists, cap * sizeof *lists);
        if (lists == NULL) {
            return;
        }
        past.lists = lists;
        past.cap = cap;
    }
    past.lists[past.count] = (struct list){0};
    (void)copy_files(&past.lists[past.count++], &live);
}

// One of the past states is what the power cut leaves, or the synced one.
static void write_back_names(void)
{
    const uint32_t which = sim_fault_below((uint32_t)past.count + 1);
    if (which > 0) {
        clear(&durable);
        durable = past.lists[which - 1];
        past.lists[which - 1] = (struct list){0};
    }
    forget_past();
}

// ---- directories --------------------------------------------------------------------------------

// Copies the directory part of a path, "." when there is none.
static int parent_of(const char *path, char dir[VARVE_PATH_TEXT])
{
    const char *slash = strrchr(path, '/');
    const char *from = slash == NULL ? "." : slash == path ? "/" : path;
    const size_t length = slash == NULL || slash == path ? 1u : (size_t)(slash - path);
    if (length >= VARVE_PATH_TEXT) {
        return VARVE_E_TOO_BIG;
    }
    memcpy(dir, from, length);
    dir[length] = '\0';
    return 0;
}

bool sim_name_is_dir(const char *path)
{
    const struct name *name = find(&live, path);
    return strcmp(path, "/") == 0 || strcmp(path, ".") == 0 ||
           (name != NULL && name->inode == NULL);
}

static bool is_in(const char *path, const char *dir)
{
    char parent[VARVE_PATH_TEXT];
    return parent_of(path, parent) == 0 && strcmp(parent, dir) == 0;
}

struct sim_inode *sim_name_find(const char *path)
{
    const struct name *name = find(&live, path);
    return name == NULL ? NULL : name->inode;
}

int sim_name_create(const char *path, struct sim_inode **out)
{
    char dir[VARVE_PATH_TEXT];
    int rc = parent_of(path, dir);
    if (rc == 0 && !sim_name_is_dir(dir)) {
        rc = VARVE_E_NOT_FOUND;
    }
    rc = rc == 0 ? sim_fails(VARVE_SIM_NAME) : rc;
    if (rc != 0) {
        return rc;
    }
    *out = sim_inode_new();
    if (*out == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    if (!sim_permit_call()) {
        sim_inode_unref(*out);
        return VARVE_E_IO;
    }
    rc = add(&live, path, *out);
    if (rc != 0) {
        sim_inode_unref(*out);
        return rc;
    }
    note_change();
    return 0;
}

// ---- the port's calls ---------------------------------------------------------------------------

int varve_port_path_remove(const char *path)
{
    if (varve_sim_is_off()) {
        return sim_fail(VARVE_E_IO);
    }
    struct name *name = find(&live, path);
    if (name == NULL) {
        return sim_fail(VARVE_E_NOT_FOUND);
    }
    if (name->inode == NULL) {
        return sim_fail(VARVE_E_DENIED);
    }
    const int rc = sim_fails(VARVE_SIM_NAME);
    if (rc != 0) {
        return sim_fail(rc);
    }
    if (!sim_permit_call()) {
        return sim_fail(VARVE_E_IO);
    }
    drop(&live, name);
    note_change();
    return 0;
}

int varve_port_path_rename(const char *from, const char *to)
{
    char dir[VARVE_PATH_TEXT];
    if (varve_sim_is_off()) {
        return sim_fail(VARVE_E_IO);
    }
    if (find(&live, from) == NULL || parent_of(to, dir) != 0 || !sim_name_is_dir(dir)) {
        return sim_fail(VARVE_E_NOT_FOUND);
    }
    if (strcmp(from, to) == 0) {
        return 0;
    }
    if (strlen(to) >= VARVE_PATH_TEXT) {
        return sim_fail(VARVE_E_TOO_BIG);
    }
    if (sim_name_is_dir(from) || sim_name_is_dir(to)) {
        return sim_fail(VARVE_E_UNSUPPORTED);
    }
    const int rc = sim_fails(VARVE_SIM_NAME);
    if (rc != 0) {
        return sim_fail(rc);
    }
    if (!sim_permit_call()) {
        return sim_fail(VARVE_E_IO);
    }
    struct name *replaced = find(&live, to);
    if (replaced != NULL) {
        drop(&live, replaced);
    }
    memcpy(find(&live, from)->path, to, strlen(to) + 1);
    note_change();
    return 0;
}

int varve_port_path_link(const char *from, const char *to)
{
    char dir[VARVE_PATH_TEXT];
    if (varve_sim_is_off()) {
        return sim_fail(VARVE_E_IO);
    }
    if (sim_name_find(from) == NULL || parent_of(to, dir) != 0 || !sim_name_is_dir(dir)) {
        return sim_fail(VARVE_E_NOT_FOUND);
    }
    if (find(&live, to) != NULL) {
        return sim_fail(VARVE_E_EXISTS);
    }
    struct sim_inode *inode = sim_name_find(from);
    int rc = sim_fails(VARVE_SIM_NAME);
    rc = rc == 0 ? add(&live, to, inode) : rc;
    if (rc != 0) {
        return sim_fail(rc);
    }
    sim_inode_ref(inode);
    return 0;
}

int varve_port_path_exists(const char *path)
{
    if (varve_sim_is_off()) {
        return sim_fail(VARVE_E_IO);
    }
    return find(&live, path) != NULL || sim_name_is_dir(path) ? 0 : sim_fail(VARVE_E_NOT_FOUND);
}

// Directories keep their names: one number does for all.
int varve_port_path_identify(const char *path, uint32_t *identity)
{
    const struct name *name = find(&live, path);
    const int rc = varve_port_path_exists(path);
    *identity = name != NULL && name->inode != NULL ? name->inode->number : UINT32_MAX;
    return rc;
}

static int make_one_dir(const char *path)
{
    const struct name *name = find(&live, path);
    if (name != NULL && name->inode != NULL) {
        return VARVE_E_EXISTS;
    }
    if (sim_name_is_dir(path)) {
        return 0;
    }
    const int rc = sim_fails(VARVE_SIM_NAME);
    return rc == 0 ? add(&live, path, NULL) : rc;
}

int varve_port_path_make_dir(const char *path)
{
    char part[VARVE_PATH_TEXT];
    const size_t length = strlen(path);
    if (varve_sim_is_off()) {
        return sim_fail(VARVE_E_IO);
    }
    if (length == 0 || length >= sizeof part) {
        return sim_fail(length == 0 ? VARVE_E_INVALID : VARVE_E_TOO_BIG);
    }
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        memcpy(part, path, i);
        part[i] = '\0';
        const int rc = part[i - 1] == '/' ? 0 : make_one_dir(part);
        if (rc != 0) {
            return sim_fail(rc);
        }
    }
    return 0;
}

// Whether the two lists differ in a directory.
static bool differs(const char *dir)
{
    size_t in_live = 0, in_durable = 0;
    for (size_t i = 0; i < durable.count; i++) {
        in_durable += is_in(durable.names[i].path, dir) ? 1 : 0;
    }
    for (size_t i = 0; i < live.count; i++) {
        const struct name *name = &live.names[i];
        if (name->inode == NULL || !is_in(name->path, dir)) {
            continue;
        }
        const struct name *other = find(&durable, name->path);
        if (other == NULL || other->inode != name->inode) {
            return true;
        }
        in_live++;
    }
    return in_live != in_durable;
}

// Makes `to` hold the same files in `dir` as `from`.
static int copy_dir(struct list *to, const struct list *from, const char *dir)
{
    for (size_t i = to->count; i > 0; i--) {
        if (to->names[i - 1].inode != NULL && is_in(to->names[i - 1].path, dir)) {
            drop(to, &to->names[i - 1]);
        }
    }
    for (size_t i = 0; i < from->count; i++) {
        const struct name *name = &from->names[i];
        if (name->inode == NULL || !is_in(name->path, dir)) {
            continue;
        }
        const int rc = add(to, name->path, name->inode);
        if (rc != 0) {
            return rc;
        }
        sim_inode_ref(name->inode);
    }
    return 0;
}

int varve_port_path_sync_dir(const char *path)
{
    char dir[VARVE_PATH_TEXT];
    int rc = varve_sim_is_off() ? VARVE_E_IO : parent_of(path, dir);
    if (rc != 0) {
        return sim_fail(rc);
    }
    if (!sim_name_is_dir(dir)) {
        return sim_fail(VARVE_E_NOT_FOUND);
    }
    if (!differs(dir) || sim_faults()->dir_syncs_lie) {
        return 0;
    }
    rc = sim_fails(VARVE_SIM_SYNC_DIR);
    rc = rc == 0 ? sim_commit(0, true) : rc;
    rc = rc == 0 ? copy_dir(&durable, &live, dir) : rc;
    if (rc == 0) { // no cut goes back behind this; changes elsewhere may have come with it
        forget_past();
        note_change();
    }
    return rc == 0 ? 0 : sim_fail(rc);
}

int varve_port_path_space(const char *path, uint64_t *total_bytes, uint64_t *free_bytes)
{
    const int rc = varve_port_path_exists(path);
    if (rc != 0) {
        return rc;
    }
    *total_bytes = sim_pages_total() * sim_page_bytes();
    *free_bytes = sim_pages_free() * sim_page_bytes();
    return 0;
}

static bool ends_with(const char *name, const char *suffix)
{
    const size_t n = strlen(name);
    const size_t s = strlen(suffix);
    return n >= s && memcmp(name + n - s, suffix, s) == 0;
}

int varve_port_dir_list(const char *path, const char *suffix,
                        void (*visit)(const char *name, void *arg), void *arg)
{
    if (varve_sim_is_off()) {
        return sim_fail(VARVE_E_IO);
    }
    if (!sim_name_is_dir(path)) {
        return sim_fail(VARVE_E_NOT_FOUND);
    }
    for (size_t i = 0; i < live.count; i++) {
        const char *whole = live.names[i].path;
        const char *slash = strrchr(whole, '/');
        const char *last = slash == NULL ? whole : slash + 1;
        if (is_in(whole, path) && ends_with(last, suffix)) {
            visit(last, arg);
        }
    }
    return 0;
}

// ---- power --------------------------------------------------------------------------------------

// Back to the durable names. The lists' memory suffices: nothing is longer than it was.
static void restore_names(void)
{
    for (size_t i = live.count; i > 0; i--) {
        if (live.names[i - 1].inode != NULL) {
            drop(&live, &live.names[i - 1]);
        }
    }
    for (size_t i = 0; i < durable.count; i++) {
        if (add(&live, durable.names[i].path, durable.names[i].inode) == 0) {
            sim_inode_ref(durable.names[i].inode);
        }
    }
}

void sim_files_cut(void)
{
    sim_handles_close();
    sim_fault_begin();
    write_back_names();
    restore_names();
    for (size_t i = 0; i < durable.count; i++) {
        sim_inode_cut(durable.names[i].inode);
    }
}

void sim_files_destroy(void)
{
    sim_handles_close();
    clear(&live);
    clear(&durable);
    forget_past();
}
