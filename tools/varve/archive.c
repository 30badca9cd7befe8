// SPDX-License-Identifier: Apache-2.0
// `varve backup archive` and `unpack`: one file that brings a store and its configuration through
// a firmware upgrade.
//
// The archive is a .tar.gz with two members: varve.db, a verified backup, and varve.ini, the
// configuration (empty when none is known). tar, which every such system has, packs and unpacks it;
// members with other names are not unpacked, and nothing but plain files is taken.
//
// Threading: one task; tar runs as a process of its own.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backup.h"
#include "varve/port.h"
#include "whole_file.h"

#define STORE_MEMBER "varve.db"
#define CONF_MEMBER  "varve.ini"
#define STAGE_TEXT   (VARVE_PATH_TEXT + 32u)

// ---- the stage: a directory with the members ----------------------------------------------------

static int make_stage(char stage[VARVE_PATH_TEXT])
{
    const char *tmp = getenv("TMPDIR");
    int n = snprintf(stage, VARVE_PATH_TEXT, "%s/varve.XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    if (n < 0 || (size_t)n >= VARVE_PATH_TEXT || !mkdtemp(stage)) {
        return complain(FAILED, "cannot make a temporary directory: %s", strerror(errno));
    }
    return DONE;
}

static void member(char out[STAGE_TEXT], const char *stage, const char *name)
{
    (void)snprintf(out, STAGE_TEXT, "%s/%s", stage, name); // sized for both
}

static void remove_stage(const char *stage)
{
    char path[STAGE_TEXT];
    member(path, stage, STORE_MEMBER);
    (void)unlink(path); // may be missing
    member(path, stage, CONF_MEMBER);
    (void)unlink(path); // likewise
    (void)rmdir(stage); // what somebody else put there stays
}

// Copies a stream up to its end.
static bool copy_stream(FILE *from, FILE *to)
{
    char buf[4096];
    size_t n;
    while ((n = fread(buf, 1, sizeof buf, from)) > 0) {
        if (fwrite(buf, 1, n, to) != n) {
            return false;
        }
    }
    return !ferror(from);
}

// A text file that is whole or not there.
static int copy_text(const char *from, const char *to)
{
    struct whole_file whole;
    FILE *in = fopen(from, "r");
    if (!in) {
        return complain(FAILED, "cannot read %s: %s", from, strerror(errno));
    }
    if (whole_file_begin(&whole, to) < 0) {
        (void)fclose(in); // only read
        return FAILED;
    }
    FILE *out = fopen(whole.temp, "w");
    bool ok = out && copy_stream(in, out);
    ok = out && fclose(out) == 0 && ok;
    int error = errno;
    (void)fclose(in); // only read
    if (!ok) {
        whole_file_abandon(&whole);
        return complain(FAILED, "cannot copy %s to %s: %s", from, to, strerror(error));
    }
    return whole_file_end(&whole) == 0 ? DONE : FAILED;
}

// ---- tar ----------------------------------------------------------------------------------------

