/* Value: edits touch only what they name; lookups agree with Go. */
#include "policy/base/value.h"
#include "tests/unit/test.h"

static struct arena *arena;

static void set_up(void)
{
    arena = arena_new();
}

static void tear_down(void)
{
    arena_free(&arena);
}

TestSuite(value, .init = set_up, .fini = tear_down);

Test(value, set_replaces_the_last_in_place_and_drops_the_others)
{
    struct value *map = value_map(arena);

    value_set_int(arena, map, "a", 1);
    value_set_int(arena, map, "b", 2);
    value_set_int(arena, map, "c", 3);
    value_set_text(arena, map, "b", SLICE("new"));
    expect_int(map->count, 3);
    expect_slice(map->first->next->key, "b");
    expect_slice(map->first->next->text, "new");
    expect_slice(map->last->key, "c");
    value_set_bool(arena, map, "a", true);
    cr_expect(map->first->truth && map->first->type == VALUE_BOOL);
    cr_expect_null(map->first->previous);
}

Test(value, folds_keys_as_go_does)
{
    cr_expect(value_key_matches(SLICE("hostCONFIG"), "HostConfig"));
    cr_expect(value_key_matches(SLICE("Ho\xc5\xbftConfig"), "HostConfig"));
    cr_expect(value_key_matches(SLICE("\xe2\x84\xaa"), "k"));
    cr_expect_not(value_key_matches(SLICE("HostConfi"), "HostConfig"));
    cr_expect_not(value_key_matches(SLICE("HostConfigs"), "HostConfig"));
    cr_expect_not(value_key_matches(SLICE("\xc5"), "s"));
}

Test(value, finds_last_exact_then_folded)
{
    struct value *map = value_map(arena);

    value_set_int(arena, map, "image", 1);
    value_set_int(arena, map, "Image", 2);
    value_set_int(arena, map, "IMAGE", 3);
    expect_int(value_get_int(map, "Image", 0), 2);
    expect_int(value_to_int(value_find_folded(map, "Image"), 0), 2);
    expect_int(value_to_int(value_find_folded(map, "iMAGE"), 0), 3);
    cr_expect_null(value_find(map, "imagE"));
    expect_int(value_drop(map, "Image"), 3);
    cr_expect(map->count == 0 && !map->first && !map->last);
    cr_expect_null(value_find(NULL, "x"));
}

Test(value, paths_and_submaps)
{
    struct value *map = value_map(arena);

    value_set_text(arena, value_submap(arena, map, "HostConfig"), "NetworkMode", SLICE("host"));
    expect_slice(value_path(map, "HostConfig.NetworkMode")->text, "host");
    expect_slice(value_path(map, "hostconfig.networkmode")->text, "host");
    cr_expect_null(value_path(map, "HostConfig.NetworkMode.x"));
    cr_expect(value_submap(arena, map, "HostConfig")->count == 1);
    value_set(arena, map, "Labels", value_null(arena));
    cr_expect(value_submap(arena, map, "Labels")->type == VALUE_MAP);
    expect_int(map->count, 2);
}

Test(value, numbers_are_cut_and_clamped)
{
    static const struct {
        const char *text;
        int64_t expected;
    } cases[] = {{"12", 12},
                 {"-7", -7},
                 {"1.9", 1},
                 {"-1.9", -1},
                 {"1e3", 1000},
                 {"1e30", INT64_MAX},
                 {"-1e30", INT64_MIN},
                 {"9223372036854775808", INT64_MAX},
                 {"0.5e1", 5}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_int(value_to_int(value_number(arena, slice_of(cases[i].text)), 99),
                   cases[i].expected);
    expect_int(value_to_int(value_text(arena, SLICE("12")), 99), 99);
    expect_int(value_to_int(NULL, 99), 99);
}

Test(value, copies_are_equal_and_independent)
{
    struct value *map = value_map(arena), *list = value_list(arena), *copy;

    value_append(list, value_text(arena, SLICE("x")));
    value_append(list, value_null(arena));
    value_set(arena, map, "list", list);
    value_set_bool(arena, map, "b", true);
    copy = value_copy(arena, map);
    cr_expect(value_equal(map, copy));
    value_remove(value_find(copy, "list"), value_find(copy, "list")->first);
    cr_expect_not(value_equal(map, copy));
    expect_int(list->count, 2);
}
