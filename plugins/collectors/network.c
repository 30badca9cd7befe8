// SPDX-License-Identifier: Apache-2.0
// Collector network: traffic counters per interface from /proc/net/dev.
//
// An interface's series appear when it does. Values are the kernel's: on 32-bit kernels before
// 2.6.37, and with some drivers of later ones, counters are 32 bits wide and wrap (at 100 Mbit/s
// every 5.7 minutes). A wrap cannot be told from a driver that was reloaded, so it counts as a
// restart: the increase up to the wrap is lost, nothing is invented.
//
// Threading: one worker task at a time.
#include "parse/parse.h"
#include "support/source.h"

#define MAX_INTERFACES 64u
#define TEXT_BYTES     16384u // about 120 lines

struct options {
    const char *proc;
    const char *ignore;
};

struct state {
    struct varve_source source;
    struct varve_slots interfaces;
    struct varve_slot slot[MAX_INTERFACES];
    char text[TEXT_BYTES];
};

struct metric {
    const char *name;
    const char *unit;
    const char *help;
};

_Static_assert(VARVE_NET_FIELDS <= VARVE_SLOT_SERIES, "a slot holds an interface's series");

static const struct metric metrics[VARVE_NET_FIELDS] = {
    [VARVE_NET_RX_BYTES] = {"network_receive_bytes_total", "By", "Bytes received."},
    [VARVE_NET_RX_PACKETS] = {"network_receive_packets_total", "1", "Packets received."},
    [VARVE_NET_RX_ERRORS] = {"network_receive_errors_total", "1", "Packets received damaged."},
    [VARVE_NET_RX_DROPS] = {"network_receive_drops_total", "1",
                            "Packets received and dropped for want of room or of a taker."},
    [VARVE_NET_TX_BYTES] = {"network_transmit_bytes_total", "By", "Bytes sent."},
    [VARVE_NET_TX_PACKETS] = {"network_transmit_packets_total", "1", "Packets sent."},
    [VARVE_NET_TX_ERRORS] = {"network_transmit_errors_total", "1", "Packets that failed."},
    [VARVE_NET_TX_DROPS] = {"network_transmit_drops_total", "1",
                            "Packets dropped before they were sent."},
};

static void push_interface(struct varve_instance *self, struct varve_slot *slot,
                           const struct varve_netdev *dev)
{
    for (size_t i = 0; i < VARVE_NET_FIELDS; i++) {
        if (slot->id[i] == VARVE_UNREGISTERED)
            slot->id[i] =
                varve_instance_series_label(self, VARVE_COUNTER, metrics[i].name, "device",
                                            slot->name, metrics[i].unit, metrics[i].help);
        // A full ring is counted by the host.
        (void)varve_instance_push(self, slot->id[i], (double)dev->value[i]);
    }
}

static int collect(struct varve_instance *self)
{
    const struct options *o = self->options;
    struct state *s = self->state;
    struct varve_span text;
    struct varve_netdev dev;
    int rc = varve_source_read(self, &s->source, s->text, sizeof s->text, &text);
    if (rc != 0)
        return rc;
    varve_slots_begin(&s->interfaces);
    while (varve_proc_netdev_next(&text, &dev)) {
        if (varve_glob_list(o->ignore, dev.name))
            continue;
        struct varve_slot *slot = varve_slots_find(self, &s->interfaces, dev.name);
        if (slot != NULL)
            push_interface(self, slot, &dev);
    }
    return 0;
}

static int init(struct varve_instance *self)
{
    const struct options *o = self->options;
    struct state *s = self->state;
    varve_slots_init(&s->interfaces, s->slot, MAX_INTERFACES, "interfaces");
    return varve_source_open(self, &s->source, o->proc, "/net/dev");
}

static const struct varve_option options[] = {
    {"proc", VARVE_OPT_STRING, offsetof(struct options, proc), "/proc", 0, 0, NULL,
     "Where procfs is mounted."},
    {"ignore", VARVE_OPT_STRING, offsetof(struct options, ignore), "lo", 0, 0, NULL,
     "Interfaces to leave out: names with * and ?, separated by blanks."},
    VARVE_OPTIONS_END,
};

static const struct varve_collector_ops ops = {.init = init, .collect = collect};

const struct varve_plugin varve_collector_network = {
    VARVE_PLUGIN_HEADER,
    .name = "network",
    .summary = "Bytes, packets, errors and drops per interface",
    .kind = VARVE_COLLECTOR,
    .options = options,
    .options_size = sizeof(struct options),
    .state_size = sizeof(struct state),
    .collector = &ops,
};
VARVE_PLUGIN(varve_collector_network);
