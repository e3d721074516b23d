/* Facts: the command's output becomes facts; failures keep the earlier ones. */
#include "agent/facts.h"
#include "policy/base/failure.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

/* Runs the command once to its end; what facts_read said last. */
static bool run(struct facts *facts, int64_t now)
{
    bool changed = false;

    facts_tick(facts, now);
    while (facts_fd(facts) >= 0) {
        struct pollfd watched = {.fd = facts_fd(facts), .events = POLLIN};

        cr_assert(poll(&watched, 1, 20000) == 1);
        changed = facts_read(facts);
    }
    return changed;
}

Test(facts, change_only_when_the_output_does)
{
    char folder[] = "/tmp/berth-facts-XXXXXX";
    char *command, *path;
    struct facts *facts;

    cr_assert_not_null(mkdtemp(folder));
    path = xprintf("%s/x", folder);
    command = xprintf("echo a=1; [ ! -e %s ] || { echo b=2; exit 3; }", path);
    facts = facts_new(command, 1000);
    cr_expect(run(facts, 0));
    expect_slice(facts_tags(facts).list[0].value, "1");
    expect_int(facts_next_ms(facts), 1000);
    cr_expect_not(run(facts, 1000));
    close(creat(path, 0600));
    cr_expect_not(run(facts, 2000), "a failed command changes nothing");
    expect_int(facts_tags(facts).count, 1);
    facts_free(&facts);
    unlink(path);
    rmdir(folder);
    free(path);
    free(command);
}

Test(facts, a_slow_command_is_ended)
{
    struct facts *facts = facts_new("sleep 1000 & sleep 1000", 5000);

    facts_tick(facts, 0);
    cr_expect(facts_fd(facts) >= 0);
    expect_int(facts_next_ms(facts), 5000);
    facts_tick(facts, 5000);
    cr_expect(facts_fd(facts) >= 0, "started anew after the old one was ended");
    expect_int(facts_next_ms(facts), 10000);
    facts_free(&facts);
    cr_expect_null(facts);
}

Test(facts, none_without_a_command)
{
    struct facts *facts = facts_new(NULL, 1000);

    facts_tick(facts, 5000);
    expect_int(facts_fd(facts), -1);
    expect_int(facts_next_ms(facts), INT64_MAX);
    expect_int(facts_tags(facts).count, 0);
    facts_free(&facts);
}
