/* Tokens: /_berth/v1/tokens: single-use join tokens for the operator. A token's text is in the
 * answer to its making and nowhere else. */
#include "proxy/admin/internal.h"

#include "proxy/admin/gates.h"
#include "proxy/json.h"
#include "proxy/log.h"

#include <stdlib.h>

static struct value *token_value(struct arena *arena, const struct join_token *token)
{
    struct value *value = value_map(arena);
    int64_t left_ms = token->expires_ms - admin_wall_ms();

    value_set_text(arena, value, "id", slice_of(token->id));
    value_set_text(arena, value, "pool", slice_of(token->pool));
    value_set_int(arena, value, "created_ms", token->created_ms);
    value_set_int(arena, value, "expires_ms", token->expires_ms);
    value_set_text(arena, value, "used_by", slice_of(token->used_by));
    value_set_text(arena, value, "state",
                   token->used_by[0] ? SLICE("used")
                   : left_ms > 0     ? SLICE("open")
                                     : SLICE("expired"));
    return value;
}

static const struct join_token *find(const struct membership *membership, struct slice id)
{
    const struct join_token *token;

    for (size_t i = 0; (token = membership_token_at(membership, i)) != NULL; i++) {
        if (slice_is(id, token->id))
            return token;
    }
    return NULL;
}

static void on_create(struct admin_call *call, struct value *body)
{
    struct admin *admin = call->admin;
    int64_t ttl_ms = value_get_int(body, "ttl_ms", 15 * 60000);
    struct failure failure;
    struct value *answer;
    char *text;

    if (!admin->state) {
        failure_set(
            &failure, FAILURE_UNSUPPORTED,
            "single-use tokens need berthd --state DIR: without it a restart would forget who "
            "has joined, and no agent could come back");
        admin_fail(call, "state", &failure);
        return;
    }
    text = membership_token_create(admin->membership, value_get_text(body, "pool"), ttl_ms,
                                   admin_wall_ms(), &failure);
    if (!text) {
        admin_fail(call, "request", &failure);
        return;
    }
    if (admin_save(admin, &failure) != 0) {
        if (membership_token_remove(admin->membership, slice_make(text + 6, 8)) != 0)
            log_warning("token kept that could not be saved", "id=%.8s", text + 6);
        admin_fail(call, "state", &failure);
    } else {
        answer = token_value(call->arena, find(admin->membership, slice_make(text + 6, 8)));
        /* With the pin of the gates' CA: by it a joining agent knows that it speaks to us. */
        value_set_text(call->arena, answer, "token",
                       admin->gates ? arena_printf(call->arena, "%s." SLICE_FMT, text,
                                                   SLICE_ARG(gates_pin(admin->gates, call->arena)))
                                    : slice_of(text));
        log_info("join token made", "id=%.8s ttl_ms=%lld", text + 6, (long long)ttl_ms);
        exchange_reply_json(call->exchange, 201, answer);
    }
    free(text);
}

void admin_token_create(struct admin_call *call)
{
    admin_read_json(call, on_create);
}

void admin_tokens_list(struct admin_call *call)
{
    struct value *answer = value_map(call->arena), *list = value_list(call->arena);
    const struct join_token *token;

    membership_tidy(call->admin->membership, admin_wall_ms());
    for (size_t i = 0; (token = membership_token_at(call->admin->membership, i)) != NULL; i++)
        value_append(list, token_value(call->arena, token));
    value_set(call->arena, answer, "tokens", list);
    exchange_reply_json(call->exchange, 200, answer);
}

void admin_token_remove(struct admin_call *call)
{
    struct failure failure;

    if (membership_token_remove(call->admin->membership, call->rest) != 0) {
        failure_set(&failure, FAILURE_NOT_FOUND,
                    "there is no join token \"" SLICE_FMT "\": berthd token ls shows them",
                    SLICE_ARG(slice_cut(call->rest, 0, 60)));
        admin_fail(call, "token", &failure);
    } else if (admin_save(call->admin, &failure) != 0) {
        admin_fail(call, "state", &failure);
    } else {
        exchange_reply(call->exchange, 204, NULL, SLICE_NONE, NULL);
    }
}
