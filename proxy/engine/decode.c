/* Decode: what an engine says about itself and its events, as plain structs.
 * Engines differ (dockerd of many years, podman); this is the one place that knows how. */
#include "proxy/engine/decode.h"

#include "proxy/json.h"

#include <stdio.h>

int api_version_parse(struct slice text)
{
    struct slice major_text, minor_text = text;
    uint64_t major, minor;

    if (!slice_next(&minor_text, '.', &major_text) || !minor_text.at)
        return -1;
    if (slice_to_u64(major_text, &major) || slice_to_u64(minor_text, &minor))
        return -1;
    if (major > 99 || minor > 999)
        return -1;
    return API_VERSION((int)major, (int)minor);
}

const char *api_version_text(int version, char *text)
{
    char digits[16];
    int count = 0, at = 0;

    /* By hand: it is part of every call to an engine. */
    for (int rest = version % 1000; count == 0 || rest > 0; rest /= 10)
        digits[count++] = (char)('0' + rest % 10);
    digits[count++] = '.';
    for (int rest = version / 1000, first = count; count == first || rest > 0; rest /= 10)
        digits[count++] = (char)('0' + rest % 10);
    while (count > 0)
        text[at++] = digits[--count];
    text[at] = '\0';
    return text;
}

/* Engine labels come as ["k=v", "flag"]. */
static struct tags decode_label_list(struct arena *arena, const struct value *list)
{
    struct tags tags = {0};
    struct tag *tag;

    if (!list || list->type != VALUE_LIST || list->count == 0)
        return tags;
    tag = arena_alloc(arena, list->count * sizeof *tag);
    tags.list = tag;
    VALUE_EACH(child, list)
    {
        ptrdiff_t at = slice_find(child->text, '=');

        if (child->type != VALUE_TEXT)
            continue;
        tag->key = at < 0 ? child->text : slice_cut(child->text, 0, (size_t)at);
        tag->value = at < 0 ? SLICE_NONE : slice_from(child->text, (size_t)at + 1);
        tag++;
        tags.count++;
    }
    return tags;
}

/* dockerd says x86_64 and aarch64, podman amd64 and arm64: constraints see dockerd's words. */
static struct slice machine_name(struct slice architecture)
{
    if (slice_is(architecture, "amd64"))
        return SLICE("x86_64");
    if (slice_is(architecture, "arm64"))
        return SLICE("aarch64");
    return architecture;
}

static struct tags standard_tags(struct arena *arena, const struct value *info)
{
    const struct tag rows[] = {
        {SLICE("operatingsystem"), value_get_text(info, "OperatingSystem")},
        {SLICE("kernelversion"), value_get_text(info, "KernelVersion")},
        {SLICE("driver"), value_get_text(info, "Driver")},
        {SLICE("storagedriver"), value_get_text(info, "Driver")},
        {SLICE("executiondriver"), value_get_text(info, "DefaultRuntime")},
        {SLICE("ostype"), value_get_text(info, "OSType")},
        {SLICE("architecture"), machine_name(value_get_text(info, "Architecture"))},
        {SLICE("engineversion"), value_get_text(info, "ServerVersion")},
    };
    struct tag *list = arena_alloc(arena, sizeof rows);

    memcpy(list, rows, sizeof rows);
    return (struct tags){list, sizeof rows / sizeof rows[0]};
}

static bool is_podman(const struct value *version)
{
    VALUE_EACH(component, value_find(version, "Components"))
    {
        if (slice_starts(value_get_text(component, "Name"), "Podman"))
            return true;
    }
    return false;
}

int decode_info(struct arena *arena, const struct value *info, const struct value *version,
                struct engine_info *result, struct failure *failure)
{
    int64_t cpus = value_get_int(info, "NCPU", 0);

