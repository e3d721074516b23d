/* Owner: who sees what, and what a tenant's bodies carry. */
#include "proxy/access/guard.h"
#include "proxy/docker/owner.h"
#include "proxy/json.h"
#include "tests/unit/test.h"

static struct pass pass;
static struct call_context call;

static struct arena *begin(const char *tenant, bool any)
{
    pass = (struct pass){0};
    pass.identity.tenant = slice_of(tenant);
    pass.verdict.allowed = true;
    pass.verdict.any_tenant = any;
    call = (struct call_context){.pass = &pass, .arena = arena_new()};
    return call.arena;
}

static struct value *parse(struct arena *arena, const char *text)
{
    struct failure failure;
    struct value *value = json_parse(arena, slice_of(text), &failure);
    cr_assert(value, "%s", failure.text);
    return value;
}

Test(owner, tenants_see_their_own_and_nothing_else)
{
    static const struct tag own[] = {{SLICE_INIT("berth.owner"), SLICE_INIT("a")}};
    static const struct tag other[] = {{SLICE_INIT("berth.owner"), SLICE_INIT("b")}};
    struct arena *arena = begin("a", false);
    cr_expect(owner_sees_tags(&call, (struct tags){own, 1}));
    cr_expect_not(owner_sees_tags(&call, (struct tags){other, 1}));
    cr_expect_not(owner_sees_tags(&call, (struct tags){NULL, 0}));
    pass.verdict.any_tenant = true;
    cr_expect(owner_sees_tags(&call, (struct tags){other, 1}));
    call.pass = NULL;
    cr_expect(owner_sees_tags(&call, (struct tags){other, 1}));
    arena_free(&arena);
}

Test(owner, rows_of_others_leave_a_list_but_predefined_networks_stay)
{
    struct arena *arena = begin("a", false);
    struct value *rows = parse(
        arena,
        "[{\"Name\":\"x\",\"IPAM\":{},\"Labels\":{\"berth.owner\":\"a\"}},"
        "{\"Name\":\"y\",\"IPAM\":{},\"Labels\":{\"berth.owner\":\"b\"}},"
        "{\"Name\":\"bridge\",\"IPAM\":{},\"Labels\":{}},{\"Name\":\"bridge\",\"Labels\":null}]");
    owner_filter_rows(&call, rows);
    expect_int(rows->count, 2);
    expect_slice(value_get_text(rows->first, "Name"), "x");
    expect_slice(value_get_text(rows->last, "Name"), "bridge");
    arena_free(&arena);
}

Test(owner, stamp_overrides_every_spelling)
{
    struct arena *arena = begin("a", false);
    struct value *body = parse(arena, "{\"labels\":{\"x\":\"y\"},\"LABELS\":{\"berth.owner\":\"b\","
                                      "\"k\":\"v\"},\"Name\":\"n\"}");
    owner_stamp(&call, body);
    expect_slice(json_text(arena, body),
                 "{\"Name\":\"n\",\"Labels\":{\"k\":\"v\",\"berth.owner\":\"a\"}}");
    arena_free(&arena);
}

Test(owner, who_sees_all_may_make_things_for_others)
{
    struct arena *arena = begin("admin", true);
    struct value *body = parse(arena, "{\"Labels\":{\"berth.owner\":\"b\"}}");
    owner_stamp(&call, body);
    expect_slice(json_text(arena, body), "{\"Labels\":{\"berth.owner\":\"b\"}}");
    body = parse(arena, "{}");
    owner_stamp(&call, body);
    expect_slice(json_text(arena, body), "{\"Labels\":{\"berth.owner\":\"admin\"}}");
    arena_free(&arena);
}

Test(owner, volumes_made_on_the_way_are_labelled)
{
    struct arena *arena = begin("a", false);
    struct failure failure;
    struct value *body =
        parse(arena, "{\"HostConfig\":{\"Binds\":[\"v:/d:ro\",\"/srv:/s\"],\"Mounts\":[{\"Type\":"
                     "\"volume\",\"Source\":\"w\",\"Target\":\"/w\"}]}}");
    cr_assert_eq(owner_stamp_volumes(&call, body, &failure), 0);
    expect_slice(
        json_text(arena, body),
        "{\"HostConfig\":{\"Binds\":[\"/srv:/s\"],\"Mounts\":[{\"Type\":\"volume\",\"Source\":"
        "\"w\",\"Target\":\"/w\",\"VolumeOptions\":{\"Labels\":{\"berth.owner\":\"a\"}}},"
        "{\"Type\":\"volume\",\"Source\":\"v\",\"Target\":\"/d\",\"ReadOnly\":true,"
        "\"VolumeOptions\":{\"Labels\":{\"berth.owner\":\"a\"}}}]}}");
    body = parse(arena, "{\"HostConfig\":{\"Binds\":[\"v:/d:nocopy\"]}}");
    cr_expect_eq(owner_stamp_volumes(&call, body, &failure), -1);
    arena_free(&arena);
}

Test(owner, events_of_others_are_not_told)
{
    struct arena *arena = begin("a", false);
    cr_expect(
        owner_sees_event(&call, parse(arena, "{\"Type\":\"container\",\"Actor\":{\"Attributes\":"
                                             "{\"berth.owner\":\"a\"}}}")));
    cr_expect_not(owner_sees_event(
        &call,
        parse(arena, "{\"Type\":\"container\",\"Actor\":{\"Attributes\":{\"name\":\"x\"}}}")));
    cr_expect_not(owner_sees_event(&call, parse(arena, "{\"Type\":\"image\",\"Actor\":{}}")));
    arena_free(&arena);
}
