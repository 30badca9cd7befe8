// SPDX-License-Identifier: Apache-2.0
// Giving up root; see privileges.h.
#include "privileges.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "varve/host.h"
#include "varve/port.h"

static int fail(const char *doing, const char *what)
{
    varve_log(VARVE_CRITICAL, "varved", "cannot %s %s: %s", doing, what, strerror(errno));
    return VARVE_E_DENIED;
}

// ---- the state directory ------------------------------------------------------------------------

// Directories below it that are gone through: that of backups, those of segments.
#define DEPTH 2

static void hand_over_entries(int fd, uid_t uid, gid_t gid, int depth);

// Root's own file or directory, but no other name of a file elsewhere.
static void hand_over_entry(int dir, const char *name, uid_t uid, gid_t gid, int depth)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_uid != 0 ||
        !(S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_nlink == 1))) {
        return;
    }
    if (S_ISDIR(st.st_mode) && depth > 0) {
        hand_over_entries(openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), uid,
                          gid, depth - 1);
    }
    (void)fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW); // opening it tells what is wrong
}

// What a daemon or a tool that ran as root has left there. Takes the descriptor.
static void hand_over_entries(int fd, uid_t uid, gid_t gid, int depth)
{
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            hand_over_entry(fd, entry->d_name, uid, gid, depth);
        }
    }
    if (dir) {
        (void)closedir(dir); // only read
    } else if (fd >= 0) {
        (void)close(fd); // likewise
    }
}

// A directory that is somebody else's stays so, with all that is in it: opening the store tells
// what is wrong. Entries only go along in one that is closed to others, as varve makes them: a
// configuration that names /etc must not give that away. They go first: as long as the directory is
// root's nobody can exchange them.
static int hand_over(const char *state, uid_t uid, gid_t gid)
{
    struct stat st;
    if (state[0] == '\0') {
        return 0;
    }
    if (varve_port_path_make_dir(state) < 0 || stat(state, &st) < 0) {
        return fail("make the state directory", state);
    }
    if (st.st_uid != 0 || uid == 0) {
        return 0;
    }
    if ((st.st_mode & S_IRWXO) == 0) {
        hand_over_entries(open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC), uid, gid, DEPTH);
    }
    return chown(state, uid, gid) < 0 ? fail("hand over the state directory", state) : 0;
}

// ---- the user -----------------------------------------------------------------------------------

static int find_ids(const struct varve_settings *settings, uid_t *uid, gid_t *gid)
{
    const struct passwd *user = getpwnam(settings->user);
    if (user == NULL) {
        varve_log(VARVE_CRITICAL, "varved", "there is no user %s; make it, or mend varve.user",
                  settings->user);
        return VARVE_E_NOT_FOUND;
    }
    *uid = user->pw_uid;
    *gid = user->pw_gid;
    if (settings->group[0] != '\0') {
        const struct group *group = getgrnam(settings->group);
        if (group == NULL) {
            varve_log(VARVE_CRITICAL, "varved",
                      "there is no group %s; make it, or mend varve.group", settings->group);
            return VARVE_E_NOT_FOUND;
        }
        *gid = group->gr_gid;
    }
    return 0;
}

// The groups first: afterwards it may not any more. That there is no way back is tried.
static int become(const struct varve_settings *settings, uid_t uid, gid_t gid)
{
    if (initgroups(settings->user, gid) < 0 || setresgid(gid, gid, gid) < 0 ||
        setresuid(uid, uid, uid) < 0) {
        return fail("become user", settings->user);
    }
    if (uid != 0 && setresuid(0, 0, 0) == 0) {
        errno = EPERM;
        return fail("give up root for", settings->user);
    }
    return 0;
}

int privileges_drop(const struct varve_settings *settings)
{
    uid_t uid = 0;
    gid_t gid = 0;
    if (settings->user[0] == '\0') {
        if (geteuid() == 0) {
            varve_log(VARVE_WARNING, "varved",
                      "runs as root, which it needs for nothing: set user in [varve]");
        }
        return 0;
    }
    int rc = find_ids(settings, &uid, &gid);
    if (rc < 0) {
        return rc;
    }
    if (geteuid() != 0) {
        if (geteuid() == uid) {
            return 0;
        }
        errno = EPERM;
        return fail("become user", settings->user);
    }
    rc = hand_over(settings->state, uid, gid);
    return rc == 0 ? become(settings, uid, gid) : rc;
}
