/* Reference: the grammar of distribution/reference by hand: a domain is a first part with a dot,
 * a colon, a capital letter or the name localhost; the rest is a lower-case path. */
#include "proxy/docker/reference.h"

#include <fnmatch.h>

#define NAME_MAX_BYTES 255
#define TAG_MAX_BYTES  128

static bool is_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
    return is_lower(c) || (c >= 'A' && c <= 'Z');
}

static bool is_hex(struct slice s)
{
    for (size_t i = 0; i < s.length; i++) {
        char c = s.at[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return s.length > 0;
}

/* Length of a separator between parts of a path component: one '.', one or two '_', any '-'. */
static size_t separator_length(struct slice s, size_t at)
{
    size_t end = at;

    if (s.at[at] == '.')
        return 1;
    if (s.at[at] == '_')
        return at + 1 < s.length && s.at[at + 1] == '_' ? 2 : 1;
    while (end < s.length && s.at[end] == '-')
        end++;
    return end - at;
}

static bool component_valid(struct slice s)
{
    size_t at = 0;

    if (s.length == 0 || !is_lower(s.at[0]) || !is_lower(s.at[s.length - 1]))
        return false;
    while (at < s.length) {
        size_t length = is_lower(s.at[at]) ? 1 : separator_length(s, at);

        if (length == 0)
            return false;
        at += length;
        /* Behind a separator a letter or digit must come, not another separator. */
        if (!is_lower(s.at[at - 1]) && (at == s.length || !is_lower(s.at[at])))
            return false;
    }
    return true;
}

static bool path_valid(struct slice path)
{
    struct slice part;

    while (slice_next(&path, '/', &part)) {
        if (!component_valid(part))
            return false;
    }
    return true;
}

static bool host_label_valid(struct slice s)
{
    if (s.length == 0 || !is_alnum(s.at[0]) || !is_alnum(s.at[s.length - 1]))
        return false;
    for (size_t i = 0; i < s.length; i++) {
        if (!is_alnum(s.at[i]) && s.at[i] != '-')
            return false;
    }
    return true;
}

static bool ipv6_valid(struct slice host)
{
    for (size_t i = 1; i + 1 < host.length; i++) {
        char c = (char)(host.at[i] | 0x20);

        if (!((host.at[i] >= '0' && host.at[i] <= ':') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return host.length > 2 && host.at[host.length - 1] == ']';
}

static bool domain_valid(struct slice domain)
{
    ptrdiff_t colon = slice_find_last(domain, ':');
    ptrdiff_t bracket = slice_find_last(domain, ']');
    struct slice host = domain, label;
    uint64_t port;

    if (colon > bracket) {
        host = slice_cut(domain, 0, (size_t)colon);
        if (slice_to_u64(slice_from(domain, (size_t)colon + 1), &port) != 0)
            return false;
    }
    if (slice_starts(host, "["))
        return ipv6_valid(host);
    if (host.length == 0)
        return false;
    while (slice_next(&host, '.', &label)) {
        if (!host_label_valid(label))
            return false;
    }
    return true;
}

static bool tag_valid(struct slice tag)
{
    if (tag.length == 0 || tag.length > TAG_MAX_BYTES)
        return false;
    for (size_t i = 0; i < tag.length; i++) {
        char c = tag.at[i];

        if (!is_alnum(c) && c != '_' && (i == 0 || (c != '.' && c != '-')))
            return false;
    }
    return true;
}

/* algorithm:hex, the algorithm as a word, the hex at least 32 digits; sha256 exactly 64. */
static bool digest_valid(struct slice digest)
{
    ptrdiff_t colon = slice_find(digest, ':');
    struct slice hex;

    if (colon <= 0)
        return false;
    for (ptrdiff_t i = 0; i < colon; i++) {
        char c = digest.at[i];

        if (!is_alnum(c) && (i == 0 || !memchr("+.-_", c, 4)))
            return false;
    }
    hex = slice_from(digest, (size_t)colon + 1);
    if (!is_hex(hex) || hex.length < 32)
        return false;
    return !slice_starts(digest, "sha256:") || hex.length == 64;
}

static bool has_upper(struct slice s)
{
    for (size_t i = 0; i < s.length; i++) {
        if (s.at[i] >= 'A' && s.at[i] <= 'Z')
            return true;
    }
    return false;
}

static void split_domain(struct slice name, struct reference *reference, struct arena *arena)
{
    ptrdiff_t slash = slice_find(name, '/');
    struct slice first = slash > 0 ? slice_cut(name, 0, (size_t)slash) : SLICE_NONE;

    if (slash > 0 && (slice_find(first, '.') >= 0 || slice_find(first, ':') >= 0 ||
                      slice_is(first, "localhost") || has_upper(first))) {
        reference->domain = arena_copy(arena, first);
        reference->path = arena_copy(arena, slice_from(name, (size_t)slash + 1));
        if (slice_is(first, "index.docker.io"))
            reference->domain = SLICE("docker.io");
    } else {
        reference->domain = SLICE("docker.io");
        reference->path = arena_copy(arena, name);
    }
    if (slice_is(reference->domain, "docker.io") && slice_find(reference->path, '/') < 0)
        reference->path = arena_printf(arena, "library/" SLICE_FMT, SLICE_ARG(reference->path));
}

static int bad_format(struct failure *failure)
{
    return failure_set(failure, FAILURE_INVALID, "invalid reference format");
}

int reference_parse(struct reference *reference, struct arena *arena, struct slice text,
                    struct failure *failure)
{
    ptrdiff_t at = slice_find(text, '@');
    struct slice name = text;
    ptrdiff_t colon;

    *reference = (struct reference){0};
    if (text.length == 64 && is_hex(text))
        return failure_set(failure, FAILURE_INVALID,
                           "invalid repository name (" SLICE_FMT
                           "), cannot specify 64-byte hexadecimal strings",
                           SLICE_ARG(text));
    if (at >= 0) {
        reference->digest = arena_copy(arena, slice_from(text, (size_t)at + 1));
        name = slice_cut(text, 0, (size_t)at);
        if (!digest_valid(reference->digest))
            return bad_format(failure);
    }
    colon = slice_find_last(name, ':');
    if (colon > slice_find_last(name, '/')) {
        reference->tag = arena_copy(arena, slice_from(name, (size_t)colon + 1));
        name = slice_cut(name, 0, (size_t)colon);
        if (!tag_valid(reference->tag))
            return bad_format(failure);
    }
    split_domain(name, reference, arena);
    if (has_upper(reference->path))
        return failure_set(failure, FAILURE_INVALID,
                           "invalid reference format: repository name (" SLICE_FMT
                           ") must be lowercase",
                           SLICE_ARG(slice_cut(reference->path, 0, NAME_MAX_BYTES)));
    if (!domain_valid(reference->domain) || !path_valid(reference->path))
        return bad_format(failure);
    if (reference->path.length > NAME_MAX_BYTES)
        return failure_set(failure, FAILURE_INVALID,
                           "repository name must not be more than %d characters", NAME_MAX_BYTES);
    return 0;
}

void reference_default_tag(struct reference *reference)
{
    if (!reference->tag.at && !reference->digest.at)
        reference->tag = SLICE("latest");
}

static struct slice with_suffix(struct arena *arena, struct slice name,
                                const struct reference *reference)
{
    return arena_printf(arena, SLICE_FMT "%s" SLICE_FMT "%s" SLICE_FMT, SLICE_ARG(name),
                        reference->tag.at ? ":" : "", SLICE_ARG(reference->tag),
                        reference->digest.at ? "@" : "", SLICE_ARG(reference->digest));
}

struct slice reference_canonical(struct arena *arena, const struct reference *reference)
{
    struct slice name = arena_printf(arena, SLICE_FMT "/" SLICE_FMT, SLICE_ARG(reference->domain),
                                     SLICE_ARG(reference->path));

    return with_suffix(arena, name, reference);
}

struct slice reference_familiar_name(struct arena *arena, const struct reference *reference)
{
    struct slice path = reference->path;

    if (!slice_is(reference->domain, "docker.io"))
        return arena_printf(arena, SLICE_FMT "/" SLICE_FMT, SLICE_ARG(reference->domain),
                            SLICE_ARG(path));
    /* docker.io/library/a/b is no official image; only one component loses its "library/". */
    if (slice_starts(path, "library/") && slice_find(slice_from(path, 8), '/') < 0)
        path = slice_from(path, 8);
    return path;
}

struct slice reference_familiar(struct arena *arena, const struct reference *reference)
{
    return with_suffix(arena, reference_familiar_name(arena, reference), reference);
}

struct slice reference_normal(struct arena *arena, struct slice text)
{
    struct reference reference;

    if (reference_parse(&reference, arena, text, NULL) != 0)
        return text;
    reference_default_tag(&reference);
    return reference_familiar(arena, &reference);
}

/* dockerd matches as Go's path.Match does: '*' does not cross a '/'. */
bool reference_matches(struct arena *arena, struct slice pattern, struct slice text)
{
    const char *glob = arena_text(arena, pattern);
    struct reference reference;
    const char *name, *full;

    if (reference_parse(&reference, arena, text, NULL) != 0)
        return false;
    name = arena_text(arena, reference_familiar_name(arena, &reference));
    full = arena_text(arena, reference_familiar(arena, &reference));
    return fnmatch(glob, name, FNM_PATHNAME) == 0 || fnmatch(glob, full, FNM_PATHNAME) == 0;
}

bool reference_may_be_id(struct slice text)
{
    if (slice_starts(text, "sha256:"))
        text = slice_from(text, 7);
    return text.length <= 64 && is_hex(text);
}
