/* Query: Go's net/url rules for query strings and form bodies, with a list that can be edited. */
#include "proxy/docker/query.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int query_decode(struct arena *arena, struct slice text, bool plus, struct slice *decoded,
                 struct failure *failure)
{
    char *out = arena_alloc(arena, text.length + 1);
    size_t length = 0;

    for (size_t i = 0; i < text.length; i++) {
        char c = text.at[i];

        if (c == '%') {
            int high = i + 2 < text.length ? hex_digit(text.at[i + 1]) : -1;
            int low = i + 2 < text.length ? hex_digit(text.at[i + 2]) : -1;

            if (high < 0 || low < 0)
                return failure_set(failure, FAILURE_INVALID, "invalid URL escape \"" SLICE_FMT "\"",
                                   SLICE_ARG(slice_cut(text, i, 3)));
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == '\0')
            return failure_set(failure, FAILURE_INVALID, "a NUL byte is not allowed in a URL");
        out[length++] = c;
    }
    *decoded = slice_make(out, length);
    return 0;
}

struct slice query_encode(struct arena *arena, struct slice component)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = arena_alloc(arena, component.length * 3 + 1);
    size_t length = 0;

    for (size_t i = 0; i < component.length; i++) {
        unsigned char c = (unsigned char)component.at[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '_' || c == '.' || c == '~') {
            out[length++] = (char)c;
        } else {
            out[length++] = '%';
            out[length++] = hex[c >> 4];
            out[length++] = hex[c & 15];
        }
    }
    return slice_make(out, length);
}

void query_init(struct query *query, struct arena *arena)
{
    *query = (struct query){.arena = arena};
}

static void append(struct query *query, struct slice key, struct slice value)
{
    struct query_item *item = arena_alloc(query->arena, sizeof(*item));

    item->key = key;
    item->value = value;
    if (query->last)
        query->last->next = item;
    else
        query->first = item;
    query->last = item;
    query->count++;
}

static int parse_item(struct query *query, struct slice text, struct failure *failure)
{
    ptrdiff_t equals = slice_find(text, '=');
    struct slice key = text, value = SLICE("");

    /* Go refuses ';' since 1.17: it once separated items, so two parsers could disagree. */
    if (slice_find(text, ';') >= 0)
        return failure_set(failure, FAILURE_INVALID, "invalid semicolon separator in query");
    if (equals >= 0) {
        key = slice_cut(text, 0, (size_t)equals);
        value = slice_from(text, (size_t)equals + 1);
    }
    if (query_decode(query->arena, key, true, &key, failure) != 0 ||
        query_decode(query->arena, value, true, &value, failure) != 0)
        return -1;
    append(query, key, value);
    return 0;
}

int query_parse(struct query *query, struct arena *arena, struct slice text,
                struct failure *failure)
{
    struct slice part;

    query_init(query, arena);
    while (slice_next(&text, '&', &part)) {
        if (part.length == 0)
            continue;
        if (query->count == QUERY_MAX_ITEMS)
            return failure_set(failure, FAILURE_INVALID, "query has more than %d parameters",
                               QUERY_MAX_ITEMS);
        if (parse_item(query, part, failure) != 0)
            return -1;
    }
    return 0;
}

const struct query_item *query_next(const struct query *query, const char *key,
                                    const struct query_item *item)
{
    for (item = item ? item->next : query->first; item; item = item->next) {
        if (slice_is(item->key, key))
            return item;
    }
    return NULL;
}

struct slice query_get(const struct query *query, const char *key)
{
    const struct query_item *item = query_next(query, key, NULL);

    return item ? item->value : SLICE_NONE;
}

bool query_has(const struct query *query, const char *key)
{
    return query_next(query, key, NULL) != NULL;
}

bool query_bool(const struct query *query, const char *key, bool otherwise)
{
    const struct query_item *item = query_next(query, key, NULL);

    return item ? slice_to_docker_bool(item->value) : otherwise;
}

int query_int(const struct query *query, const char *key, int64_t otherwise, int64_t *number,
              struct failure *failure)
{
    struct slice value = query_get(query, key);

    *number = otherwise;
    if (value.length == 0)
        return 0;
    if (slice_to_i64(value, number) != 0)
        return failure_set(failure, FAILURE_INVALID,
                           "invalid value for %s: \"" SLICE_FMT "\" is not a whole number", key,
                           SLICE_ARG(slice_cut(value, 0, 100)));
    return 0;
}

void query_add(struct query *query, const char *key, struct slice value)
{
    append(query, arena_copy(query->arena, slice_of(key)), arena_copy(query->arena, value));
}

size_t query_drop(struct query *query, const char *key)
{
    struct query_item **link = &query->first;
    size_t dropped = 0;

    query->last = NULL;
    while (*link) {
        if (slice_is((*link)->key, key)) {
            *link = (*link)->next;
            dropped++;
            continue;
        }
        query->last = *link;
        link = &(*link)->next;
    }
    query->count -= dropped;
    return dropped;
}

void query_set(struct query *query, const char *key, struct slice value)
{
    struct query_item *place = NULL, **link = &query->first;

    query->last = NULL;
    while (*link) {
        if (slice_is((*link)->key, key)) {
            if (place) {
                *link = (*link)->next;
                query->count--;
                continue;
            }
            place = *link;
            place->value = arena_copy(query->arena, value);
        }
        query->last = *link;
        link = &(*link)->next;
    }
    if (!place)
        query_add(query, key, value);
}

struct slice query_text(const struct query *query)
{
    struct buffer out;
    struct slice text;

    buffer_init(&out, SIZE_MAX / 4);
    for (const struct query_item *item = query->first; item; item = item->next) {
        if (item != query->first)
            buffer_char(&out, '&');
        buffer_add(&out, query_encode(query->arena, item->key));
        buffer_char(&out, '=');
        buffer_add(&out, query_encode(query->arena, item->value));
    }
    text = arena_copy(query->arena, buffer_slice(&out));
    buffer_deinit(&out);
    return text;
}
