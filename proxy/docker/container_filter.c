/* Container filter: the table of keys, and one test per key that the cache can answer. Ancestor,
 * expose, publish, is-task and isolation need the engine (image parents, port ranges). */
#include "proxy/docker/container_filter.h"

#include "proxy/json.h"

static const char *const keys[] = {"ancestor", "before",    "exited", "expose", "health",  "id",
                                   "is-task",  "isolation", "label",  "name",   "network", "node",
                                   "publish",  "since",     "status", "volume", NULL};
static const char *const live_keys[] = {"ancestor", "expose", "is-task", "isolation", "publish"};

static int check_words(const struct filters *filters, const char *key, const char *const *words,
                       struct failure *failure)
{
    const struct filter *filter = filters_find(filters, key);
    for (const struct filter_value *value = filter ? filter->first : NULL; value;
         value = value->next) {
        const char *const *word = words;
        while (*word && !slice_is(value->text, *word))
            word++;
        if (!*word)
            return failure_set(failure, FAILURE_INVALID, "invalid filter '%s=" SLICE_FMT "'", key,
                               SLICE_ARG(value->text));
    }
    return 0;
}

static int check_exited(const struct filters *filters, struct failure *failure)
{
    const struct filter *filter = filters_find(filters, "exited");
    int64_t code;
    for (const struct filter_value *value = filter ? filter->first : NULL; value;
         value = value->next) {
        if (slice_to_i64(value->text, &code) != 0)
            return failure_set(failure, FAILURE_INVALID, "invalid filter 'exited=" SLICE_FMT "'",
                               SLICE_ARG(value->text));
    }
    return 0;
}

static int check_values(const struct filters *filters, struct failure *failure)
{
    static const char *const states[] = {"created", "running", "paused",  "restarting", "removing",
                                         "exited",  "dead",    "pending", NULL};
    static const char *const healths[] = {"starting", "healthy", "unhealthy", "none", NULL};
    if (check_words(filters, "status", states, failure) != 0 ||
        check_words(filters, "health", healths, failure) != 0)
        return -1;
    return check_exited(filters, failure);
}

/* before= and since=: the container named. */
static int take_time(struct container_filter *filter, struct cluster *cluster, const char *key,
                     struct container_entry **entry, struct failure *failure)
{
    const struct filter *taken = filters_take(&filter->filters, key);
    if (!taken || !taken->first)
        return 0;
    return cluster_find_container(cluster, taken->first->text, entry, failure);
}

int container_filter_read(struct container_filter *filter, struct cluster *cluster,
                          const struct query *query, struct arena *arena, struct failure *failure)
{
    int64_t limit;
    *filter = (struct container_filter){0};
    if (filters_parse(&filter->filters, arena, query_get(query, "filters"), keys, failure) != 0 ||
        check_values(&filter->filters, failure) != 0 ||
        query_int(query, "limit", 0, &limit, failure) != 0 ||
        take_time(filter, cluster, "before", &filter->before, failure) != 0 ||
        take_time(filter, cluster, "since", &filter->since, failure) != 0)
        return -1;
    filter->before_ns = filter->before ? filter->before->view.created_ns : 0;
    filter->since_ns = filter->since ? filter->since->view.created_ns : 0;
    filter->node = filters_take(&filter->filters, "node");
    filter->limit = limit > 0 ? limit : 0;
    filter->size = query_bool(query, "size", false);
    filter->all = query_bool(query, "all", false) || filter->limit > 0 ||
                  filters_find(&filter->filters, "status");
    for (size_t i = 0; i < sizeof(live_keys) / sizeof(live_keys[0]); i++)
        filter->live = filter->live || filters_find(&filter->filters, live_keys[i]);
    return 0;
}

/* ---- one entry ---- */

static bool runs(const struct container_entry *entry)
{
    return entry->view.state == CONTAINER_RUNNING || entry->view.state == CONTAINER_PAUSED ||
           entry->view.state == CONTAINER_RESTARTING || entry->view.state == CONTAINER_PENDING;
}

static bool shows_name(const struct filters *filters, struct slice name,
                       const struct engine_node *node, struct arena *arena)
{
    if (!filters_find(filters, "name"))
        return true;
    struct slice slashed = arena_printf(arena, "/" SLICE_FMT, SLICE_ARG(name));
    if (filters_name(filters, "name", name) || filters_name(filters, "name", slashed))
        return true;
    return node && filters_name(filters, "name",
                                arena_printf(arena, SLICE_FMT SLICE_FMT, SLICE_ARG(node->view.name),
                                             SLICE_ARG(slashed)));
}

static bool shows_exited(const struct filters *filters, const struct container_entry *entry)
{
    const struct filter *filter = filters_find(filters, "exited");
    int64_t code;
    if (!filter)
        return true;
    if (runs(entry) || entry->facts.started_ns == 0)
        return false;
    for (const struct filter_value *value = filter->first; value; value = value->next) {
        if (slice_to_i64(value->text, &code) == 0 && code == entry->facts.exit_code)
            return true;
    }
    return false;
}