    memset(result, 0, sizeof *result);
    if (!info || info->type != VALUE_MAP || !version || version->type != VALUE_MAP)
        return failure_set(failure, FAILURE_INVALID, "not a Docker Engine: no JSON object");
    result->api_max = api_version_parse(value_get_text(version, "ApiVersion"));
    result->api_min = api_version_parse(value_get_text(version, "MinAPIVersion"));
    if (result->api_max < 0)
        return failure_set(failure, FAILURE_INVALID, "not a Docker Engine: no ApiVersion");
    if (result->api_min < 0)
        result->api_min = API_VERSION(1, 12);
    if (result->api_min > result->api_max)
        return failure_set(failure, FAILURE_INVALID,
                           "engine's MinAPIVersion is over its ApiVersion");
    result->total.memory_bytes = value_get_int(info, "MemTotal", 0);
    if (cpus <= 0 || cpus > 1000000 || result->total.memory_bytes <= 0)
        return failure_set(failure, FAILURE_INVALID, "engine reports no CPUs or no memory");
    result->total.nano_cpus = cpus * 1000000000;
    result->id = value_get_text(info, "ID");
    result->hostname = value_get_text(info, "Name");
    result->server_version = value_get_text(info, "ServerVersion");
    result->labels = decode_label_list(arena, value_find(info, "Labels"));
    result->standard = standard_tags(arena, info);
    result->podman = is_podman(version);
    result->experimental = value_get_bool(info, "ExperimentalBuild", false) ||
                           value_get_bool(version, "Experimental", false);
    return 0;
}

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t shifted = month > 2 ? month - 3 : month + 9;
    int64_t years = month > 2 ? year : year - 1;
    int64_t era = years / 400, of_era = years % 400;
    int64_t of_year = (153 * shifted + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* `length` digits at *text, which is cut; -1 when there are none. */
static int64_t take_digits(struct slice *text, size_t length)
{
    uint64_t number;

    if (text->length < length || slice_to_u64(slice_cut(*text, 0, length), &number))
        return -1;
    *text = slice_from(*text, length);
    return (int64_t)number;
}

static bool take_char(struct slice *text, const char *one_of)
{
    if (text->length == 0 || !strchr(one_of, text->at[0]) || text->at[0] == '\0')
        return false;
    *text = slice_from(*text, 1);
    return true;
}

static int64_t take_fraction(struct slice *text)
{
    int64_t ns = 0, unit = 100000000;

    while (text->length > 0 && text->at[0] >= '0' && text->at[0] <= '9') {
        ns += (text->at[0] - '0') * unit;
        unit /= 10;
        *text = slice_from(*text, 1);
    }
    return ns;
}

int64_t decode_time(struct slice text)
{
    int64_t part[6], ns = 0, offset = 0, seconds;
    static const size_t lengths[6] = {4, 2, 2, 2, 2, 2};
    static const char *const after[6] = {"-", "-", "Tt ", ":", ":", NULL};

    for (int i = 0; i < 6; i++) {
        part[i] = take_digits(&text, lengths[i]);
        if (part[i] < 0 || (after[i] && !take_char(&text, after[i])))
            return 0;
    }
    if (part[0] < 1970 || part[0] > 2260 || part[1] < 1 || part[1] > 12 || part[2] < 1 ||
        part[2] > 31 || part[3] > 23 || part[4] > 59 || part[5] > 60)
        return 0;
    if (take_char(&text, "."))
        ns = take_fraction(&text);
    if (!take_char(&text, "Zz")) {
        int64_t sign = text.length > 0 && text.at[0] == '-' ? -1 : 1, hours, minutes;

        if (!take_char(&text, "+-"))
            return 0;
        hours = take_digits(&text, 2);
        if (hours < 0 || hours > 23 || !take_char(&text, ":"))
            return 0;
        minutes = take_digits(&text, 2);
        if (minutes < 0 || minutes > 59)
            return 0;
        offset = sign * (hours * 3600 + minutes * 60);
    }
    if (text.length > 0)
        return 0;
    seconds = days_of(part[0], part[1], part[2]) * 86400 + part[3] * 3600 + part[4] * 60 + part[5] -
              offset;
    return seconds < 0 ? 0 : seconds * 1000000000 + ns;
}

/* podman's words for what dockerd calls otherwise. */
static struct slice docker_action(struct slice type, struct slice action)
{
    if (!slice_is(type, "container"))
        return action;
    if (slice_is(action, "remove"))
        return SLICE("destroy");
    if (slice_is(action, "exec"))
        return SLICE("exec_start");
    if (slice_is(action, "exec_died"))
        return SLICE("exec_die");
    return action;
}

int decode_event(struct arena *arena, struct slice text, struct engine_event *result,
                 struct failure *failure)
{
    struct value *value = json_parse(arena, text, failure);
    const struct value *actor;
    struct slice action;

    memset(result, 0, sizeof *result);
    if (!value)
        return -1;
    if (value->type != VALUE_MAP)
        return failure_set(failure, FAILURE_INVALID, "an event must be a JSON object");
    result->value = value;
    result->type = value_get_text(value, "Type");
    action = value_get_text(value, "Action");
    actor = value_find(value, "Actor");
    if (result->type.length == 0 || action.length == 0)
        return failure_set(failure, FAILURE_INVALID, "an event needs Type and Action");
    result->action = docker_action(result->type, action);
    if (!slice_equal(action, result->action)) {
        value_set_text(arena, value, "Action", result->action);
        if (value_find(value, "status"))
            value_set_text(arena, value, "status", result->action);
    }
    result->actor = value_get_text(actor, "ID");
    result->attributes = value_find(actor, "Attributes");
    if (result->attributes && result->attributes->type != VALUE_MAP)
        result->attributes = NULL;
    result->time_ns = value_get_int(value, "timeNano", 0);
    if (result->time_ns == 0) {
        int64_t seconds = value_get_int(value, "time", 0);

        if (seconds > 0 && seconds < INT64_MAX / 1000000000)
            result->time_ns = seconds * 1000000000;
    }
    return 0;
}
