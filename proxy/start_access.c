/* Start, access: makes the guard and the identifier from the settings; `berthd learn`. */
#include "proxy/access/learn.h"
#include "proxy/berthd.h"
#include "proxy/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define LEARN_MAX_BYTES (256u << 20)

static struct guard_options guard_options_of(struct berthd *berthd)
{
    const struct settings *settings = &berthd->settings;
    struct guard_options options = {.access_file = settings->access,
                                    .presets = settings->presets.list,
                                    .preset_count = settings->presets.count,
                                    .audit_file = settings->audit_log,
                                    .warn = settings->access_warn,
                                    .add_rules = policy_rules_of,
                                    .context = berthd};
    options.operations = guarded_operations(&options.operation_count);
    return options;
}

int access_file_rules(struct access_builder *builder, void *context, struct failure *failure)
{
    struct guard_options options = guard_options_of(context);
    return guard_file_rules(&options, builder, failure);
}

int start_access(struct berthd *berthd, struct failure *failure)
{
    const struct settings *settings = &berthd->settings;
    struct identifier_options identifier = {.token_file = settings->user_tokens,
                                            .common_name = settings->cert_cn};
    struct guard_options guard = guard_options_of(berthd);
    berthd->gate.policy = berthd->policy;
    berthd->gate.identifier = identifier_new(&identifier, failure);
    if (!berthd->gate.identifier)
        return failure_prefix(failure, "--user-tokens");
    berthd->gate.guard = guard_new(&guard, failure);
    if (!berthd->gate.guard)
        return -1;
    if (!guard_is_open(berthd->gate.guard))
        log_info("access control is on", "rules=%zu%s",
                 access_rule_count(guard_rules(berthd->gate.guard)),
                 guard_warns(berthd->gate.guard) ? " mode=warn" : "");
    else if (settings->user_tokens[0])
        return failure_set(failure, FAILURE_INVALID,
                           "--user-tokens without rules would let everybody in all the same: give "
                           "--access FILE or --preset NAME");
    return 0;
}

void reload_access(struct berthd *berthd)
{
    struct failure failure;
    if (identifier_reload(berthd->gate.identifier, &failure) != 0)
        log_error("user tokens not reloaded, the old ones stay", "why=\"%s\"", failure.text);
    if (guard_reload(berthd->gate.guard, &failure) != 0)
        log_error("access rules not reloaded, the old ones stay", "why=\"%s\"", failure.text);
}

void stop_access(struct berthd *berthd)
{
    guard_free(&berthd->gate.guard);
    identifier_free(&berthd->gate.identifier);
}

/* All of the stream, at most LEARN_MAX_BYTES. */
static int read_all(FILE *in, struct buffer *text, struct failure *failure)
{
    char block[65536];
    size_t got;
    while ((got = fread(block, 1, sizeof(block), in)) > 0) {
        if (buffer_append(text, block, got) != 0)
            return failure_set(failure, FAILURE_INVALID, "longer than %u MiB",
                               LEARN_MAX_BYTES >> 20);
    }
    return ferror(in) ? failure_set(failure, FAILURE_INVALID, "%s", strerror(errno)) : 0;
}

int run_learn(int argc, char *const *argv)
{
    struct buffer text, rules;
    struct failure failure;
    if (argc != 3 || argv[2][0] == '-') {
        fprintf(stderr,
                "usage: berthd learn AUDIT-LOG\n\nPrints rules for --access that would allow "
                "what the log shows as let through.\n");
        return 2;
    }
    FILE *in = fopen(argv[2], "r");
    if (!in) {
        fprintf(stderr, "berthd learn: %s: %s\n", argv[2], strerror(errno));
        return 1;
    }
    buffer_init(&text, LEARN_MAX_BYTES);
    buffer_init(&rules, LEARN_MAX_BYTES);
    int result = read_all(in, &text, &failure);
    if (result == 0)
        result = learn_rules(buffer_slice(&text), &rules, &failure);
    if (result == 0)
        fwrite(rules.at ? rules.at : "", 1, rules.length, stdout);
    else
        fprintf(stderr, "berthd learn: %s: %s\n", argv[2], failure.text);
    fclose(in);
    buffer_deinit(&text);
    buffer_deinit(&rules);
    return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
