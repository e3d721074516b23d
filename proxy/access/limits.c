/* Limits: one record an identity or tenant, made when first needed, dropped when idle and the table
 * is full. */
#include "proxy/access/limits.h"

#include "policy/base/table.h"

#include <stdlib.h>

struct record {
    double tokens;
    uint64_t filled_ms;
    int64_t streams;
    struct quota reserved;
};

struct limits {
    struct table *table; /* name -> record */
};

struct limits *limits_new(void)
{
    struct limits *limits = xcalloc(1, sizeof(*limits));
    limits->table = table_new();
    return limits;
}

void limits_free(struct limits **limits)
{
    size_t cursor = 0;
    struct slice key;
    void *record;
    if (!*limits)
        return;
    while (table_each((*limits)->table, &cursor, &key, &record))
        free(record);
    table_free(&(*limits)->table);
    free(*limits);
    *limits = NULL;
}

static bool idle(const struct record *record)
{
    return record->streams == 0 && record->reserved.containers == 0;
}

/* Makes room by dropping every record that holds nothing. Their buckets fill up: the price of a
 * full table. */
static void sweep(struct limits *limits)
{
    size_t cursor = 0;
    struct slice key;
    void *record;
    while (table_each(limits->table, &cursor, &key, &record)) {
        if (!idle(record))
            continue;
        table_remove(limits->table, key);
        free(record);
    }
}

/* The record of `who`, made if needed; NULL when the table is full of busy ones. */
static struct record *get(struct limits *limits, struct slice who, double tokens, uint64_t now_ms)
{
    struct record *record = table_find(limits->table, who);
    if (record)
        return record;
    if (table_count(limits->table) >= LIMITS_MAX_IDENTITIES)
        sweep(limits);
    if (table_count(limits->table) >= LIMITS_MAX_IDENTITIES)
        return NULL;
    record = xcalloc(1, sizeof(*record));
    record->tokens = tokens;
    record->filled_ms = now_ms;
    table_put(limits->table, who, record);
    return record;
}

static int too_many_identities(struct failure *failure)
{
    return failure_set(failure, FAILURE_TOO_MANY, "more than %d identities are busy at once",
                       LIMITS_MAX_IDENTITIES);
}

int limits_take_request(struct limits *limits, struct slice who, const struct access_limits *rule,
                        uint64_t now_ms, uint64_t *retry_ms, struct failure *failure)
{
    if (rule->rate <= 0)
        return 0;
    struct record *record = get(limits, who, rule->burst, now_ms);
    *retry_ms = 1000;
    if (!record)
        return too_many_identities(failure);
    record->tokens += (double)(now_ms - record->filled_ms) * rule->rate / 1000;
    record->filled_ms = now_ms;
    if (record->tokens > rule->burst)
        record->tokens = rule->burst;
    if (record->tokens >= 1) {
        record->tokens -= 1;
        return 0;
    }
    *retry_ms = (uint64_t)((1 - record->tokens) * 1000 / rule->rate) + 1;
    return failure_set(failure, FAILURE_TOO_MANY,
                       SLICE_FMT " may make %g requests a second; try again in %g s",
                       SLICE_ARG(who), rule->rate, (double)*retry_ms / 1000);
}

int limits_stream_began(struct limits *limits, struct slice who, const struct access_limits *rule,
                        struct failure *failure)
{
    struct record *record = get(limits, who, rule->burst, 0);
    if (!record)
        return too_many_identities(failure);
    if (rule->streams > 0 && record->streams >= rule->streams)
        return failure_set(failure, FAILURE_TOO_MANY,
                           SLICE_FMT " has %lld streams open already, which is its limit",
                           SLICE_ARG(who), (long long)rule->streams);
    record->streams++;
    return 0;
}

void limits_stream_ended(struct limits *limits, struct slice who)
{
    struct record *record = table_find(limits->table, who);
    must(record && record->streams > 0);
    record->streams--;
}

/* One quota: -1 with words when `used` + `held` + `asked` is over `limit` (0: none). */
static int check(struct slice tenant, const char *what, int64_t limit, int64_t taken, int64_t asked,
                 int64_t unit, const char *unit_name, struct failure *failure)
{
    if (limit == 0 || asked == 0 || asked <= limit - taken)
        return 0;
    return failure_set(failure, FAILURE_DENIED,
                       "quota of " SLICE_FMT ": %g%s %s asked for, %g of %g%s taken",
                       SLICE_ARG(tenant), (double)asked / (double)unit, unit_name, what,
                       (double)taken / (double)unit, (double)limit / (double)unit, unit_name);
}

int limits_quota_reserve(struct limits *limits, struct slice tenant,
                         const struct access_limits *rule, const struct quota *used,
                         const struct quota *asked, struct failure *failure)
{
    struct record *record = get(limits, tenant, rule->burst, 0);
    if (!record)
        return too_many_identities(failure);
    struct quota *held = &record->reserved;
    if ((rule->memory_bytes > 0 && asked->resources.memory_bytes == 0) ||
        (rule->nano_cpus > 0 && asked->resources.nano_cpus == 0))
        return failure_set(
            failure, FAILURE_DENIED,
            SLICE_FMT " has a quota of %s: say how much the container needs (%s)",
            SLICE_ARG(tenant),
            rule->memory_bytes > 0 && asked->resources.memory_bytes == 0 ? "memory" : "CPUs",
            rule->memory_bytes > 0 && asked->resources.memory_bytes == 0 ? "--memory" : "--cpus");
    if (check(tenant, "containers", rule->containers, used->containers + held->containers,
              asked->containers, 1, "", failure) != 0 ||
        check(tenant, "memory", rule->memory_bytes,
              used->resources.memory_bytes + held->resources.memory_bytes,
              asked->resources.memory_bytes, 1 << 20, " MiB", failure) != 0 ||
        check(tenant, "CPUs", rule->nano_cpus,
              used->resources.nano_cpus + held->resources.nano_cpus, asked->resources.nano_cpus,
              1000000000, "", failure) != 0)
        return -1;
    held->containers += asked->containers;
    held->resources.memory_bytes += asked->resources.memory_bytes;
    held->resources.nano_cpus += asked->resources.nano_cpus;
    return 0;
}

void limits_quota_release(struct limits *limits, struct slice tenant, const struct quota *asked)
{
    struct record *record = table_find(limits->table, tenant);
    must(record && record->reserved.containers >= asked->containers);
    record->reserved.containers -= asked->containers;
    record->reserved.resources.memory_bytes -= asked->resources.memory_bytes;
    record->reserved.resources.nano_cpus -= asked->resources.nano_cpus;
}
