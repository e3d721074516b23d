/* Inventory: the images, networks and volumes of every node. A new list replaces the old one whole:
 * one arena per node and kind, so nothing is freed piece by piece. */
#include "proxy/cluster/inventory.h"

#include "proxy/cluster/state.h"
#include "proxy/json.h"

#include <stdlib.h>

#define ROW_MAX     (4u * 1024 * 1024)
#define SHORT_ID    12 /* hex digits that docker prints of an id */
#define IMAGE_NAMES 3  /* spellings of one tag, see add_image_name */

struct stock {
    struct arena *arena;
    struct inventory_item *items;
    size_t count;
    struct table *names; /* every name, id, tag, digest -> item */
};

struct inventory {
    struct stock kinds[WATCH_KINDS];
    struct slice *images; /* view.images */
    size_t image_count, image_capacity;
};

struct inventory *inventory_new(void)
{
    return xcalloc(1, sizeof(struct inventory));
}

static void count_image(struct cluster *cluster, struct slice id, int change)
{
    uintptr_t count = (uintptr_t)table_find(cluster->image_ids, id);

    if (id.length == 0)
        return;
    if (change > 0) {
        cluster->sums.images += count == 0;
        table_put(cluster->image_ids, id, (void *)(count + 1));
    } else if (count > 1) {
        table_put(cluster->image_ids, id, (void *)(count - 1));
    } else if (count == 1) {
        table_remove(cluster->image_ids, id);
        cluster->sums.images--;
    }
}

static void stock_clear(struct engine_node *node, enum watch_kind kind)
{
    struct stock *stock = &node->own->inventory->kinds[kind];

    for (size_t i = 0; kind == WATCH_IMAGES && i < stock->count; i++)
        count_image(node->cluster, stock->items[i].id, -1);
    table_free(&stock->names);
    arena_free(&stock->arena);
    stock->items = NULL;
    stock->count = 0;
}

void inventory_free(struct engine_node *node)
{
    struct inventory *inventory = node->own->inventory;

    if (!inventory)
        return;
    for (int kind = 0; kind < WATCH_KINDS; kind++)
        stock_clear(node, (enum watch_kind)kind);
    free(inventory->images);
    free(inventory);
    node->own->inventory = NULL;
    node->view.images = NULL;
    node->view.image_count = 0;
}

static void add_name(struct stock *stock, struct slice name, struct inventory_item *item)
{
    if (name.length > 0 && !table_find(stock->names, name))
        table_put(stock->names, name, item);
}

/* ---- images ---- */

/* Without the registry that everybody leaves out. */
static struct slice familiar(struct slice reference)
{
    static const char *const prefixes[] = {"docker.io/library/", "index.docker.io/library/",
                                           "docker.io/", "index.docker.io/", "localhost/"};

    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (slice_starts(reference, prefixes[i]))
            return slice_from(reference, strlen(prefixes[i]));
    }
    return reference;
}

static void show_image(struct inventory *inventory, struct slice name)
{
    if (inventory->image_count == inventory->image_capacity) {
        inventory->image_capacity = inventory->image_capacity ? inventory->image_capacity * 2 : 32;
        inventory->images =
            xrealloc(inventory->images, inventory->image_capacity * sizeof *inventory->images);
    }
    inventory->images[inventory->image_count++] = name;
}

/* A tag is found as the engine spells it, as people do, and without :latest. */
static void add_image_name(struct inventory *inventory, struct slice name,
                           struct inventory_item *item)
{
    struct stock *stock = &inventory->kinds[WATCH_IMAGES];
    struct slice forms[IMAGE_NAMES] = {name, familiar(name), SLICE_NONE};

    if (name.length == 0 || slice_is(name, "<none>:<none>") || slice_is(name, "<none>@<none>"))
        return;
    if (slice_ends(forms[1], ":latest"))
        forms[2] = slice_cut(forms[1], 0, forms[1].length - 7);
    for (int i = 0; i < IMAGE_NAMES; i++) {
        if (forms[i].length > 0 && !table_find(stock->names, forms[i]))
            show_image(inventory, forms[i]);
        add_name(stock, forms[i], item);
    }
}

static void take_image(struct engine_node *node, const struct value *row,
                       struct inventory_item *item)
{
    struct inventory *inventory = node->own->inventory;
    struct stock *stock = &inventory->kinds[WATCH_IMAGES];

    item->id = arena_copy(stock->arena, value_get_text(row, "Id"));
    count_image(node->cluster, item->id, 1);
    add_name(stock, item->id, item);
    show_image(inventory, item->id);
    VALUE_EACH(tag, value_find(row, "RepoTags"))
    {
        struct slice name = arena_copy(stock->arena, tag->text);

        if (item->name.length == 0 && !slice_starts(name, "<none>"))
            item->name = name;
        add_image_name(inventory, name, item);
    }
    VALUE_EACH(digest, value_find(row, "RepoDigests"))
    {
        add_image_name(inventory, arena_copy(stock->arena, digest->text), item);
    }
}