static bool value_in(const struct filter *filter, struct slice text)
{
    for (const struct filter_value *value = filter->first; value; value = value->next) {
        if (slice_equal(value->text, text))
            return true;
    }
    return false;
}

static bool has_prefix_value(const struct filter *filter, struct slice id)
{
    for (const struct filter_value *value = filter->first; value; value = value->next) {
        if (value->text.length && id.length >= value->text.length &&
            slice_equal(slice_cut(id, 0, value->text.length), value->text))
            return true;
    }
    return false;
}

static bool shows_network(const struct filters *filters, const struct value *row)
{
    const struct filter *filter = filters_find(filters, "network");
    struct value *networks = value_find(value_find(row, "NetworkSettings"), "Networks");
    if (!filter)
        return true;
    VALUE_EACH(network, networks)
    {
        if (value_in(filter, network->key) ||
            has_prefix_value(filter, value_get_text(network, "NetworkID")))
            return true;
    }
    return false;
}

static bool shows_volume(const struct filters *filters, const struct value *row)
{
    const struct filter *filter = filters_find(filters, "volume");
    if (!filter)
        return true;
    struct value *mounts = value_find(row, "Mounts");
    VALUE_EACH(mount, mounts)
    {
        if (value_in(filter, value_get_text(mount, "Name")) ||
            value_in(filter, value_get_text(mount, "Destination")))
            return true;
    }
    return false;
}

static bool shows_inside(const struct filters *filters, const struct container_entry *entry,
                         struct arena *arena)
{
    struct failure ignored;
    if (!filters_find(filters, "network") && !filters_find(filters, "volume"))
        return true;
    struct value *row = json_parse(arena, entry->row, &ignored);
    return row && shows_network(filters, row) && shows_volume(filters, row);
}

static bool shows_time_and_node(const struct container_filter *filter, int64_t created_ns,
                                const struct engine_node *node)
{
    if ((filter->before_ns && created_ns >= filter->before_ns) ||
        (filter->since_ns && created_ns <= filter->since_ns))
        return false;
    return !filter->node || (node && filters_node(filter->node, node->view.name, node->view.id));
}

/* The container's own name: names with an inner slash are links. */
static struct slice own_name(const struct value *row)
{
    struct value *names = value_find(row, "Names");
    VALUE_EACH(name, names)
    {
        struct slice plain = slice_starts(name->text, "/") ? slice_from(name->text, 1) : name->text;
        if (slice_find(plain, '/') < 0)
            return plain;
    }
    return SLICE("");
}

bool container_filter_shows_row(const struct container_filter *filter,
                                const struct container_filter_row *row, struct arena *arena)
{
    const struct filters *filters = &filter->filters;
    return shows_time_and_node(filter, row->created_ns, row->node) &&
           filters_prefix(filters, "id", row->id) &&
           shows_name(filters, own_name(row->value), row->node, arena) &&
           filters_exact(filters, "status", value_get_text(row->value, "State"));
}

bool container_filter_shows(const struct container_filter *filter, struct container_entry *entry,
                            struct arena *arena)
{
    const struct filters *filters = &filter->filters;
    const struct container *view = &entry->view;
    if (!filter->all && !runs(entry))
        return false;
    if ((filter->before_ns && view->created_ns >= filter->before_ns) ||
        (filter->since_ns && view->created_ns <= filter->since_ns))
        return false;
    if (filter->node &&
        !(entry->node && filters_node(filter->node, entry->node->view.name, entry->node->view.id)))
        return false;
    if (!filters->first)
        return true;
    struct slice health = entry->facts.health.length ? entry->facts.health : SLICE("none");
    return filters_prefix(filters, "id", view->id) &&
           shows_name(filters, view->name, entry->node, arena) &&
           filters_labels(filters, "label", view->labels) &&
           filters_exact(filters, "status", slice_of(container_state_name(view->state))) &&
           filters_exact(filters, "health", health) && shows_exited(filters, entry) &&
           shows_inside(filters, entry, arena);
}

struct slice container_filter_for_engine(const struct container_filter *filter, struct arena *arena)
{
    struct filters sent;
    filters_init(&sent, arena);
    for (const struct filter *one = filter->filters.first; one; one = one->next) {
        /* Names, ids and states of ours mean nothing to an engine; they are looked at afterwards.
         */
        if (slice_is(one->key, "name") || slice_is(one->key, "id") || slice_is(one->key, "status"))
            continue;
        for (const struct filter_value *value = one->first; value; value = value->next)
            filters_add(&sent, arena_text(arena, one->key), value->text);
    }
    return filters_text(&sent);
}
