// SPDX-License-Identifier: Apache-2.0
// Collector disk: I/O per disk from /proc/diskstats (2.4: /proc/partitions), space per mount from
// /proc/mounts. Either half works without the other.
//
// I/O: whole disks unless `partitions` says otherwise, each byte once; a disk's series appear with
// its first I/O, so empty card readers and unused MTD block devices cost nothing. dm-* is left out
// by default: its bytes are those of the disks below, and the numbers move between boots.
//
// Space: storage filesystems, each device once (bind mounts and subvolumes repeat it). An overlay
// counts where its upper layer is not itself a listed filesystem (a container), read-only images
// never, tmpfs and network filesystems on demand (asking a dead server for its space hangs).
//
// Counter values are the kernel's; on 32-bit kernels they wrap at 32 bits (network.c says more).
// Threading: one worker task at a time.
#include "parse/parse.h"
#include "support/source.h"

#include "varve/host.h"
#include "varve/port.h"

#include <string.h>

#define MAX_DISKS    32u
#define MAX_MOUNTS   32u
#define TEXT_BYTES   16384u
#define SECTOR_BYTES 512.0

struct options {
    const char *proc;
    const char *root;
    const char *ignore;
    const char *ignore_mounts;
    bool io, space, partitions, tmpfs, remote;
};

enum {
    SIZE,
    FREE,
    USED_RATIO,
    SPACE_METRICS
};

// A mount of the current run; the spans point into the text.
struct listed {
    struct varve_span device, point;
    enum varve_mount_class class;
};

struct state {
    bool io, space;
    struct varve_source diskstats, mounts;
    struct varve_slots disks, points;
    struct varve_slot disk[MAX_DISKS];
    struct varve_slot point[MAX_MOUNTS];
    size_t listed_count;
    struct listed listed[MAX_MOUNTS];
    char text[TEXT_BYTES];
};

struct metric {
    const char *name;
    const char *unit;
    const char *help;
    enum varve_kind kind;
    double scale;
};

_Static_assert(VARVE_DISK_FIELDS <= VARVE_SLOT_SERIES, "a slot holds a disk's series");
_Static_assert(SPACE_METRICS <= VARVE_SLOT_SERIES, "a slot holds a mount's series");

static const struct metric io_metrics[VARVE_DISK_FIELDS] = {
    [VARVE_DISK_READS] = {"disk_reads_completed_total", "1", "Reads done.", VARVE_COUNTER, 1.0},
    [VARVE_DISK_READ_SECTORS] = {"disk_read_bytes_total", "By", "Bytes read.", VARVE_COUNTER,
                                 SECTOR_BYTES},
    [VARVE_DISK_READ_MS] = {"disk_read_time_seconds_total", "s", "Time that all reads took.",
                            VARVE_COUNTER, 1e-3},
    [VARVE_DISK_WRITES] = {"disk_writes_completed_total", "1", "Writes done.", VARVE_COUNTER, 1.0},
    [VARVE_DISK_WRITE_SECTORS] = {"disk_written_bytes_total", "By", "Bytes written.", VARVE_COUNTER,
                                  SECTOR_BYTES},
    [VARVE_DISK_WRITE_MS] = {"disk_write_time_seconds_total", "s", "Time that all writes took.",
                             VARVE_COUNTER, 1e-3},
    [VARVE_DISK_IN_FLIGHT] = {"disk_io_in_flight", "1", "Requests under way.", VARVE_GAUGE, 1.0},
    [VARVE_DISK_IO_MS] = {"disk_io_time_seconds_total", "s", "Time with a request under way.",
                          VARVE_COUNTER, 1e-3},
};

static const struct metric space_metrics[SPACE_METRICS] = {
    [SIZE] = {"disk_size_bytes", "By", "Size of the filesystem.", VARVE_GAUGE, 1.0},
    [FREE] = {"disk_free_bytes", "By", "Bytes free to unprivileged writers.", VARVE_GAUGE, 1.0},
    [USED_RATIO] = {"disk_used_ratio", "1", "Part that unprivileged writers cannot use, 0 to 1.",
                    VARVE_GAUGE, 1.0},
};

static void push(struct varve_instance *self, struct varve_slot *slot, size_t i,
                 const struct metric *metric, const char *label, double value)
{
    if (slot->id[i] == VARVE_UNREGISTERED)
        slot->id[i] = varve_instance_series_label(self, metric->kind, metric->name, label,
                                                  slot->name, metric->unit, metric->help);
    // A full ring is counted by the host.
    (void)varve_instance_push(self, slot->id[i], value);
}

