// SPDX-License-Identifier: Apache-2.0
// Configuration files: one file, and the *.ini of its include directory in name order.
//
// A file is read whole into the upper end of the configuration's pool, which is given back when the
// file has been parsed. There are no includes within includes.
//
// Threading: one task, as varve/conf.h says.
#include <string.h>

#include "core/conf.h"
#include "core/dir.h"
#include "core/text.h"

static int report_unreadable(struct varve_conf *conf, const struct conf_at *at, int rc, size_t room)
{
    if (rc == VARVE_E_TOO_BIG) {
        conf_report(conf, at,
                    "the file is larger than the %zu bytes left for it (VARVE_CONF_BYTES)",
                    room > 0 ? room - 1 : 0);
    } else {
        conf_report(conf, at, "cannot read the file: %s", varve_strerror(rc));
    }
    return rc;
}

// Reads the file to the top of the pool; *text is NULL on failure, reported.
static int read_file(struct varve_conf *conf, const struct conf_at *at, const char **text)
{
    size_t room = conf_state(conf)->limit - conf->used;
    char *start = conf->pool.text + conf->used;
    *text = NULL;
    int length = room > 0 ? varve_port_read_text(at->file, start, room) : VARVE_E_TOO_BIG;
    if (length < 0) {
        return report_unreadable(conf, at, length, room);
    }
    if (strlen(start) != (size_t)length) {
        conf_report(conf, at, "the file holds a zero byte; expected text");
        return VARVE_E_INVALID;
    }
    char *top = conf->pool.text + conf_state(conf)->limit - (size_t)length - 1;
    memmove(top, start, (size_t)length + 1);
    conf_state(conf)->limit -= (size_t)length + 1;
    *text = top;
    return 0;
}

// A configuration names programs to run and files to write. Its owner may be another: whoever calls
// has chosen the file.
static bool check_trust(struct varve_conf *conf, const struct conf_at *at)
{
    char why[VARVE_MESSAGE_TEXT] = "";
    int rc = varve_port_path_trusted(at->file, VARVE_TRUST_ANY_OWNER, why, sizeof why);
    if (rc != 0) {
        conf_report(conf, at, "refused: %s", why);
    }
    return rc == 0;
}

static int load_one(struct varve_conf *conf, const char *path)
{
    const struct conf_at at = {.file = path};
    const char *text;
    size_t limit = conf_state(conf)->limit;
    unsigned before = conf->error_count;
    const char *name = conf_keep(conf, &at, path);
    if (name == NULL || !check_trust(conf, &at)) {
        return VARVE_E_INVALID;
    }
    int rc = read_file(conf, &at, &text);
    if (rc == 0) {
        conf_read_text(conf, name, text);
        rc = conf->error_count == before ? 0 : VARVE_E_INVALID;
    }
    conf_state(conf)->limit = limit;
    return rc;
}

// Where an include directory lies: relative ones start at the including file's directory.
static int include_path(const char *file, const char *include, char path[VARVE_PATH_TEXT])
{
    const char *slash = strrchr(file, '/');
    size_t length = include[0] == '/' || slash == NULL ? 0 : (size_t)(slash - file) + 1;
    size_t shown = varve_format(path, VARVE_PATH_TEXT, "%.*s%s", (int)length, file, include);
    return shown < VARVE_PATH_TEXT ? 0 : VARVE_E_TOO_BIG;
}

// Parses one file of the directory, which must not name a directory itself.
static int load_part(struct varve_conf *conf, const char *dir, const char *name)
{
    char path[VARVE_PATH_TEXT];
    const struct conf_at at = {.file = dir};
    if (varve_dir_join(path, sizeof path, dir, name) != 0) {
        conf_report(conf, &at, "the path of '%s' in it is too long", name);
        return VARVE_E_INVALID;
    }
    struct conf_state *state = conf_state(conf);
    const char *include = state->include;
    int rc = load_one(conf, path);
    if (state->include != include) {
        const struct conf_at key = {path, 0, "varve", "include"};
        conf_report(conf, &key, "an included file cannot include others");
        state->include = include;
        rc = VARVE_E_INVALID;
    }
    return rc;
}

static int load_parts(struct varve_conf *conf, const char *file)
{
    char dir[VARVE_PATH_TEXT];
    char name[VARVE_PATH_TEXT] = "";
    const struct conf_at at = {file, 0, "varve", "include"};
    int result = 0;
    int rc = include_path(file, conf_state(conf)->include, dir);
    if (rc != 0) {
        conf_report(conf, &at, "the path of the directory is too long");
        return VARVE_E_INVALID;
    }
    const struct conf_at place = {.file = dir};
    if (!check_trust(conf, &place)) {
        return VARVE_E_INVALID;
    }
    while ((rc = varve_dir_next(dir, ".ini", name)) == 0) {
        int loaded = load_part(conf, dir, name);
        result = result == 0 ? loaded : result;
    }
    if (rc == VARVE_E_CLOSED) {
        varve_log(VARVE_NOTICE, "config", "include directory %s does not exist", dir);
    } else if (rc != VARVE_E_NOT_FOUND) {
        conf_report(conf, &at, "cannot list '%s': %s", dir, varve_strerror(rc));
        return VARVE_E_INVALID;
    }
    return result;
}

int varve_conf_load(struct varve_conf *conf, const char *path)
{
    int rc = load_one(conf, path);
    const char *include = conf_state(conf)->include;
    if (include != NULL && include[0] != '\0') {
        int parts = load_parts(conf, path);
        rc = rc != 0 ? rc : parts;
    }
    return rc;
}