static bool is_hex(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.at[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return true;
}

static const struct inventory_item *find_image(const struct stock *stock, struct slice reference)
{
    const struct inventory_item *item = table_find(stock->names, reference);
    struct slice id = slice_starts(reference, "sha256:") ? slice_from(reference, 7) : reference;

    if (!item)
        item = table_find(stock->names, familiar(reference));
    if (!item && slice_ends(reference, ":latest"))
        item = table_find(stock->names, familiar(slice_cut(reference, 0, reference.length - 7)));
    if (item || id.length < SHORT_ID || !is_hex(id))
        return item;
    for (size_t i = 0; i < stock->count; i++) {
        struct slice full = stock->items[i].id;

        if (slice_starts(full, "sha256:"))
            full = slice_from(full, 7);
        if (slice_equal(slice_cut(full, 0, id.length), id))
            return &stock->items[i];
    }
    return NULL;
}

/* ---- all kinds ---- */

static void take_named(struct stock *stock, enum watch_kind kind, const struct value *row,
                       struct inventory_item *item)
{
    item->name = arena_copy(stock->arena, value_get_text(row, "Name"));
    item->id =
        kind == WATCH_VOLUMES ? item->name : arena_copy(stock->arena, value_get_text(row, "Id"));
    item->driver = arena_copy(stock->arena, value_get_text(row, "Driver"));
    item->scope = arena_copy(stock->arena, value_get_text(row, "Scope"));
    add_name(stock, item->id, item);
    add_name(stock, item->name, item);
}

static struct slice row_text(struct stock *stock, const struct value *row)
{
    struct buffer buffer;
    struct slice text = SLICE_NONE;

    buffer_init(&buffer, ROW_MAX);
    if (json_write(&buffer, row) == 0)
        text = arena_copy(stock->arena, buffer_slice(&buffer));
    buffer_deinit(&buffer);
    return text;
}

void inventory_take(struct engine_node *node, enum watch_kind kind, const struct value *list)
{
    struct inventory *inventory = node->own->inventory;
    struct stock *stock = &inventory->kinds[kind];

    stock_clear(node, kind);
    if (kind == WATCH_IMAGES)
        inventory->image_count = 0;
    stock->arena = arena_new();
    stock->names = table_new();
    stock->items = arena_alloc(stock->arena, (list->count + 1) * sizeof *stock->items);
    VALUE_EACH(row, list)
    {
        struct inventory_item *item = &stock->items[stock->count];

        if (row->type != VALUE_MAP)
            continue;
        item->node = node;
        item->row = row_text(stock, row);
        if (kind == WATCH_IMAGES)
            take_image(node, row, item);
        else
            take_named(stock, kind, row, item);
        stock->count++;
    }
    if (kind == WATCH_IMAGES) {
        node->view.images = inventory->images;
        node->view.image_count = inventory->image_count;
    }
    changes_notify(node->cluster, CHANGE_NODE_CONFIG, node, NULL);
}

size_t inventory_count(const struct engine_node *node, enum watch_kind kind)
{
    return node->own->inventory ? node->own->inventory->kinds[kind].count : 0;
}

const struct inventory_item *inventory_at(const struct engine_node *node, enum watch_kind kind,
                                          size_t index)
{
    must(index < inventory_count(node, kind));
    return &node->own->inventory->kinds[kind].items[index];
}

const struct inventory_item *inventory_find(const struct engine_node *node, enum watch_kind kind,
                                            struct slice reference)
{
    const struct stock *stock;

    if (!node->own->inventory || !node->own->inventory->kinds[kind].names)
        return NULL;
    stock = &node->own->inventory->kinds[kind];
    if (kind == WATCH_IMAGES)
        return find_image(stock, reference);
    return table_find(stock->names, reference);
}

size_t inventory_holders(struct cluster *cluster, enum watch_kind kind, struct slice reference,
                         struct engine_node **nodes, size_t capacity)
{
    size_t count = 0, ready = 0;

    for (size_t i = 0; i < cluster->node_count; i++) {
        struct engine_node *node = cluster->nodes[i];
        bool usable = node->view.state == NODE_READY;

        if (!inventory_find(node, kind, reference))
            continue;
        if (count < capacity)
            nodes[count] = node;
        if (usable && ready < capacity) {
            struct engine_node *other = nodes[ready];
            size_t last = count < capacity ? count : capacity - 1;

            nodes[ready++] = node;
            if (last >= ready)
                nodes[last] = other;
        }
        count++;
    }
    return count;
}

/* ---- refresh ---- */

struct kind_refresh {
    void (*on_done)(void *context);
    void *context;
};

static void kind_refreshed(const struct failure *failure, void *context)
{
    struct kind_refresh refresh = *(struct kind_refresh *)context;

    (void)failure; /* not reachable: the old list stands */
    free(context);
    refresh.on_done(refresh.context);
}

static void kind_removed(void *context)
{
    kind_refreshed(NULL, context);
}

void inventory_refresh(struct engine_node *node, enum watch_kind kind,
                       void (*on_done)(void *context), void *context)
{
    struct kind_refresh *refresh = xmalloc(sizeof *refresh);

    refresh->on_done = on_done;
    refresh->context = context;
    if (node->removed)
        loop_defer(node->cluster->loop, kind_removed, refresh);
    else
        watch_refresh_kind(node->watch, kind, kind_refreshed, refresh);
}
