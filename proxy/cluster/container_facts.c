/* Container facts: what is known of one container, copied into one block of memory per container.
 */
#include "proxy/cluster/state.h"

#include <stdlib.h>

static void relocate(struct slice *slice, char *block, size_t *used)
{
    if (slice->length > 0)
        memcpy(block + *used, slice->at, slice->length);
    slice->at = block + *used;
    *used += slice->length;
    block[(*used)++] = '\0';
}

static size_t facts_size(const struct container_facts *facts)
{
    size_t size = facts->model.image.length + facts->image_id.length + facts->health.length + 3;

    for (size_t i = 0; i < facts->model.labels.count; i++)
        size +=
            facts->model.labels.list[i].key.length + facts->model.labels.list[i].value.length + 2;
    for (size_t i = 0; i < facts->model.ports.count; i++)
        size += facts->model.ports.list[i].ip.length + 1;
    return size;
}

/* Copies facts; id and name are kept by the entry itself. */
void container_keep_facts(struct container_entry *entry, const struct container_facts *facts)
{
    struct container_private *own = entry->own;
    size_t used = 0, labels = facts->model.labels.count, ports = facts->model.ports.count;
    char *block = xmalloc(facts_size(facts));
    struct tag *tags = xcalloc(labels + 1, sizeof *tags);
    struct port *list = xcalloc(ports + 1, sizeof *list);
    struct container_facts copy = *facts;

    relocate(&copy.model.image, block, &used);
    relocate(&copy.image_id, block, &used);
    relocate(&copy.health, block, &used);
    for (size_t i = 0; i < labels; i++) {
        tags[i] = facts->model.labels.list[i];
        relocate(&tags[i].key, block, &used);
        relocate(&tags[i].value, block, &used);
    }
    for (size_t i = 0; i < ports; i++) {
        list[i] = facts->model.ports.list[i];
        relocate(&list[i].ip, block, &used);
    }
    copy.model.labels = (struct tags){tags, labels};
    copy.model.ports = (struct ports){list, ports};
    free(own->text);
    free(own->labels);
    free(own->ports);
    own->text = block;
    own->labels = tags;
    own->ports = list;
    copy.model.id = entry->view.id;
    copy.model.name = entry->view.name;
    entry->facts = copy;
    entry->view = copy.model;
    entry->image_id = copy.image_id;
}

void container_set_name(struct container_entry *entry, struct slice name)
{
    struct container_private *own = entry->own;

    if (own->name && slice_equal(entry->view.name, name))
        return;
    names_unlink(entry);
    free(own->name);
    own->name = xslicedup(name);
    entry->view.name = entry->facts.model.name = slice_of(own->name);
    if (own->accounted && !entry->superseded)
        names_link(entry);
}

/* The row alone, for a container whose details are still to come. */
void container_facts_of_row(struct arena *arena, const struct value *row,
                            struct container_facts *facts)
{
    int64_t created = value_get_int(row, "Created", 0);

    memset(facts, 0, sizeof *facts);
    facts->model.image = value_get_text(row, "Image");
    facts->image_id = value_get_text(row, "ImageID");
    facts->model.state = container_state_parse(value_get_text(row, "State"));
    facts->model.labels = decode_labels(arena, value_find(row, "Labels"));
    if (created > 0 && created < INT64_MAX / 1000000000)
        facts->model.created_ns = created * 1000000000;
}

/* The plain name among a row's Names: the one without an inner '/'. */
struct slice container_name_of_row(const struct value *row)
{
    VALUE_EACH(name, value_find(row, "Names"))
    {
        struct slice text = name->text;

        if (slice_starts(text, "/"))
            text = slice_from(text, 1);
        if (text.length > 0 && slice_find(text, '/') < 0)
            return text;
    }
    return SLICE_NONE;
}
