/* Guard: loads the rules all-or-nothing and takes each call through them. */
#include "proxy/access/guard.h"

#include "proxy/file.h"
#include "proxy/log.h"
#include "proxy/metrics.h"

#include <stdio.h>
#include <stdlib.h>

#define ACCESS_FILE_MAX (1u << 20)

struct guard {
    struct guard_options options;
    struct access_rules *rules;
    struct limits *limits;
    struct audit *audit;
    uint64_t generation;
};

/* ---- loading ---- */

static int add_file(struct access_builder *builder, const char *path, struct failure *failure)
{
    struct buffer text;
    buffer_init(&text, ACCESS_FILE_MAX);
    int result = file_read(path, &text, failure);
    if (result == 0)
        result = access_read_file(builder, buffer_slice(&text), path, failure);
    buffer_deinit(&text);
    return result;
}

/* "NAME" is for everybody; "ADDRESS=NAME" for whoever comes in by that -H address. */
static int add_preset(struct access_builder *builder, struct slice text, size_t number,
                      struct failure *failure)
{
    ptrdiff_t at = slice_find_last(text, '=');
    struct slice preset = at < 0 ? text : slice_from(text, (size_t)at + 1);
    struct slice address = at < 0 ? SLICE_NONE : slice_cut(text, 0, (size_t)at);
    char role[40], rule[40];
    snprintf(role, sizeof(role), "listener-%zu", number + 1);
    snprintf(rule, sizeof(rule), "preset-%zu", number + 1);
    struct slice role_name = slice_of(role);
    if (access_add_role(builder, role_name, address.length ? MATCH_LISTENER : MATCH_ANYONE, address,
                        SLICE_NONE, failure) != 0)
        return failure_prefix(failure, "--preset " SLICE_FMT, SLICE_ARG(text));
    if (access_add_preset(builder, preset, slice_of(rule), &role_name, 1, SLICE("--preset"),
                          failure) != 0)
        return failure_prefix(failure, "--preset " SLICE_FMT, SLICE_ARG(text));
    return 0;
}

int guard_file_rules(const struct guard_options *options, struct access_builder *builder,
                     struct failure *failure)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < options->preset_count; i++)
        result = add_preset(builder, slice_of(options->presets[i]), i, failure);
    if (result == 0 && options->access_file[0])
        result = add_file(builder, options->access_file, failure);
    return result;
}

static struct access_rules *load(const struct guard_options *options, struct failure *failure)
{
    struct access_builder *builder =
        access_builder_new(options->operations, options->operation_count);
    int result = guard_file_rules(options, builder, failure);
    if (result == 0 && options->add_rules)
        result = options->add_rules(builder, options->context, failure);
    if (result != 0) {
        access_builder_free(&builder);
        return NULL;
    }
    struct buffer shadowed;
    buffer_init(&shadowed, 65536);
    if (access_shadowed(builder, &shadowed) > 0)
        log_warning("rules that can never decide", "rules=\"" SLICE_FMT "\"",
                    SLICE_ARG(slice_trim(buffer_slice(&shadowed))));
    buffer_deinit(&shadowed);
    return access_build(&builder);
}

struct guard *guard_new(const struct guard_options *options, struct failure *failure)
{
    struct access_rules *rules = load(options, failure);
    struct audit *audit = NULL;
    if (!rules)
        return NULL;
    if (options->audit_file[0] && !(audit = audit_open(options->audit_file, failure))) {
        access_free(&rules);
        return NULL;
    }
    struct guard *guard = xcalloc(1, sizeof(*guard));
    guard->options = *options;
    guard->rules = rules;
    guard->audit = audit;
    guard->limits = limits_new();
    guard->generation = 1;
    return guard;
}

void guard_free(struct guard **guard)
{
    if (!*guard)
        return;
    access_free(&(*guard)->rules);
    limits_free(&(*guard)->limits);
    audit_close(&(*guard)->audit);
    free(*guard);
    *guard = NULL;
}

int guard_reload(struct guard *guard, struct failure *failure)
{
    struct access_rules *rules = load(&guard->options, failure);
    if (!rules)
        return -1;
    access_free(&guard->rules);
    guard->rules = rules;
    guard->generation++;
    return guard->audit ? audit_reopen(guard->audit, failure) : 0;
}

const struct access_rules *guard_rules(const struct guard *guard)
{
    return guard->rules;
}

uint64_t guard_generation(const struct guard *guard)
{
    return guard->generation;
}

bool guard_is_open(const struct guard *guard)
{
    return access_open(guard->rules);
}

bool guard_warns(const struct guard *guard)
{
    return guard->options.warn;
}

struct audit *guard_audit(const struct guard *guard)
{
    return guard->audit;
}

/* ---- one call ---- */

/* A denial, or in warn mode a note of it. */
static int deny(struct guard *guard, struct pass *pass, struct failure *failure)
{
    if (!guard->options.warn)
        return -1;
    pass->would_deny = true;
    failure_clear(failure);
    return 0;
}

static int say_denied(const struct guard *guard, const struct pass *pass, struct failure *failure)
{
    struct buffer roles;
    buffer_init(&roles, 400);
    access_role_names(guard->rules, pass->identity.roles, &roles);
    if (pass->identity.proof == PROOF_NONE && pass->identity.roles == 0)
        failure_set(failure, FAILURE_UNIDENTIFIED,
                    "access denied: %s needs an identity (a client certificate, a token or the "
                    "unix socket), and none was shown",
                    pass->operation);
    else
        failure_set(failure, FAILURE_DENIED,
                    "access denied: " SLICE_FMT " (%s%s) may not do %s: %s (rule %s)",
                    SLICE_ARG(pass->identity.name), roles.length ? "roles " : "no role",
                    roles.length ? roles.at : "", pass->operation,
                    pass->verdict.why ? pass->verdict.why : "no rule allows it",
                    pass->verdict.rule);
    buffer_deinit(&roles);
    return -1;
}

