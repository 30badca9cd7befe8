// SPDX-License-Identifier: Apache-2.0
// Collector thermal: thermal_celsius{zone} from /sys/class/thermal and /sys/class/hwmon.
//
// A zone's name is its type ("cpu-thermal"); a chip's sensor is "chip:label" or "chip:temp1". When
// two would have the same name, the later one gets its place appended: "acpitz:thermal_zone1",
// "nvme:Composite:hwmon2:temp1". Names survive a reboot better than numbers, which follow the order
// of probing. Chips that only mirror a zone are left out.
//
// A sensor that cannot be read this time (EINVAL and EIO while its device is off) or reads no
// temperature is passed over this time. Sensors that come later (radios, disks) are found every
// RESCAN_RUNS runs, by trying names: listing a directory allocates.
//
// Threading: one worker task at a time.
#include "parse/parse.h"
#include "support/source.h"

#include "varve/host.h"
#include "varve/port.h"

#include <string.h>

#define MAX_SENSORS        48u
#define MAX_ZONES          32u // numbers tried: thermal_zone0 ..
#define MAX_CHIPS          32u // hwmon0 ..
#define MAX_INPUTS         32u // temp1_input ..
#define MISSING_IN_A_ROW   16u // numbers have gaps, but not such wide ones
#define RESCAN_RUNS        20u
#define NAME_BYTES         64u
#define DEFAULT_INTERVAL_S 30

struct options {
    const char *sys;
    int64_t scale; // enum varve_thermal_scale
};

struct sensor {
    uint8_t number; // of the zone or chip
    uint8_t input;  // of the chip, from 1; 0: a zone
    bool in_device; // kernels before 3.15: the files are in hwmonN/device/
    int32_t id;
    enum varve_thermal_scale scale;
    char name[NAME_BYTES];
};

struct state {
    uint32_t runs;
    uint32_t count;
    uint64_t refused;
    struct sensor sensor[MAX_SENSORS];
};

// The sensor's file, for example ".../hwmon1/temp2_label". False when it does not fit.
static bool make_path(const struct varve_instance *self, const struct sensor *at,
                      const char *suffix, char *path, size_t cap)
{
    const struct options *o = self->options;
    const char *device = at->in_device ? "device/" : "";
    if (at->input == 0)
        return varve_format(path, cap, "%s/class/thermal/thermal_zone%u/%s", o->sys,
                            (unsigned)at->number, suffix) < cap;
    if (strcmp(suffix, "name") == 0)
        return varve_format(path, cap, "%s/class/hwmon/hwmon%u/%sname", o->sys,
                            (unsigned)at->number, device) < cap;
    return varve_format(path, cap, "%s/class/hwmon/hwmon%u/%stemp%u_%s", o->sys,
                        (unsigned)at->number, device, (unsigned)at->input, suffix) < cap;
}

static bool read_file(const struct varve_instance *self, const struct sensor *at,
                      const char *suffix, char *buf, size_t cap, struct varve_span *line)
{
    char path[VARVE_PATH_TEXT];
    if (!make_path(self, at, suffix, path, sizeof path))
        return false;
    int len = varve_port_read_text(path, buf, cap);
    *line = varve_sys_line((struct varve_span){buf, len > 0 ? (size_t)len : 0});
    return line->len > 0;
}

// ---- finding sensors

static bool name_taken(const struct state *s, const struct sensor *by)
{
    for (uint32_t i = 0; i < s->count; i++) {
        const struct sensor *other = &s->sensor[i];
        bool itself = other->number == by->number && other->input == by->input;
        if (!itself && strcmp(other->name, by->name) == 0)
            return true;
    }
    return false;
}

static void make_unique(const struct state *s, struct sensor *sensor)
{
    if (!name_taken(s, sensor))
        return;
    size_t len = strlen(sensor->name);
    char *end = sensor->name + len;
    size_t room = sizeof sensor->name - len;
    unsigned number = sensor->number, input = sensor->input;
    if (input == 0)
        varve_format(end, room, ":thermal_zone%u", number);
    else
        varve_format(end, room, ":hwmon%u:temp%u", number, input);
}

static struct sensor *find(struct state *s, const struct sensor *like)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (s->sensor[i].number == like->number && s->sensor[i].input == like->input)
            return &s->sensor[i];
    if (s->count == MAX_SENSORS)
        return NULL;
    s->sensor[s->count] = (struct sensor){.number = like->number, .input = like->input};
    return &s->sensor[s->count++];
}

// Takes a sensor in, or finds it again; one whose name changed is another sensor.
static void adopt(struct varve_instance *self, struct sensor *found)
{
    const struct options *o = self->options;
    struct state *s = self->state;
    make_unique(s, found);
    struct sensor *slot = find(s, found);
    if (slot == NULL && s->refused++ == 0)
        varve_log(VARVE_WARNING, self->name,
                  "more than %u sensors: %s and further ones are "
                  "left out",
                  MAX_SENSORS, found->name);
    if (slot == NULL || strcmp(slot->name, found->name) == 0)
        return;
    *slot = *found;
    slot->scale = (enum varve_thermal_scale)o->scale;
    slot->id = varve_instance_series_label(self, VARVE_GAUGE, "thermal_celsius", "zone", slot->name,
                                           "Cel", "Temperature of a sensor.");
}

