/* Podman: error codes by their cause. */
#include "proxy/docker/podman.h"

#include "proxy/json.h"

struct mapping {
    const char *cause; /* contained in podman's cause or message */
    int status;
};

/* What podman answers 500 for and dockerd does not. */
static const struct mapping mappings[] = {
    {"that name is already in use", 409},
    {"name is already in use", 409},
    {"container state improper", 409},
    {"network is being used", 409},
    {"volume is being used", 409},
    {"image is in use", 409},
    {"is an invalid filter", 400},
    {"invalid filter", 400},
    {"no such container", 404},
    {"no such image", 404},
    {"no such network", 404},
    {"no such volume", 404},
    {"no such exec session", 404},
};

static int map_status(int status, struct slice cause, struct slice message)
{
    for (size_t i = 0; status == 500 && i < sizeof(mappings) / sizeof(mappings[0]); i++) {
        if (slice_contains(cause, mappings[i].cause) || slice_contains(message, mappings[i].cause))
            return mappings[i].status;
    }
    return status;
}

void podman_error(struct arena *arena, int *status, struct slice *body, struct slice *type)
{
    struct failure failure;
    struct value *answer = json_parse(arena, *body, &failure);
    struct value *plain = value_map(arena);
    if (answer && answer->type == VALUE_MAP) {
        struct slice message = value_get_text(answer, "message");
        *status = map_status(*status, value_get_text(answer, "cause"), message);
        value_set_text(arena, plain, "message", message);
    } else {
        struct slice text = slice_trim(*body);
        value_set_text(arena, plain, "message",
                       slice_is(text, "Not Found") ? SLICE("page not found") : text);
    }
    *body = json_text(arena, plain);
    *type = SLICE("application/json");
}
