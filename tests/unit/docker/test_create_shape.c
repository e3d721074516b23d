/* Create shape: one spelling of each key is left, as the engine would read them. */
#include "proxy/docker/create_shape.h"
#include "proxy/json.h"

#include <criterion/criterion.h>

static void check(const char *body, const char *fixed)
{
    struct arena *arena = arena_new();
    struct failure failure;
    struct value *value = json_parse(arena, slice_of(body), &failure);
    cr_assert(value, "%s", failure.text);
    create_shape_fix(value);
    struct slice text = json_text(arena, value);
    cr_expect(slice_is(text, fixed), "%s became " SLICE_FMT, body, SLICE_ARG(text));
    arena_free(&arena);
}

Test(create_shape, spells_keys_as_the_engine_does)
{
    check("{\"image\":\"b\",\"CMD\":[\"a\"],\"hostconfig\":{\"PRIVILEGED\":true}}",
          "{\"Image\":\"b\",\"Cmd\":[\"a\"],\"HostConfig\":{\"Privileged\":true}}");
}

Test(create_shape, keeps_the_last_of_several_spellings)
{
    check("{\"Image\":\"a\",\"Cmd\":[],\"iMaGe\":\"b\"}", "{\"Cmd\":[],\"Image\":\"b\"}");
    check("{\"HostConfig\":{\"Binds\":[\"/:/h\"]},\"hostConfig\":{\"Memory\":1}}",
          "{\"HostConfig\":{\"Memory\":1}}");
}

Test(create_shape, folds_the_two_letters_outside_ascii)
{
    check("{\"HostConfig\":{\"bind\xc5\xbf\":[\"/:/h\"]}}",
          "{\"HostConfig\":{\"Binds\":[\"/:/h\"]}}");
}

Test(create_shape, reaches_lists_and_maps_below)
{
    check("{\"HostConfig\":{\"mounts\":[{\"type\":\"bind\",\"SOURCE\":\"/\"}],"
          "\"portbindings\":{\"80/tcp\":[{\"hostport\":\"1\"}]}}}",
          "{\"HostConfig\":{\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/\"}],"
          "\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"1\"}]}}}");
}

Test(create_shape, leaves_what_it_does_not_know)
{
    check("{\"Labels\":{\"image\":\"x\",\"Image\":\"y\"},\"New\":1.50,\"new\":null}",
          "{\"Labels\":{\"image\":\"x\",\"Image\":\"y\"},\"New\":1.50,\"new\":null}");
    check("{\"HostConfig\":null,\"Env\":7}", "{\"HostConfig\":null,\"Env\":7}");
}