static void scan_zones(struct varve_instance *self)
{
    unsigned missing = 0;
    for (unsigned i = 0; i < MAX_ZONES && missing < MISSING_IN_A_ROW; i++) {
        char text[NAME_BYTES];
        struct varve_span type;
        struct sensor zone = {.number = (uint8_t)i};
        missing++;
        if (!read_file(self, &zone, "type", text, sizeof text, &type))
            continue;
        missing = 0;
        if (varve_span_copy(type, zone.name, sizeof zone.name))
            adopt(self, &zone);
    }
}

static bool mirrors_zone(const struct state *s, struct varve_span chip)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (s->sensor[i].input == 0 && varve_sys_is_mirror(varve_span_of(s->sensor[i].name), chip))
            return true;
    return false;
}

static bool input_exists(const struct varve_instance *self, const struct sensor *at)
{
    char path[VARVE_PATH_TEXT];
    return make_path(self, at, "input", path, sizeof path) && varve_port_path_exists(path) == 0;
}

static void scan_inputs(struct varve_instance *self, struct sensor chip, const char *chip_name)
{
    unsigned missing = 0;
    for (unsigned i = 1; i <= MAX_INPUTS && missing < MISSING_IN_A_ROW; i++) {
        char text[NAME_BYTES], label[NAME_BYTES];
        struct varve_span line;
        struct sensor sensor = chip;
        sensor.input = (uint8_t)i;
        missing++;
        if (!input_exists(self, &sensor))
            continue;
        missing = 0;
        if (!read_file(self, &sensor, "label", text, sizeof text, &line) ||
            !varve_span_copy(line, label, sizeof label))
            varve_format(label, sizeof label, "temp%u", i);
        varve_format(sensor.name, sizeof sensor.name, "%s:%s", chip_name, label);
        adopt(self, &sensor);
    }
}

static void scan_chips(struct varve_instance *self)
{
    unsigned missing = 0;
    for (unsigned i = 0; i < MAX_CHIPS && missing < MISSING_IN_A_ROW; i++) {
        char text[NAME_BYTES], name[NAME_BYTES / 2];
        struct varve_span line;
        struct sensor chip = {.number = (uint8_t)i, .input = 1};
        missing++;
        bool found = read_file(self, &chip, "name", text, sizeof text, &line);
        chip.in_device = !found;
        if (!found && !read_file(self, &chip, "name", text, sizeof text, &line))
            continue;
        missing = 0;
        if (varve_span_copy(line, name, sizeof name) && !mirrors_zone(self->state, line))
            scan_inputs(self, chip, name);
    }
}

// ---- the plugin

static void push_sensor(struct varve_instance *self, struct sensor *sensor)
{
    char text[NAME_BYTES];
    struct varve_span line;
    double celsius;
    const char *file = sensor->input == 0 ? "temp" : "input";
    if (!read_file(self, sensor, file, text, sizeof text, &line) ||
        !varve_sys_celsius(line, &sensor->scale, &celsius))
        return;
    // A full ring is counted by the host.
    (void)varve_instance_push(self, sensor->id, celsius);
}

static int collect(struct varve_instance *self)
{
    struct state *s = self->state;
    if (s->runs++ % RESCAN_RUNS == RESCAN_RUNS - 1) {
        scan_zones(self);
        scan_chips(self);
    }
    for (uint32_t i = 0; i < s->count; i++)
        push_sensor(self, &s->sensor[i]);
    return 0;
}

static int init(struct varve_instance *self)
{
    const struct options *o = self->options;
    const struct state *s = self->state;
    scan_zones(self);
    scan_chips(self);
    if (s->count > 0)
        return 0;
    varve_instance_fail(self, "no sensor in %s/class/thermal and %s/class/hwmon", o->sys, o->sys);
    return VARVE_E_NOT_FOUND;
}

// In the order of enum varve_thermal_scale.
static const char *const scales[] = {"auto", "milli", "degrees", NULL};

static const struct varve_option options[] = {
    {"sys", VARVE_OPT_STRING, offsetof(struct options, sys), "/sys", 0, 0, NULL,
     "Where sysfs is mounted."},
    {"scale", VARVE_OPT_CHOICE, offsetof(struct options, scale), "auto", 0, 0, scales,
     "Unit of the sensors: millidegrees, plain degrees, or tell by the size of the numbers."},
    VARVE_OPTIONS_END,
};

static const struct varve_collector_ops ops = {.init = init, .collect = collect};

const struct varve_plugin varve_collector_thermal = {
    VARVE_PLUGIN_HEADER,
    .name = "thermal",
    .summary = "Temperatures of thermal zones and hwmon chips",
    .kind = VARVE_COLLECTOR,
    .options = options,
    .options_size = sizeof(struct options),
    .state_size = sizeof(struct state),
    .collector = &ops,
    .default_interval_ms = DEFAULT_INTERVAL_S * 1000,
};
VARVE_PLUGIN(varve_collector_thermal);
