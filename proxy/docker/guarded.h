/* Guarded: where the Docker API meets the guard: each call is decided upon before its handler runs,
 * bodies are checked and stamped with their owner, and whatever is shown, found or acted on passes
 * one question: may this call see an object of that owner? What it may not see does not exist: the
 * same 404 as for what is not there. */
#pragma once

#include "proxy/access/guard.h"
#include "proxy/access/identify.h"
#include "proxy/docker/handler.h"
#include "proxy/policy_service.h"

/* The context of docker_options.may. */
struct gate {
    struct guard *guard;
    struct identifier *identifier;
    struct policy_service *policy; /* NULL: none */
};

/* docker_options.may: true: call->pass is set (NULL when nobody asked for access control). False:
 * answered with 401, 403 or 429, and recorded. */
bool guarded_may(struct call_context *call, void *gate);
/* A parsed JSON body, before its handler sees it: checked against the call's waivers, its
 * references against what the call may see, then stamped. -1: answered. */
int guarded_body(struct call_context *call, struct value *body) MUST_CHECK;
/* The exchange has ended with `status`: the audit line, limits given back. For
 * front_settings.on_finished. */
void guarded_finished(struct exchange *exchange, int status, void *docker);

/* ---- the operator's policy, guarded_policy.c ---- */
/* Holds the serving policy for the call when it has a say in requests. */
void guarded_hold_policy(struct call_context *call);
/* Puts conditions and appeals of the script into the call's pass. */
struct policy_asking;
struct policy_asking *guarded_ask_policy(struct call_context *call);
bool guarded_policy_when(int when, void *asking); /* access_when_fn */
/* policy.access, unless it has been asked already. -1: answered. */
int guarded_policy_access(struct policy_asking *asking) MUST_CHECK;
/* policy.admit over a checked body: edits it and checks it again into `report`. -1: answered. */
int guarded_policy_admit(struct call_context *call, enum body_kind kind, struct value *body,
                         struct body_report *report) MUST_CHECK;
/* The same for a build, which asks by its query: edits go into the query. */
int guarded_policy_admit_query(struct call_context *call, struct body_report *report) MUST_CHECK;
/* Answers with the status and text, recorded as denied by `rule`. Returns -1. */
int guarded_refuse_with(struct call_context *call, int status, const char *rule, const char *code,
                        const char *why);

/* Answers 403 (401, 429) with the failure's text and records it. */
void guarded_refuse(struct call_context *call, const struct failure *failure);

/* The closed table of operations: every distinct one of routes.def, then berth's own API (berth.*).
 * Static. */
const char *const *guarded_operations(size_t *count);
/* The peer shows the certificate of a node: answers 403 and returns true. */
bool guarded_keeps_node_out(struct exchange *exchange);
/* admin_options.may; context is the gate. False: answered. */
bool guarded_admin_may(struct exchange *exchange, const char *operation, void *gate);
