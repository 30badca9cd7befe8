// SPDX-License-Identifier: Apache-2.0
// /proc/mounts: which mounts there are, and of what class. Asking a filesystem for its space is the
// collector's. Threading: pure functions; any context.
#include "parse.h"

#include <string.h>

struct type_class {
    const char *type; // a trailing '*' stands for any end
    enum varve_mount_class class;
};

// What is not listed is storage. `rootfs` is the kernel's own, hidden under the real root.
static const struct type_class classes[] = {
    {"overlay", VARVE_MOUNT_OVERLAY},    {"overlayfs", VARVE_MOUNT_OVERLAY},
    {"aufs", VARVE_MOUNT_OVERLAY},       {"mini_fo", VARVE_MOUNT_OVERLAY},
    {"squashfs", VARVE_MOUNT_IMAGE},     {"cramfs", VARVE_MOUNT_IMAGE},
    {"romfs", VARVE_MOUNT_IMAGE},        {"erofs", VARVE_MOUNT_IMAGE},
    {"iso9660", VARVE_MOUNT_IMAGE},      {"udf", VARVE_MOUNT_IMAGE},
    {"tmpfs", VARVE_MOUNT_MEMORY},       {"ramfs", VARVE_MOUNT_MEMORY},
    {"devtmpfs", VARVE_MOUNT_PSEUDO},    {"rootfs", VARVE_MOUNT_PSEUDO},
    {"nfs", VARVE_MOUNT_REMOTE},         {"nfs4", VARVE_MOUNT_REMOTE},
    {"cifs", VARVE_MOUNT_REMOTE},        {"smb3", VARVE_MOUNT_REMOTE},
    {"smbfs", VARVE_MOUNT_REMOTE},       {"ncpfs", VARVE_MOUNT_REMOTE},
    {"afs", VARVE_MOUNT_REMOTE},         {"ceph", VARVE_MOUNT_REMOTE},
    {"9p", VARVE_MOUNT_REMOTE},          {"virtiofs", VARVE_MOUNT_REMOTE},
    {"fuseblk", VARVE_MOUNT_STORAGE},    {"fusectl", VARVE_MOUNT_PSEUDO},
    {"fuse*", VARVE_MOUNT_REMOTE},       {"lustre", VARVE_MOUNT_REMOTE},
    {"glusterfs", VARVE_MOUNT_REMOTE},   {"proc", VARVE_MOUNT_PSEUDO},
    {"sysfs", VARVE_MOUNT_PSEUDO},       {"devpts", VARVE_MOUNT_PSEUDO},
    {"devfs", VARVE_MOUNT_PSEUDO},       {"cgroup*", VARVE_MOUNT_PSEUDO},
    {"cpuset", VARVE_MOUNT_PSEUDO},      {"debugfs", VARVE_MOUNT_PSEUDO},
    {"tracefs", VARVE_MOUNT_PSEUDO},     {"securityfs", VARVE_MOUNT_PSEUDO},
    {"selinuxfs", VARVE_MOUNT_PSEUDO},   {"smackfs", VARVE_MOUNT_PSEUDO},
    {"apparmorfs", VARVE_MOUNT_PSEUDO},  {"configfs", VARVE_MOUNT_PSEUDO},
    {"pstore", VARVE_MOUNT_PSEUDO},      {"efivarfs", VARVE_MOUNT_PSEUDO},
    {"bpf", VARVE_MOUNT_PSEUDO},         {"mqueue", VARVE_MOUNT_PSEUDO},
    {"hugetlbfs", VARVE_MOUNT_PSEUDO},   {"autofs", VARVE_MOUNT_PSEUDO},
    {"binfmt_misc", VARVE_MOUNT_PSEUDO}, {"rpc_pipefs", VARVE_MOUNT_PSEUDO},
    {"nfsd", VARVE_MOUNT_PSEUDO},        {"nsfs", VARVE_MOUNT_PSEUDO},
    {"usbfs", VARVE_MOUNT_PSEUDO},       {"usbdevfs", VARVE_MOUNT_PSEUDO},
    {"functionfs", VARVE_MOUNT_PSEUDO},  {"binder", VARVE_MOUNT_PSEUDO},
    {"resctrl", VARVE_MOUNT_PSEUDO},     {"ramoops", VARVE_MOUNT_PSEUDO},
};

bool varve_proc_mount_next(struct varve_span *rest, struct varve_mount *out)
{
    struct varve_span line;
    while (varve_scan_line(rest, &line)) {
        if (varve_scan_token(&line, &out->device) && varve_scan_token(&line, &out->point) &&
            varve_scan_token(&line, &out->type) && varve_scan_token(&line, &out->options))
            return true;
    }
    return false;
}

enum varve_mount_class varve_mount_classify(struct varve_span type)
{
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (varve_glob_list(classes[i].type, type))
            return classes[i].class;
    return VARVE_MOUNT_STORAGE;
}

// "\040" at the front of text.
static bool octal(struct varve_span text, char *out)
{
    unsigned value = 0;
    if (text.len < 4 || text.at[0] != '\\')
        return false;
    for (size_t i = 1; i < 4; i++) {
        if (text.at[i] < '0' || text.at[i] > '7')
            return false;
        value = value * 8 + (unsigned)(text.at[i] - '0');
    }
    *out = (char)(unsigned char)value;
    return value != 0 && value <= 255;
}

bool varve_mount_decode(struct varve_span text, char *buf, size_t cap)
{
    size_t used = 0;
    while (text.len > 0) {
        char c = text.at[0];
        size_t step = octal(text, &c) ? 4 : 1;
        c = step == 1 ? text.at[0] : c;
        if (c == '\0' || used + 1 >= cap)
            return false;
        buf[used++] = c;
        text.at += step;
        text.len -= step;
    }
    if (cap > 0)
        buf[used] = '\0';
    return cap > 0;
}

bool varve_mount_upper(const struct varve_mount *mount, struct varve_span *upper)
{
    static const char device_prefix[] = "overlayfs:";
    static const char option_prefix[] = "upperdir=";
    struct varve_span rest = mount->options;
    while (rest.len > 0) {
        const char *comma = memchr(rest.at, ',', rest.len);
        size_t n = comma ? (size_t)(comma - rest.at) : rest.len;
        *upper = (struct varve_span){rest.at, n};
        if (varve_span_starts(*upper, option_prefix)) {
            upper->at += sizeof option_prefix - 1;
            upper->len -= sizeof option_prefix - 1;
            return upper->len > 0;
        }
        rest.at += comma ? n + 1 : n;
        rest.len -= comma ? n + 1 : n;
    }
    *upper = mount->device;
    if (!varve_span_starts(*upper, device_prefix))
        return false;
    upper->at += sizeof device_prefix - 1;
    upper->len -= sizeof device_prefix - 1;
    return upper->len > 0;
}

bool varve_mount_contains(struct varve_span dir, struct varve_span path)
{
    if (varve_span_equals(dir, "/"))
        return path.len > 0 && path.at[0] == '/';
    if (dir.len == 0 || path.len < dir.len || memcmp(dir.at, path.at, dir.len) != 0)
        return false;
    return path.len == dir.len || path.at[dir.len] == '/';
}
