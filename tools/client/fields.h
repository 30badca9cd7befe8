// SPDX-License-Identifier: Apache-2.0
// The fields of the structs that travel, as tables: one table serves the wire, JSON and CSV.
//
// Owns which fields there are, in which order and under which stable name. Leaves how they look in
// JSON or on a terminal to tools/varve.
//
// Threading: the tables are const; the functions keep no state.
#ifndef VARVE_FIELDS_H
#define VARVE_FIELDS_H

#include "varve/expr.h"
#include "varve/prune.h"
#include "varve/query.h"
#include "wire.h"

enum varve_field_type {
    VARVE_FIELD_BOOL,
    VARVE_FIELD_U32,
    VARVE_FIELD_U64,
    VARVE_FIELD_I32,
    VARVE_FIELD_I64,
    VARVE_FIELD_TIME, // i64; INT64_MIN and INT64_MAX mean that there is none
    VARVE_FIELD_F64,
    VARVE_FIELD_TEXT, // char array
    VARVE_FIELD_ENUM, // int or unsigned of 32 bits; 0 .. limit
};

struct varve_field {
    const char *name; // NULL ends a table
    enum varve_field_type type;
    size_t offset;
    size_t size;  // TEXT: of the array
    size_t limit; // ENUM: the highest value
};

extern const struct varve_field varve_stats_fields[]; // without its two arrays
extern const struct varve_field varve_tier_fields[];
extern const struct varve_field varve_backend_fields[];
extern const struct varve_field varve_instance_fields[];
extern const struct varve_field varve_event_fields[];
extern const struct varve_field varve_info_fields[];
extern const struct varve_field varve_prune_fields[]; // of struct varve_prune_report, without tiers
extern const struct varve_field varve_prune_tier_fields[];

void varve_fields_put(struct varve_wire_writer *w, const struct varve_field *table,
                      const void *object);
// Fills the fields in the table and no other byte of the object.
void varve_fields_get(struct varve_wire_reader *r, const struct varve_field *table, void *object);

// A whole struct varve_stats, arrays included. A count above the caps fails the reader.
void varve_stats_put(struct varve_wire_writer *w, const struct varve_stats *stats);
void varve_stats_get(struct varve_wire_reader *r, struct varve_stats *stats);

// A query as a request's payload. The selector read stays inside the payload.
void varve_query_put(struct varve_wire_writer *w, const struct varve_query *query);
void varve_query_get(struct varve_wire_reader *r, struct varve_query *query);

// The same for an expression.
void varve_expr_put(struct varve_wire_writer *w, const struct varve_expr_query *query);
void varve_expr_get(struct varve_wire_reader *r, struct varve_expr_query *query);

// A request to prune, without who asks, and its report. What was read of the request stays inside
// the payload.
void varve_prune_request_put(struct varve_wire_writer *w,
                             const struct varve_prune_request *request);
void varve_prune_request_get(struct varve_wire_reader *r, struct varve_prune_request *request);
void varve_prune_report_put(struct varve_wire_writer *w, const struct varve_prune_report *report);
void varve_prune_report_get(struct varve_wire_reader *r, struct varve_prune_report *report);

#endif
