/* Podman: its errors read like dockerd's. */
#include "proxy/docker/podman.h"

#include <criterion/criterion.h>

static void check(int status, const char *body, int mapped, const char *text)
{
    struct arena *arena = arena_new();
    struct slice answer = slice_of(body), type = SLICE("text/plain");
    podman_error(arena, &status, &answer, &type);
    cr_expect_eq(status, mapped, "%s", body);
    cr_expect(slice_is(answer, text), "%s became " SLICE_FMT, body, SLICE_ARG(answer));
    cr_expect(slice_is(type, "application/json"));
    arena_free(&arena);
}

Test(podman, maps_codes_by_cause)
{
    check(500, "{\"cause\":\"that name is already in use\",\"message\":\"m\",\"response\":500}",
          409, "{\"message\":\"m\"}");
    check(500, "{\"cause\":\"container state improper\",\"message\":\"m\",\"response\":500}", 409,
          "{\"message\":\"m\"}");
    check(500, "{\"cause\":\"x is an invalid filter\",\"message\":\"m\"}", 400,
          "{\"message\":\"m\"}");
    check(500, "{\"cause\":\"disk full\",\"message\":\"m\"}", 500, "{\"message\":\"m\"}");
    check(404, "{\"cause\":\"container state improper\",\"message\":\"m\"}", 404,
          "{\"message\":\"m\"}");
}

Test(podman, turns_plain_text_into_json)
{
    check(404, "Not Found\n", 404, "{\"message\":\"page not found\"}");
    check(405, "Method Not Allowed", 405, "{\"message\":\"Method Not Allowed\"}");
}
