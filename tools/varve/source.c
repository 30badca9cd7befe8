// SPDX-License-Identifier: Apache-2.0
// Choosing where the tool gets its answers; see source.h.
#include "source.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_STATE "/var/lib/varve"
#define DEFAULT_STORE "varve.db"

int source_fail(struct varve_source *s, int code, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    (void)vsnprintf(s->why, sizeof s->why, format, list); // a sentence cut short is still one
    va_end(list);
    return code;
}

void source_print_errors(const struct varve_conf *conf)
{
    unsigned kept = conf->error_count < VARVE_CONF_ERRORS ? conf->error_count : VARVE_CONF_ERRORS;
    for (unsigned i = 0; i < kept; i++) {
        (void)fprintf(stderr, "%s\n", conf->errors[i]);
    }
    if (conf->error_count > kept) {
        (void)fprintf(stderr, "... and %u more\n", conf->error_count - kept);
    }
}

// ---- the default places -------------------------------------------------------------------------

static int default_socket(char *out, size_t cap)
{
    const char *path = getenv("VARVE_SOCKET");
    const char *state = getenv("VARVE_STATE");
    int n = path && path[0]
                ? snprintf(out, cap, "%s", path)
                : snprintf(out, cap, "%s/varved.sock", state && state[0] ? state : DEFAULT_STATE);
    return n >= 0 && (size_t)n < cap ? 0 : VARVE_E_TOO_BIG;
}

// sqlite:DIR/varve.db for the directory of a socket, if there is such a file.
static bool store_beside(const char *socket, char *out, size_t cap)
{
    const char *slash = strrchr(socket, '/');
    int dir = slash ? (int)(slash - socket) + 1 : 0;
    int n = snprintf(out, cap, "sqlite:%.*s" DEFAULT_STORE, dir, socket);
    return n >= 0 && (size_t)n < cap && access(out + strlen("sqlite:"), F_OK) == 0;
}

static int nobody_there(struct varve_source *s, const char *socket)
{
    return source_fail(
        s, VARVE_E_NOT_FOUND,
        "no daemon answers at %s and there is no store beside it.\n"
        "Start one (varved -c FILE), name its socket (--socket PATH or VARVE_SOCKET), "
        "or open a store (--store sqlite:PATH).",
        socket);
}

static int open_default(struct varve_source *s, const struct source_choice *choice)
{
    char socket[VARVE_PATH_TEXT];
    char store[VARVE_PATH_TEXT + 16];
    if (default_socket(socket, sizeof socket) < 0) {
        return source_fail(s, VARVE_E_TOO_BIG, "VARVE_SOCKET or VARVE_STATE is too long a path");
    }
    int rc = source_open_remote(s, socket);
    if (rc != VARVE_E_NOT_FOUND) {
        return rc;
    }
    if (!store_beside(socket, store, sizeof store)) {
        return nobody_there(s, socket);
    }
    (void)fprintf(stderr, "varve: no daemon at %s; reading the store itself: %s\n", socket,
                  store + strlen("sqlite:"));
    struct source_choice beside = *choice;
    beside.store = store;
    return source_open_local(s, &beside);
}

int source_open(struct varve_source *s, const struct source_choice *choice)
{
    s->ops = NULL;
    s->why[0] = '\0';
    s->where[0] = '\0';
    if (choice->socket && (choice->store || choice->config)) {
        return source_fail(s, VARVE_E_INVALID,
                           "--socket asks a daemon and --store or -c opens a file: give one");
    }
    if (choice->store || choice->config) {
        return source_open_local(s, choice);
    }
    if (choice->keep_all) {
        return source_fail(s, VARVE_E_INVALID,
                           "--keep-all needs the store itself: stop the daemon and say which "
                           "store (--store sqlite:PATH)");
    }
    if (choice->socket) {
        return source_open_remote(s, choice->socket);
    }
    return open_default(s, choice);
}

// Beside the socket where no daemon answers.
static int locate_default(struct varve_source *s, const struct source_choice *choice,
                          struct source_store *store)
{
    char socket[VARVE_PATH_TEXT];
    char beside[VARVE_PATH_TEXT + 16];
    if (default_socket(socket, sizeof socket) < 0) {
        return source_fail(s, VARVE_E_TOO_BIG, "VARVE_SOCKET or VARVE_STATE is too long a path");
    }
    int rc = source_open_remote(s, socket);
    store->remote = rc == 0;
    if (rc != VARVE_E_NOT_FOUND) {
        return rc;
    }
    struct source_choice local = *choice;
    (void)store_beside(socket, beside, sizeof beside); // a store that is lost can be restored, too
    local.store = beside;
    return source_locate_local(s, &local, store);
}

int source_locate(struct varve_source *s, const struct source_choice *choice,
                  struct source_store *store)
{
    *s = (struct varve_source){.ops = NULL};
    *store = (struct source_store){.remote = false};
    if (choice->socket && (choice->store || choice->config)) {
        return source_fail(s, VARVE_E_INVALID,
                           "--socket asks a daemon and --store or -c opens a file: give one");
    }
    if (choice->store || choice->config) {
        return source_locate_local(s, choice, store);
    }
    if (!choice->socket) {
        return locate_default(s, choice, store);
    }
    int rc = source_open_remote(s, choice->socket);
    store->remote = rc == 0;
    return rc;
}

int source_close(struct varve_source *s)
{
    const struct varve_source_ops *ops = s->ops;
    s->ops = NULL;
    return ops ? ops->close(s) : 0;
}
