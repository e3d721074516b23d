/* Join request: every field checked before the cluster sees it. */
#include "proxy/admin/join_request.h"

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool join_name_valid(struct slice name)
{
    if (name.length == 0 || name.length > 63 || !is_word(name.at[0]))
        return false;
    for (size_t i = 0; i < name.length; i++) {
        if (!is_word(name.at[i]) && name.at[i] != '_' && name.at[i] != '.' && name.at[i] != '-')
            return false;
    }
    return true;
}

static bool printable(struct slice text, size_t max, bool spaces)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if (c < 0x20 || c == 0x7f || (c == ' ' && !spaces))
            return false;
    }
    return text.length <= max;
}

static int read_tag(struct tag *tag, const struct value *member, const char *field,
                    struct failure *failure)
{
    tag->key = member->key;
    tag->value = member->text;
    if (member->key.length == 0 || !printable(member->key, JOIN_MAX_KEY, false) ||
        slice_find(member->key, '=') >= 0)
        return failure_set(failure, FAILURE_INVALID,
                           "%s: \"" SLICE_FMT "\" is no key: 1 to %d bytes without spaces and '='",
                           field, SLICE_ARG(slice_cut(member->key, 0, 60)), JOIN_MAX_KEY);
    if (member->type != VALUE_TEXT || !printable(member->text, JOIN_MAX_TAG_VALUE, true))
        return failure_set(failure, FAILURE_INVALID,
                           "%s: the value of \"" SLICE_FMT
                           "\" must be a text of at most %d bytes without control bytes",
                           field, SLICE_ARG(member->key), JOIN_MAX_TAG_VALUE);
    return 0;
}

int join_tags_read(struct tags *tags, struct arena *arena, const struct value *map,
                   const char *field, struct failure *failure)
{
    struct tag *list;
    size_t count = 0;

    *tags = (struct tags){0};
    if (!map || map->type == VALUE_NULL)
        return 0;
    if (map->type != VALUE_MAP || map->count > JOIN_MAX_TAGS)
        return failure_set(failure, FAILURE_INVALID,
                           "%s must be an object of at most %d members, each a text", field,
                           JOIN_MAX_TAGS);
    list = arena_alloc(arena, map->count * sizeof(*list));
    VALUE_EACH(member, map)
    {
        if (read_tag(&list[count++], member, field, failure) != 0)
            return -1;
    }
    *tags = (struct tags){list, count};
    return 0;
}

/* A text field; absent gives "" unless it is needed. */
static int read_text(struct slice *text, const struct value *body, const char *key, bool needed,
                     struct failure *failure)
{
    const struct value *member = value_find(body, key);

    *text = SLICE("");
    if (member && member->type == VALUE_TEXT && printable(member->text, 255, false))
        *text = member->text;
    else if (member && member->type != VALUE_NULL)
        return failure_set(failure, FAILURE_INVALID,
                           "\"%s\" must be a text of at most 255 bytes without spaces", key);
    if (needed && text->length == 0)
        return failure_set(failure, FAILURE_INVALID, "\"%s\" is missing", key);
    return 0;
}

static int read_amount(int64_t *amount, const struct value *body, const char *key,
                       struct failure *failure)
{
    const struct value *member = value_find(body, key);

    *amount = 0;
    if (!member || member->type == VALUE_NULL)
        return 0;
    if (member->type != VALUE_NUMBER || slice_to_i64(member->text, amount) != 0 || *amount < 0)
        return failure_set(failure, FAILURE_INVALID, "\"%s\" must be a whole number of 0 or more",
                           key);
    return 0;
}

/* A gate needs both its address and a request to sign. */
static int read_gate(struct join_request *request, const struct value *body,
                     struct failure *failure)
{
    const struct value *csr = value_find(body, "csr");

    if (read_text(&request->gate, body, "gate", false, failure) != 0)
        return -1;
    request->csr = SLICE("");
    if (csr && csr->type == VALUE_TEXT && csr->text.length <= JOIN_MAX_CSR)
        request->csr = csr->text;
    else if (csr && csr->type != VALUE_NULL)
        return failure_set(failure, FAILURE_INVALID, "\"csr\" must be a text of at most %d bytes",
                           JOIN_MAX_CSR);
    if ((request->gate.length > 0) != (request->csr.length > 0))
        return failure_set(failure, FAILURE_INVALID, "\"gate\" and \"csr\" go together");
    return 0;
}

int join_request_read(struct join_request *request, struct arena *arena, const struct value *body,
                      struct failure *failure)
{
    *request = (struct join_request){0};
    if (read_text(&request->cluster, body, "cluster", true, failure) != 0 ||
        read_text(&request->name, body, "name", true, failure) != 0 ||
        read_text(&request->engine_id, body, "engine_id", true, failure) != 0 ||
        read_text(&request->engine, body, "engine", true, failure) != 0 ||
        read_text(&request->address, body, "address", false, failure) != 0 ||
        read_text(&request->pool, body, "pool", false, failure) != 0 ||
        read_text(&request->key, body, "key", false, failure) != 0 ||
        read_gate(request, body, failure) != 0 ||
        read_amount(&request->declared.memory_bytes, body, "memory_bytes", failure) != 0 ||
        read_amount(&request->declared.nano_cpus, body, "nano_cpus", failure) != 0 ||
        join_tags_read(&request->tags, arena, value_find(body, "tags"), "\"tags\"", failure) != 0 ||
        join_tags_read(&request->facts, arena, value_find(body, "facts"), "\"facts\"", failure) !=
            0)
        return -1;
    if (!join_name_valid(request->name))
        return failure_set(failure, FAILURE_INVALID,
                           "node name \"" SLICE_FMT
                           "\" is not valid: letters, digits, '_', '.', '-', "
                           "at most 63; choose another with berth-agent --node-name",
                           SLICE_ARG(slice_cut(request->name, 0, 80)));
    return 0;
}
