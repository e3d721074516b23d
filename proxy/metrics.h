/* Metrics: counters and gauges, one global struct made from metrics.def; whoever sees the thing
 * happen counts it: `metrics.requests_total++`. One thread. */
#pragma once

#include "policy/base/memory.h"

struct metrics {
#define METRIC(field, type, help) uint64_t field;
#include "proxy/metrics.def"
#undef METRIC
};

extern struct metrics metrics;

/* Appends all of them as Prometheus text (version 0.0.4). -1 when the buffer is full. */
int metrics_write(struct buffer *out);
/* One family with one label: "berth_x{node=\"n1\"} 5"; value text is escaped. */
void metrics_write_labelled(struct buffer *out, const char *name, const char *label,
                            struct slice label_value, double number);
/* Head of such a family. */
void metrics_write_head(struct buffer *out, const char *name, const char *type, const char *help);