static int run_tar(const char *const *arguments)
{
    (void)fflush(stdout); // the child has a copy of what is buffered
    pid_t pid = fork();
    if (pid == 0) {
        (void)execvp("tar", (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    int status = -1;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == 127) {
        return complain(FAILED, "cannot run tar");
    }
    return WEXITSTATUS(status) == 0 ? DONE : complain(FAILED, "tar failed");
}

static int pack(const char *stage, const char *out)
{
    const char *const arguments[] = {"tar", "-C",         stage,       "-chzf",
                                     out,   STORE_MEMBER, CONF_MEMBER, NULL};
    return run_tar(arguments);
}

static int pack_file(const char *stage, const char *file)
{
    struct whole_file whole;
    if (strcmp(file, "-") == 0) {
        return pack(stage, file);
    }
    if (whole_file_begin(&whole, file) < 0) {
        return FAILED;
    }
    int code = pack(stage, whole.temp);
    if (code != DONE) {
        whole_file_abandon(&whole);
        return code;
    }
    return whole_file_end(&whole) == 0 ? DONE : FAILED;
}

// ---- archive ------------------------------------------------------------------------------------

static void put_line(void *arg, const char *line)
{
    (void)fprintf(arg, "%s\n", line); // the stream keeps its error
}

// The file that -c names; else what the daemon runs with; else nothing.
static int stage_conf(struct backup_target *t, const char *conf, const char *stage)
{
    char path[STAGE_TEXT];
    member(path, stage, CONF_MEMBER);
    if (conf) {
        return copy_text(conf, path);
    }
    FILE *out = fopen(path, "w");
    if (!out) {
        return complain(FAILED, "cannot make %s: %s", path, strerror(errno));
    }
    int rc = t->store.remote ? t->source.ops->config(&t->source, put_line, out) : 0;
    bool ok = !ferror(out);
    ok = fclose(out) == 0 && ok && rc == 0;
    return ok ? DONE : complain(FAILED, "cannot write the configuration to %s", path);
}

// The member has one name: of several stores the first is taken.
static void take_first(void *arg, const char *line)
{
    char *made = arg;
    if (made[0]) {
        (void)complain(0, "an archive has room for one store, this one is left out: %s", line);
        return;
    }
    (void)snprintf(made, VARVE_PATH_TEXT, "%s", line); // of that size
}

static int stage_backup(struct backup_target *t, const char *stage)
{
    char made[VARVE_PATH_TEXT] = "", whole[VARVE_PATH_TEXT], link[STAGE_TEXT];
    int code = backup_make(t, take_first, made);
    if (code != DONE && backup_latest(t, made, sizeof made) == DONE) {
        struct varve_check check;
        (void)complain(0, "no fresh backup; the archive gets %s", made);
        code = backup_verify(made, true, &check);
    }
    if (code != DONE) {
        return code;
    }
    backup_absolute(made, whole, sizeof whole);
    member(link, stage, STORE_MEMBER);
    return symlink(whole, link) == 0
               ? DONE
               : complain(FAILED, "cannot make %s: %s", link, strerror(errno));
}

// With -c a daemon that runs is asked all the same: it has the store open.
static int reach(struct backup_target *t, const struct args *args)
{
    struct args asked = *args;
    bool there = false;
    if (args->value[OPT_CONFIG] && !args->value[OPT_STORE]) {
        asked.value[OPT_CONFIG] = NULL;
        there =
            source_locate(&t->source, &(struct source_choice){.socket = args->value[OPT_SOCKET]},
                          &t->store) == 0 &&
            t->store.remote;
        (void)source_close(&t->source); // nothing was asked
    }
    return backup_reach(t, there ? &asked : args);
}

int backup_archive(const struct args *args, const char *file)
{
    char stage[VARVE_PATH_TEXT];
    struct backup_target target;
    int code = reach(&target, args);
    if (code != DONE) {
        return code;
    }
    code = make_stage(stage);
    if (code == DONE) {
        code = stage_backup(&target, stage);
        code = code == DONE ? stage_conf(&target, args->value[OPT_CONFIG], stage) : code;
        code = code == DONE ? pack_file(stage, file) : code;
        remove_stage(stage);
    }
    return backup_leave(&target, code);
}

// ---- unpack -------------------------------------------------------------------------------------

static bool is_file(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode);
}

// An existing configuration is the operator's, or that of the new firmware.
static int unpack_conf(const char *stage, const char *conf)
{
    char path[STAGE_TEXT];
    struct stat st;
    member(path, stage, CONF_MEMBER);
    if (!conf || varve_port_path_exists(conf) == 0) {
        return DONE;
    }
    if (!is_file(path) || stat(path, &st) != 0 || st.st_size == 0) {
        return complain(FAILED, "the archive has no configuration, and there is no %s", conf);
    }
    int code = copy_text(path, conf);
    if (code == DONE) {
        printf("restored the configuration to %s\n", conf);
    }
    return code;
}

static int unpack_store(const struct args *args, const char *stage)
{
    char path[STAGE_TEXT];
    struct backup_target target;
    member(path, stage, STORE_MEMBER);
    if (!is_file(path)) {
        return complain(FAILED, "the archive has no backup in it");
    }
    int code = unpack_conf(stage, args->value[OPT_CONFIG]);
    code = code == DONE ? reach(&target, args) : code;
    if (code != DONE) {
        return code;
    }
    return backup_leave(&target, backup_restore(&target, path));
}

int backup_unpack(const struct args *args, const char *file)
{
    char stage[VARVE_PATH_TEXT];
    int code = make_stage(stage);
    if (code != DONE) {
        return code;
    }
    const char *const arguments[] = {"tar", "-C",         stage,       "-xzf",
                                     file,  STORE_MEMBER, CONF_MEMBER, NULL};
    code = run_tar(arguments);
    code = code == DONE ? unpack_store(args, stage) : code;
    remove_stage(stage);
    return code;
}