// ---- I/O

// 3 ms are 0.003 s exactly as a reader would write it: divide, do not multiply by 0.001.
static double scaled(uint64_t value, double scale)
{
    return scale < 1.0 ? (double)value / 1000.0 : (double)value * scale;
}

static void push_disk(struct varve_instance *self, const struct varve_disk_line *line)
{
    struct state *s = self->state;
    if (line->value[VARVE_DISK_READS] == 0 && line->value[VARVE_DISK_WRITES] == 0)
        return;
    struct varve_slot *slot = varve_slots_find(self, &s->disks, line->name);
    for (size_t i = 0; slot != NULL && i < VARVE_DISK_FIELDS; i++)
        if ((line->have >> i & 1u) != 0)
            push(self, slot, i, &io_metrics[i], "device",
                 scaled(line->value[i], io_metrics[i].scale));
}

static int collect_io(struct varve_instance *self)
{
    const struct options *o = self->options;
    struct state *s = self->state;
    struct varve_span text, disk = {"", 0};
    struct varve_disk_line line;
    int rc = varve_source_read(self, &s->diskstats, s->text, sizeof s->text, &text);
    if (rc != 0)
        return rc;
    varve_slots_begin(&s->disks);
    while (varve_proc_disk_next(&text, &line)) {
        bool partition = varve_disk_is_partition(disk, line.name);
        if (!partition)
            disk = line.name;
        if ((!partition || o->partitions) && !varve_glob_list(o->ignore, line.name))
            push_disk(self, &line);
    }
    return 0;
}

// ---- space

