/* Messages: building and reading the JSON of joining. */
#include "agent/messages.h"

#include "proxy/json.h"

#include <stdlib.h>

#define MAX_FACTS 32 /* of --fact-command; the manager takes 64 together with --fact */

int engine_facts_read(struct engine_facts *facts, struct slice info, struct failure *failure)
{
    struct arena *arena = arena_new();
    struct value *value = json_parse(arena, info, failure);
    struct slice id = value_get_text(value, "ID"), name = value_get_text(value, "Name");
    int result = 0;

    *facts = (struct engine_facts){0};
    if (!value)
        result = failure_prefix(failure, "the engine's /info");
    else if (id.length == 0 || name.length == 0)
        result = failure_set(failure, FAILURE_INVALID,
                             "the engine's /info has no ID or Name: is it a Docker engine?");
    else
        *facts = (struct engine_facts){xslicedup(id), xslicedup(name)};
    arena_free(&arena);
    return result;
}

void engine_facts_deinit(struct engine_facts *facts)
{
    free(facts->id);
    free(facts->host_name);
    *facts = (struct engine_facts){0};
}

static void add_pairs(struct arena *arena, struct value *map, const struct agent_list *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        struct slice pair = slice_of(pairs->list[i]);
        size_t equals = (size_t)slice_find(pair, '=');

        value_set_slice(arena, map, slice_cut(pair, 0, equals),
                        value_text(arena, slice_from(pair, equals + 1)));
    }
}

struct slice join_body(struct arena *arena, const struct agent_options *options,
                       const struct engine_facts *engine, const char *advertise, const char *key,
                       struct slice csr, struct tags facts)
{
    struct value *body = value_map(arena);
    struct value *fact_map;

    value_set_text(arena, body, "cluster", slice_of(options->cluster));
    value_set_text(arena, body, "name",
                   slice_of(options->name ? options->name : engine->host_name));
    value_set_text(arena, body, "engine_id", slice_of(engine->id));
    value_set_text(arena, body, "engine", slice_of(advertise));
    if (key)
        value_set_text(arena, body, "key", slice_of(key));
    if (csr.length) {
        value_set_text(arena, body, "gate", slice_of(advertise));
        value_set_text(arena, body, "csr", csr);
    }
    if (options->address)
        value_set_text(arena, body, "address", slice_of(options->address));
    if (options->pool)
        value_set_text(arena, body, "pool", slice_of(options->pool));
    if (options->memory_bytes)
        value_set_int(arena, body, "memory_bytes", options->memory_bytes);
    if (options->nano_cpus)
        value_set_int(arena, body, "nano_cpus", options->nano_cpus);
    add_pairs(arena, value_submap(arena, body, "tags"), &options->constraints);
    fact_map = value_submap(arena, body, "facts");
    add_pairs(arena, fact_map, &options->facts);
    for (size_t i = 0; i < facts.count; i++)
        value_set_slice(arena, fact_map, facts.list[i].key, value_text(arena, facts.list[i].value));
    return json_text(arena, body);
}

struct tags fact_lines(struct arena *arena, struct slice text, size_t *bad)
{
    struct tag *list = arena_alloc(arena, MAX_FACTS * sizeof(*list));
    struct slice line;
    size_t count = 0;

    *bad = 0;
    while (slice_next(&text, '\n', &line)) {
        ptrdiff_t equals;

        line = slice_trim(line);
        equals = slice_find(line, '=');
        if (line.length == 0)
            continue;
        if (equals <= 0 || count == MAX_FACTS) {
            (*bad)++;
            continue;
        }
        list[count].key = arena_copy(arena, slice_trim(slice_cut(line, 0, (size_t)equals)));
        list[count].value = arena_copy(arena, slice_trim(slice_from(line, (size_t)equals + 1)));
        count++;
    }
    return (struct tags){list, count};
}

struct slice error_message(struct arena *arena, int status, struct slice body)
{
    struct value *value = json_parse(arena, body, NULL);
    struct slice message = value_get_text(value, "message");

    return message.length
               ? message
               : arena_printf(arena, "status %d without a message: is it a berth manager?", status);
}

static enum verdict verdict_of(int status, struct slice reason)
{
    if (status == 401)
        return VERDICT_TOKEN;
    if (slice_is(reason, "cluster"))
        return VERDICT_CLUSTER;
    if (status == 409)
        return VERDICT_CLASH;
    return status >= 500 || status == 429 ? VERDICT_LATER : VERDICT_REFUSED;
}

enum verdict join_answer_read(int status, struct slice body, char **lease, int64_t *lease_ms,
                              struct failure *why)
{
    struct arena *arena = arena_new();
    struct value *value = json_parse(arena, body, NULL);
    struct slice secret = value_get_text(value, "lease");
    enum verdict verdict;

    *lease = NULL;
    *lease_ms = value_get_int(value, "lease_ms", 0);
    if (status == 200 && secret.length && *lease_ms >= 100 && *lease_ms <= 3600000) {
        *lease = xslicedup(secret);
        verdict = VERDICT_JOINED;
    } else if (status == 200) {
        failure_set(why, FAILURE_INVALID,
                    "the answer to the join has no lease: is it a berth manager?");
        verdict = VERDICT_REFUSED;
    } else {
        verdict = verdict_of(status, value_get_text(value, "reason"));
        failure_set(why, FAILURE_DENIED, SLICE_FMT, SLICE_ARG(error_message(arena, status, body)));
    }
    arena_free(&arena);
    return verdict;
}

static bool is_local(struct slice address)
{
    ptrdiff_t scheme = slice_find(address, ':');
    struct slice host = slice_from(address, (size_t)(scheme + 3));

    return slice_starts(address, "unix://") || slice_starts(host, "127.") ||
           slice_starts(host, "localhost") || slice_starts(host, "[::1]");
}

char *advertise_choose(const struct agent_options *options, struct failure *failure)
{
    const char *chosen = options->advertise ? options->advertise
                         : options->gate    ? options->gate
                                            : options->engine;
    struct slice text = slice_of(chosen);

    if (options->gate && !options->state) {
        failure_set(failure, FAILURE_INVALID,
                    "--gate needs --state DIR for its key and certificate");
        return NULL;
    }
    if (options->gate && strcmp(options->gate, "dial") == 0)
        return xstrdup("dial");
    if (options->gate && (!slice_starts(text, "tcp://") || slice_starts(text, "tcp://0.0.0.0") ||
                          slice_starts(text, "tcp://[::]"))) {
        failure_set(failure, FAILURE_INVALID,
                    "the manager can't reach a gate at %s: say with --advertise tcp://ADDRESS:PORT "
                    "where it can",
                    chosen);
        return NULL;
    }

    if (!slice_starts(text, "tcp://") && !slice_starts(text, "unix://")) {
        failure_set(failure, FAILURE_INVALID,
                    "\"%s\" is no address of an engine: write tcp://HOST:PORT or unix:///PATH",
                    chosen);
        return NULL;
    }
    if (is_local(text)) {
        for (size_t i = 0; i < options->managers.count; i++) {
            if (is_local(slice_of(options->managers.list[i])))
                continue;
            failure_set(failure, FAILURE_INVALID,
                        "the manager %s can't reach the engine at %s: say with --advertise "
                        "tcp://ADDRESS:PORT where the engine listens on the network",
                        options->managers.list[i], chosen);
            return NULL;
        }
    }
    return xstrdup(chosen);
}
