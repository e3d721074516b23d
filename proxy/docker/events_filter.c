/* Events filter: dockerd's matching, evaluated here because one unfiltered stream a node feeds the
 * cache and all clients. */
#include "proxy/docker/events_filter.h"

const char *const events_filter_keys[] = {"config", "container", "daemon", "event",  "image",
                                          "label",  "network",   "node",   "plugin", "scope",
                                          "secret", "service",   "type",   "volume", NULL};

struct message {
    struct slice type, action, id, scope;
    const struct value *attributes;
};

/* These carry an argument behind a colon, so their bare names must match as prefix. */
static bool action_has_argument(const struct filters *filters)
{
    const struct filter *filter = filters_find(filters, "event");

    for (const struct filter_value *value = filter ? filter->first : NULL; value;
         value = value->next)
        if (slice_is(value->text, "health_status") || slice_is(value->text, "exec_create") ||
            slice_is(value->text, "exec_start"))
            return true;
    return false;
}

static bool matches_action(const struct filters *filters, struct slice action)
{
    return action_has_argument(filters) ? filters_prefix(filters, "event", action)
                                        : filters_exact(filters, "event", action);
}

/* Prefix of the actor's id or name, whatever the event's type, as dockerd does. */
static bool matches_actor(const struct filters *filters, const char *key,
                          const struct message *message)
{
    return filters_prefix(filters, key, message->id) ||
           filters_prefix(filters, key, value_get_text(message->attributes, "name"));
}

static struct slice without_tag(struct slice image)
{
    ptrdiff_t colon = slice_find_last(image, ':'), slash = slice_find_last(image, '/');

    return colon > slash ? slice_cut(image, 0, (size_t)colon) : image;
}

static bool matches_image(const struct filters *filters, const struct message *message)
{
    const char *key = slice_is(message->type, "image") ? "name" : "image";
    struct slice name = value_get_text(message->attributes, key);

    return filters_exact(filters, "image", message->id) || filters_exact(filters, "image", name) ||
           filters_exact(filters, "image", without_tag(message->id)) ||
           filters_exact(filters, "image", without_tag(name));
}

static bool matches_node(const struct filters *filters, const struct message *message)
{
    const struct filter *filter = filters_find(filters, "node");

    if (!filter)
        return true;
    if (slice_is(message->type, "node") &&
        filters_node(filter, value_get_text(message->attributes, "name"), message->id))
        return true;
    return filters_node(filter, value_get_text(message->attributes, "node.name"),
                        value_get_text(message->attributes, "node.id"));
}

static bool matches_labels(const struct filters *filters, const struct message *message)
{
    const struct filter *filter = filters_find(filters, "label");

    for (const struct filter_value *value = filter ? filter->first : NULL; value;
         value = value->next) {
        ptrdiff_t equals = slice_find(value->text, '=');
        struct slice key = equals < 0 ? value->text : slice_cut(value->text, 0, (size_t)equals);
        bool found = false;

        VALUE_EACH(attribute, message->attributes)
        {
            if (slice_equal(attribute->key, key) && attribute->type == VALUE_TEXT)
                found = equals < 0 ||
                        slice_equal(attribute->text, slice_from(value->text, (size_t)equals + 1));
        }
        if (!found)
            return false;
    }
    return true;
}

bool events_filter_matches(const struct filters *filters, const struct value *event)
{
    static const char *const by_actor[] = {"container", "network", "volume", "plugin",
                                           "daemon",    "service", "secret", "config"};
    const struct value *actor = value_find(event, "Actor");
    struct message message = {
        .type = value_get_text(event, "Type"),
        .action = value_get_text(event, "Action"),
        .id = value_get_text(actor, "ID"),
        .scope = value_get_text(event, "scope"),
        .attributes = value_find(actor, "Attributes"),
    };

    for (size_t i = 0; i < sizeof(by_actor) / sizeof(*by_actor); i++)
        if (!matches_actor(filters, by_actor[i], &message))
            return false;
    return matches_action(filters, message.action) &&
           filters_exact(filters, "type", message.type) &&
           filters_exact(filters, "scope", message.scope) && matches_image(filters, &message) &&
           matches_node(filters, &message) && matches_labels(filters, &message);
}
