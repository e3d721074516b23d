/* Metrics: the one struct and its Prometheus text. */
#include "proxy/metrics.h"

struct metrics metrics;

void metrics_write_head(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

int metrics_write(struct buffer *out)
{
#define METRIC(field, type, help)                                                                  \
    metrics_write_head(out, "berth_" #field, #type, help);                                         \
    buffer_printf(out, "berth_" #field " %llu\n", (unsigned long long)metrics.field);
#include "proxy/metrics.def"
#undef METRIC
    return out->overflow ? -1 : 0;
}

void metrics_write_labelled(struct buffer *out, const char *name, const char *label,
                            struct slice label_value, double number)
{
    buffer_printf(out, "%s{%s=\"", name, label);
    for (size_t i = 0; i < label_value.length; i++) {
        char c = label_value.at[i];
        if (c == '\\' || c == '"')
            buffer_char(out, '\\');
        if (c == '\n')
            buffer_text(out, "\\n");
        else
            buffer_char(out, c);
    }
    buffer_printf(out, "\"} %.15g\n", number);
}
