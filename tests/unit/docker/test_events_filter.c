#include "proxy/docker/events_filter.h"

#include <criterion/criterion.h>

static const char start[] =
    "{\"Type\":\"container\",\"Action\":\"start\",\"Actor\":{\"ID\":\"abc123\",\"Attributes\":{"
    "\"name\":\"web\",\"image\":\"busybox:1.36\",\"tier\":\"front\",\"node.name\":\"node-1\","
    "\"node.id\":\"E1\"}},\"scope\":\"local\"}";
static const char healthy[] =
    "{\"Type\":\"container\",\"Action\":\"health_status: healthy\",\"Actor\":{\"ID\":\"abc123\"}}";
static const char pull[] =
    "{\"Type\":\"image\",\"Action\":\"pull\",\"Actor\":{\"ID\":\"busybox:latest\","
    "\"Attributes\":{\"name\":\"busybox\"}}}";
static const char node_down[] = "{\"Type\":\"node\",\"Action\":\"update\",\"Actor\":{\"ID\":\"E2\","
                                "\"Attributes\":{\"name\":\"node-2\",\"state.new\":\"down\"}}}";

static bool matches(const char *filter_text, const char *event)
{
    struct arena *arena = arena_new();
    struct filters filters;
    struct failure failure = {0};
    bool result;

    cr_assert_eq(
        filters_parse(&filters, arena, slice_of(filter_text), events_filter_keys, &failure), 0,
        "%s: %s", filter_text, failure.text);
    result = events_filter_matches(&filters, json_parse(arena, slice_of(event), NULL));
    arena_free(&arena);
    return result;
}

Test(events_filter, follows_dockerd)
{
    static const struct {
        const char *filters;
        const char *event;
        bool wanted;
    } rows[] = {
        {"", start, true},
        {"{}", start, true},
        {"{\"type\":[\"container\"]}", start, true},
        {"{\"type\":[\"image\"]}", start, false},
        {"{\"type\":[\"image\",\"container\"]}", start, true},
        {"{\"container\":[\"web\"]}", start, true},
        {"{\"container\":[\"abc\"]}", start, true},
        {"{\"container\":[\"we\"]}", start, true},
        {"{\"container\":[\"bc1\"]}", start, false},
        {"{\"event\":[\"start\"]}", start, true},
        {"{\"event\":[\"sta\"]}", start, false},
        {"{\"event\":[\"stop\",\"start\"]}", start, true},
        {"{\"event\":[\"health_status\"]}", healthy, true},
        {"{\"event\":[\"health_status: healthy\"]}", healthy, true},
        {"{\"event\":[\"health_status: unhealthy\"]}", healthy, false},
        {"{\"image\":[\"busybox\"]}", start, true},
        {"{\"image\":[\"busybox:1.36\"]}", start, true},
        {"{\"image\":[\"busy\"]}", start, false},
        {"{\"image\":[\"busybox\"]}", pull, true},
        {"{\"image\":[\"busybox:latest\"]}", pull, true},
        {"{\"label\":[\"tier\"]}", start, true},
        {"{\"label\":[\"tier=front\"]}", start, true},
        {"{\"label\":[\"tier=back\"]}", start, false},
        {"{\"label\":[\"tier=front\",\"zone\"]}", start, false},
        {"{\"scope\":[\"local\"]}", start, true},
        {"{\"scope\":[\"swarm\"]}", start, false},
        {"{\"node\":[\"node-1\"]}", start, true},
        {"{\"node\":[\"node-2\"]}", start, false},
        {"{\"node\":[\"!node-2\"]}", start, true},
        {"{\"node\":[\"node-2\"]}", node_down, true},
        {"{\"type\":{\"node\":true}}", node_down, true},
        {"{\"volume\":[\"data\"]}", start, false},
        {"{\"type\":[\"container\"],\"event\":[\"stop\"]}", start, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        cr_expect_eq(matches(rows[i].filters, rows[i].event), rows[i].wanted, "%s on %.40s",
                     rows[i].filters, rows[i].event);
}

Test(events_filter, unknown_keys_are_refused)
{
    struct arena *arena = arena_new();
    struct filters filters;
    struct failure failure = {0};

    cr_expect_eq(
        filters_parse(&filters, arena, SLICE("{\"x\":[\"y\"]}"), events_filter_keys, &failure), -1);
    cr_expect_str_eq(failure.text, "invalid filter 'x'");
    arena_free(&arena);
}