static bool same(struct varve_span a, struct varve_span b)
{
    return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

static bool class_wanted(const struct options *o, enum varve_mount_class class)
{
    switch (class) {
    case VARVE_MOUNT_STORAGE:
    case VARVE_MOUNT_OVERLAY:
        return true;
    case VARVE_MOUNT_MEMORY:
        return o->tmpfs;
    case VARVE_MOUNT_REMOTE:
        return o->remote;
    case VARVE_MOUNT_IMAGE:
    case VARVE_MOUNT_PSEUDO:
        break;
    }
    return false;
}

// Its space was, or will be, told under another name.
static bool is_repeated(const struct state *s, const struct varve_mount *mount,
                        enum varve_mount_class class)
{
    struct varve_span upper;
    bool overlay = class == VARVE_MOUNT_OVERLAY && varve_mount_upper(mount, &upper);
    bool has_device = class == VARVE_MOUNT_STORAGE || class == VARVE_MOUNT_REMOTE;
    for (size_t i = 0; i < s->listed_count; i++) {
        const struct listed *other = &s->listed[i];
        if (same(other->point, mount->point))
            return true;
        if (has_device && same(other->device, mount->device))
            return true;
        if (overlay && other->class == VARVE_MOUNT_STORAGE &&
            varve_mount_contains(other->point, upper))
            return true;
    }
    return false;
}

static double ratio_used(uint64_t total, uint64_t free)
{
    double used = total > free ? (double)(total - free) / (double)total : 0.0;
    return (double)(uint64_t)(used * 1e4 + 0.5) / 1e4; // 0.01 % is plenty, and compresses
}

static void push_space(struct varve_instance *self, const char *point)
{
    const struct options *o = self->options;
    struct state *s = self->state;
    char path[VARVE_PATH_TEXT];
    uint64_t total, free;
    if (varve_format(path, sizeof path, "%s%s", o->root, point) >= sizeof path)
        return;
    // What cannot be asked (no permission, gone meanwhile) is passed over this time.
    if (varve_port_path_space(path, &total, &free) != 0 || total == 0)
        return;
    struct varve_slot *slot = varve_slots_find(self, &s->points, varve_span_of(point));
    if (slot == NULL)
        return;
    push(self, slot, SIZE, &space_metrics[SIZE], "mountpoint", (double)total);
    push(self, slot, FREE, &space_metrics[FREE], "mountpoint", (double)free);
    push(self, slot, USED_RATIO, &space_metrics[USED_RATIO], "mountpoint", ratio_used(total, free));
}

static void consider_mount(struct varve_instance *self, const struct varve_mount *mount)
{
    const struct options *o = self->options;
    struct state *s = self->state;
    char point[VARVE_PATH_TEXT];
    enum varve_mount_class class = varve_mount_classify(mount->type);
    if (!class_wanted(o, class) || !varve_mount_decode(mount->point, point, sizeof point) ||
        varve_glob_list(o->ignore_mounts, varve_span_of(point)) || is_repeated(s, mount, class))
        return;
    if (s->listed_count < MAX_MOUNTS)
        s->listed[s->listed_count++] =
            (struct listed){.device = mount->device, .point = mount->point, .class = class};
    push_space(self, point);
}

static int collect_space(struct varve_instance *self)
{
    struct state *s = self->state;
    struct varve_span text;
    struct varve_mount mount;
    int rc = varve_source_read(self, &s->mounts, s->text, sizeof s->text, &text);
    if (rc != 0)
        return rc;
    varve_slots_begin(&s->points);
    s->listed_count = 0;
    while (varve_proc_mount_next(&text, &mount))
        consider_mount(self, &mount);
    return 0;
}

// ---- the plugin

static int collect(struct varve_instance *self)
{
    const struct state *s = self->state;
    int io = s->io ? collect_io(self) : 0;
    int space = s->space ? collect_space(self) : 0;
    return io != 0 ? io : space;
}

static bool open_diskstats(struct varve_instance *self)
{
    const struct options *o = self->options;
    struct state *s = self->state;
    return varve_source_open(self, &s->diskstats, o->proc, "/diskstats") == 0 ||
           varve_source_open(self, &s->diskstats, o->proc, "/partitions") == 0;
}

static int init(struct varve_instance *self)
{
    const struct options *o = self->options;
    struct state *s = self->state;
    varve_slots_init(&s->disks, s->disk, MAX_DISKS, "disks");
    varve_slots_init(&s->points, s->point, MAX_MOUNTS, "mounts");
    s->io = o->io && open_diskstats(self);
    s->space = o->space && varve_source_open(self, &s->mounts, o->proc, "/mounts") == 0;
    if (o->io && !s->io && s->space)
        varve_log(VARVE_NOTICE, self->name, "%s/diskstats is missing: space only", o->proc);
    if (o->space && !s->space && s->io)
        varve_log(VARVE_NOTICE, self->name, "%s/mounts is missing: I/O only", o->proc);
    if (s->io || s->space)
        return 0;
    varve_instance_fail(self, "nothing to read: io needs %s/diskstats, space %s/mounts", o->proc,
                        o->proc);
    return VARVE_E_NOT_FOUND;
}

static const struct varve_option options[] = {
    {"proc", VARVE_OPT_STRING, offsetof(struct options, proc), "/proc", 0, 0, NULL,
     "Where procfs is mounted."},
    {"root", VARVE_OPT_STRING, offsetof(struct options, root), "", 0, 0, NULL,
     "Put before every mount point, for a host's filesystems seen from a container."},
    {"io", VARVE_OPT_BOOL, offsetof(struct options, io), "yes", 0, 0, NULL,
     "Keep I/O counters of disks."},
    {"space", VARVE_OPT_BOOL, offsetof(struct options, space), "yes", 0, 0, NULL,
     "Keep size and free space of filesystems."},
    {"ignore", VARVE_OPT_STRING, offsetof(struct options, ignore),
     "loop* ram* zram* dm-* sr* fd* nbd*", 0, 0, NULL,
     "Disks to leave out: names with * and ?, separated by blanks."},
    {"partitions", VARVE_OPT_BOOL, offsetof(struct options, partitions), "no", 0, 0, NULL,
     "Keep I/O counters of partitions as well."},
    {"ignore_mounts", VARVE_OPT_STRING, offsetof(struct options, ignore_mounts),
     "/etc/* /snap/* /var/lib/docker/* /var/lib/containers/* /var/lib/kubelet/*", 0, 0, NULL,
     "Mount points to leave out: paths with * and ?, separated by blanks."},
    {"tmpfs", VARVE_OPT_BOOL, offsetof(struct options, tmpfs), "no", 0, 0, NULL,
     "Keep the space of tmpfs and ramfs as well."},
    {"remote", VARVE_OPT_BOOL, offsetof(struct options, remote), "no", 0, 0, NULL,
     "Keep the space of network and FUSE filesystems as well; a dead server may block the run."},
    VARVE_OPTIONS_END,
};

static const struct varve_collector_ops ops = {.init = init, .collect = collect};

const struct varve_plugin varve_collector_disk = {
    VARVE_PLUGIN_HEADER,
    .name = "disk",
    .summary = "I/O per disk and space per filesystem",
    .kind = VARVE_COLLECTOR,
    .options = options,
    .options_size = sizeof(struct options),
    .state_size = sizeof(struct state),
    .collector = &ops,
};
VARVE_PLUGIN(varve_collector_disk);