int guard_admit(struct guard *guard, struct pass *pass, const char *operation, bool long_lived,
                uint64_t now_ms, access_when_fn when, void *context, uint64_t *retry_ms,
                struct failure *failure)
{
    pass->operation = operation;
    pass->operation_number = access_operation(guard->rules, slice_of(operation));
    pass->generation = guard->generation;
    access_identify(guard->rules, &pass->identity);
    pass->verdict =
        access_decide(guard->rules, &pass->identity, pass->operation_number, when, context);
    snprintf(pass->rule, sizeof(pass->rule), "%s", pass->verdict.rule);
    pass->verdict.rule = pass->rule;
    pass->limits = access_limits(guard->rules, &pass->identity);
    *retry_ms = 0;
    if (!pass->verdict.allowed && pass->appeal && strcmp(pass->verdict.rule, "default") == 0 &&
        pass->appeal(pass->appeal_context)) {
        pass->verdict.allowed = true;
        pass->verdict.rule = "policy.access";
    }
    if (!pass->verdict.allowed) {
        say_denied(guard, pass, failure);
        if (deny(guard, pass, failure) != 0)
            return -1;
        pass->verdict.any_tenant = true;
    }
    pass->would_deny |= pass->verdict.warned;
    if (limits_take_request(guard->limits, pass->identity.name, &pass->limits, now_ms, retry_ms,
                            failure) != 0)
        return -1;
    if (!long_lived)
        return 0;
    if (limits_stream_began(guard->limits, pass->identity.name, &pass->limits, failure) != 0) {
        *retry_ms = 1000;
        return -1;
    }
    pass->holds_stream = true;
    return 0;
}

static void note_code(struct pass *pass, enum violation_code code)
{
    size_t length = strlen(pass->codes);
    snprintf(pass->codes + length, sizeof(pass->codes) - length, "%s%s", length ? "," : "",
             violation_name(code));
}

/* One violation against what is waived. */
static int check_code(struct guard *guard, struct pass *pass, enum violation_code code,
                      struct slice path, struct slice detail, struct failure *failure)
{
    note_code(pass, code);
    if (pass->verdict.waives >> code & 1)
        return 0;
    failure_set(failure, FAILURE_DENIED,
                "access denied: " SLICE_FMT "%s" SLICE_FMT " would give %s (%s); a rule with "
                "waives=%s could allow it",
                SLICE_ARG(path), detail.length ? " " : "", SLICE_ARG(detail), violation_help(code),
                violation_name(code), violation_name(code));
    return deny(guard, pass, failure);
}

int guard_check_report(struct guard *guard, struct pass *pass, const struct body_report *report,
                       struct failure *failure)
{
    for (size_t i = 0; i < report->violation_count; i++) {
        const struct violation *violation = &report->violations[i];
        if (check_code(guard, pass, violation->code, violation->path, violation->detail, failure) !=
            0)
            return -1;
    }
    return 0;
}

int guard_check_operation(struct guard *guard, struct pass *pass, struct failure *failure)
{
    enum violation_code code = violation_of_operation(slice_of(pass->operation));
    if (code == VIOLATION_COUNT)
        return 0;
    return check_code(guard, pass, code, slice_of(pass->operation), SLICE_NONE, failure);
}

int guard_reserve(struct guard *guard, struct pass *pass, const struct quota *used,
                  const struct quota *asked, struct failure *failure)
{
    const struct access_limits *limits = &pass->limits;
    if (limits->containers == 0 && limits->nano_cpus == 0 && limits->memory_bytes == 0)
        return 0;
    if (limits_quota_reserve(guard->limits, pass->identity.tenant, limits, used, asked, failure) !=
        0)
        return deny(guard, pass, failure);
    pass->holds_quota = true;
    pass->quota = *asked;
    return 0;
}

bool guard_sees(const struct pass *pass, struct slice owner)
{
    return !pass || pass->verdict.any_tenant || slice_equal(owner, pass->identity.tenant);
}

void guard_leave(struct guard *guard, struct pass *pass)
{
    if (pass->holds_stream)
        limits_stream_ended(guard->limits, pass->identity.name);
    if (pass->holds_quota)
        limits_quota_release(guard->limits, pass->identity.tenant, &pass->quota);
    pass->holds_stream = pass->holds_quota = false;
}

void guard_record(struct guard *guard, const struct pass *pass, const struct audit_entry *about)
{
    struct audit_entry entry = *about;
    struct buffer roles;
    if (!guard->audit)
        return;
    buffer_init(&roles, 2048);
    access_role_names(guard->rules, pass->identity.roles, &roles);
    entry.identity = &pass->identity;
    entry.roles = roles.at ? roles.at : "";
    entry.operation = pass->operation;
    entry.rule = pass->verdict.rule;
    entry.code = slice_of(pass->codes);
    entry.generation = pass->generation;
    if (!entry.verdict)
        entry.verdict = pass->would_deny ? "warn" : "allow";
    audit_write(guard->audit, &entry);
    buffer_deinit(&roles);
}
