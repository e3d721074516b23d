/* Headers: the list of a head: find, drop, add, and write a head from its parts. */
#include "proxy/http/head.h"

struct headers *headers_new(struct arena *arena)
{
    struct headers *headers = arena_take(arena, sizeof *headers);
    headers->count = 0;
    return headers;
}

void headers_copy(struct headers *to, const struct headers *from)
{
    to->count = from->count;
    memcpy(to->list, from->list, from->count * sizeof from->list[0]);
}

struct slice headers_find(const struct headers *headers, const char *name)
{
    struct slice wanted = slice_of(name);
    for (size_t i = 0; i < headers->count; i++) {
        if (slice_equal_nocase(headers->list[i].name, wanted)) {
            return headers->list[i].value;
        }
    }
    return SLICE_NONE;
}

void headers_drop(struct headers *headers, const char *name)
{
    struct slice wanted = slice_of(name);
    size_t kept = 0;
    for (size_t i = 0; i < headers->count; i++) {
        if (!slice_equal_nocase(headers->list[i].name, wanted)) {
            headers->list[kept++] = headers->list[i];
        }
    }
    headers->count = kept;
}

int headers_add(struct headers *headers, struct slice name, struct slice value)
{
    if (headers->count == HEAD_MAX_HEADERS) {
        return -1;
    }
    headers->list[headers->count++] = (struct header){name, value};
    return 0;
}

static bool is_hop_by_hop(struct slice name)
{
    switch (name.length) {
    case 2:
        return slice_is_nocase(name, "te");
    case 7:
        return slice_is_nocase(name, "trailer") || slice_is_nocase(name, "upgrade");
    case 10:
        return slice_is_nocase(name, "connection") || slice_is_nocase(name, "keep-alive");
    case 14:
        return slice_is_nocase(name, "content-length");
    case 16:
        return slice_is_nocase(name, "proxy-connection");
    case 17:
        return slice_is_nocase(name, "transfer-encoding");
    default:
        return false;
    }
}

/* Is `name` among the options of this Connection value? */
static bool names_option(struct slice connection, struct slice name)
{
    struct slice option;
    while (slice_next(&connection, ',', &option)) {
        if (slice_equal_nocase(slice_trim(option), name)) {
            return true;
        }
    }
    return false;
}

static bool named_by_connection(const struct headers *headers, struct slice name)
{
    for (size_t i = 0; i < headers->count; i++) {
        if (slice_is_nocase(headers->list[i].name, "connection") &&
            names_option(headers->list[i].value, name)) {
            return true;
        }
    }
    return false;
}

void headers_drop_hop_by_hop(struct headers *headers)
{
    bool drop[HEAD_MAX_HEADERS];
    /* Decided for all before any is moved: Connection must still be there to be asked. */
    bool options = headers_find(headers, "connection").at != NULL;
    for (size_t i = 0; i < headers->count; i++) {
        struct slice name = headers->list[i].name;
        drop[i] = is_hop_by_hop(name) || (options && named_by_connection(headers, name));
    }
    size_t kept = 0;
    for (size_t i = 0; i < headers->count; i++) {
        if (!drop[i]) {
            headers->list[kept++] = headers->list[i];
        }
    }
    headers->count = kept;
}

static char *put(char *to, struct slice s)
{
    if (s.length > 0) {
        memcpy(to, s.at, s.length);
    }
    return to + s.length;
}

/* Start line in three parts, then the headers: sized first, then written in one go. */
static void write_head(struct buffer *out, const struct slice line[3],
                       const struct headers *headers)
{
    size_t size = line[0].length + line[1].length + line[2].length + 2;
    for (size_t i = 0; i < headers->count; i++) {
        size += headers->list[i].name.length + headers->list[i].value.length + 4;
    }
    char *start = buffer_reserve(out, size);
    if (!start) {
        return; /* out->overflow tells */
    }
    char *to = put(put(put(start, line[0]), line[1]), line[2]);
    for (size_t i = 0; i < headers->count; i++) {
        to = put(to, headers->list[i].name);
        to = put(to, SLICE(": "));
        to = put(to, headers->list[i].value);
        to = put(to, SLICE("\r\n"));
    }
    to = put(to, SLICE("\r\n"));
    out->length += (size_t)(to - start);
    out->at[out->length] = '\0';
}

void request_head_write(struct buffer *out, struct slice method, struct slice target,
                        const struct headers *headers)
{
    char method_space[64];
    must(method.length < sizeof method_space);
    *put(put(method_space, method), SLICE(" ")) = ' ';
    struct slice line[3] = {slice_make(method_space, method.length + 1), target,
                            SLICE(" HTTP/1.1\r\n")};
    write_head(out, line, headers);
}

void response_head_write(struct buffer *out, int status, struct slice reason,
                         const struct headers *headers)
{
    must(status >= 100 && status <= 999);
    char version[] = "HTTP/1.1 000 ";
    version[9] = (char)('0' + status / 100);
    version[10] = (char)('0' + status / 10 % 10);
    version[11] = (char)('0' + status % 10);
    if (reason.length == 0) {
        reason = slice_of(http_reason(status));
    }
    struct slice line[3] = {slice_make(version, sizeof version - 1), reason, SLICE("\r\n")};
    write_head(out, line, headers);
}

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {100, "Continue"},         {101, "Switching Protocols"},   {200, "OK"},
        {201, "Created"},          {202, "Accepted"},              {204, "No Content"},
        {301, "Moved Permanently"},{302, "Found"},                 {304, "Not Modified"},
        {400, "Bad Request"},      {401, "Unauthorized"},          {403, "Forbidden"},
        {404, "Not Found"},        {405, "Method Not Allowed"},    {406, "Not Acceptable"},
        {408, "Request Timeout"},  {409, "Conflict"},              {410, "Gone"},
        {412, "Precondition Failed"},                              {413, "Content Too Large"},
        {415, "Unsupported Media Type"},                           {417, "Expectation Failed"},
        {429, "Too Many Requests"},                                {431, "Headers Too Large"},
        {500, "Internal Server Error"},                            {501, "Not Implemented"},
        {502, "Bad Gateway"},      {503, "Service Unavailable"},   {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Unknown";
}
