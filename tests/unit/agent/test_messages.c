/* Messages: what the agent says and how it reads answers. */
#include "agent/messages.h"
#include "proxy/admin/join_request.h"
#include "proxy/json.h"
#include "tests/unit/test.h"

#include <stdlib.h>

static struct arena *arena;

static void set_up(void)
{
    arena = arena_new();
}

static void tear_down(void)
{
    arena_free(&arena);
}

TestSuite(messages, .init = set_up, .fini = tear_down);

Test(messages, reads_an_engines_info)
{
    struct engine_facts facts;
    struct failure failure;

    cr_assert(engine_facts_read(&facts, SLICE("{\"ID\":\"A:B\",\"Name\":\"node-1\",\"x\":1}"),
                                &failure) == 0);
    expect_text(facts.id, "A:B");
    expect_text(facts.host_name, "node-1");
    engine_facts_deinit(&facts);
    cr_expect(engine_facts_read(&facts, SLICE("{}"), &failure) == -1);
    expect_text(failure.text, "the engine's /info has no ID or Name: is it a Docker engine?");
    cr_expect(engine_facts_read(&facts, SLICE("<html>"), &failure) == -1);
    cr_expect(slice_starts(slice_of(failure.text), "the engine's /info: invalid JSON"));
}

Test(messages, the_manager_takes_what_the_agent_says)
{
    static char cluster[] = "c", pair[] = "storage=ssd", fact[] = "rack=r=1";
    static char *pairs[] = {pair}, *facts[] = {fact};
    static char id[] = "A:B", host[] = "node-1";
    static const struct tag found[] = {{SLICE_INIT("load"), SLICE_INIT("0.5")}};
    struct agent_options options = {.cluster = cluster,
                                    .constraints = {pairs, 1},
                                    .facts = {facts, 1},
                                    .memory_bytes = 5,
                                    .nano_cpus = 6};
    struct engine_facts engine = {id, host};
    struct join_request request;
    struct failure failure = {0};
    struct slice body = join_body(arena, &options, &engine, "tcp://h:2375", "k", SLICE(""),
                                  (struct tags){found, 1});

    cr_assert(join_request_read(&request, arena, json_parse(arena, body, &failure), &failure) == 0,
              "%s", failure.text);
    expect_slice(request.name, "node-1");
    expect_slice(request.engine, "tcp://h:2375");
    expect_slice(request.key, "k");
    expect_slice(request.tags.list[0].value, "ssd");
    expect_slice(request.facts.list[0].value, "r=1");
    expect_slice(request.facts.list[1].key, "load");
    expect_int(request.declared.memory_bytes, 5);
}

Test(messages, verdicts)
{
    static const struct {
        int status;
        const char *body;
        enum verdict verdict;
        const char *why;
    } cases[] = {
        {200, "{\"lease\":\"s\",\"lease_ms\":5000}", VERDICT_JOINED, ""},
        {200, "{}", VERDICT_REFUSED, "the answer to the join has no lease: is it a berth manager?"},
        {200, "{\"lease\":\"s\",\"lease_ms\":0}", VERDICT_REFUSED,
         "the answer to the join has no lease: is it a berth manager?"},
        {401, "{\"message\":\"wrong\",\"reason\":\"token\"}", VERDICT_TOKEN, "wrong"},
        {409, "{\"message\":\"other\",\"reason\":\"cluster\"}", VERDICT_CLUSTER, "other"},
        {409, "{\"message\":\"taken\",\"reason\":\"node\"}", VERDICT_CLASH, "taken"},
        {400, "{\"message\":\"bad\",\"reason\":\"request\"}", VERDICT_REFUSED, "bad"},
        {503, "{\"message\":\"busy\"}", VERDICT_LATER, "busy"},
        {404, "<html>", VERDICT_REFUSED, "status 404 without a message: is it a berth manager?"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct failure why = {0};
        int64_t lease_ms;
        char *lease;

        expect_int(
            join_answer_read(cases[i].status, slice_of(cases[i].body), &lease, &lease_ms, &why),
            cases[i].verdict);
        expect_text(why.text, cases[i].why);
        cr_expect((lease != NULL) == (cases[i].verdict == VERDICT_JOINED));
        free(lease);
    }
}

Test(messages, fact_lines)
{
    size_t bad;
    struct tags tags = fact_lines(arena, SLICE("a=1\n b = two words \n\nno pair\n=x\nc=\n"), &bad);

    expect_int(tags.count, 3);
    expect_int(bad, 2);
    expect_slice(tags.list[1].key, "b");
    expect_slice(tags.list[1].value, "two words");
    expect_slice(tags.list[2].value, "");
}

static void expect_advertised(const char *engine, const char *advertise, const char *manager,
                              const char *expected)
{
    struct agent_options options = {0};
    struct failure failure = {0};
    char *managers[1], *chosen;

    managers[0] = xstrdup(manager);
    options.engine = xstrdup(engine);
    options.advertise = xstrdup(advertise);
    options.managers = (struct agent_list){managers, 1};
    chosen = advertise_choose(&options, &failure);
    cr_expect((chosen != NULL) == (expected != NULL), "%s with %s", engine, manager);
    if (chosen)
        expect_text(chosen, expected);
    else
        cr_expect(failure.text[0]);
    free(chosen);
    free(managers[0]);
    free(options.engine);
    free(options.advertise);
}

Test(messages, advertises_only_what_the_manager_can_reach)
{
    expect_advertised("tcp://10.0.0.1:2375", NULL, "http://m:1", "tcp://10.0.0.1:2375");
    expect_advertised("unix:///x", "tcp://10.0.0.1:2375", "http://m:1", "tcp://10.0.0.1:2375");
    expect_advertised("unix:///x", NULL, "http://127.0.0.1:1", "unix:///x");
    expect_advertised("unix:///x", NULL, "http://m:1", NULL);
    expect_advertised("tcp://127.0.0.1:2375", NULL, "http://m:1", NULL);
    expect_advertised("tcp://localhost:2375", NULL, "http://m:1", NULL);
    expect_advertised("10.0.0.1", NULL, "http://m:1", NULL);
}
