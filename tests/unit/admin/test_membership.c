/* Membership: tokens work once and for a time; names and engines keep to their keys. */
#include "proxy/admin/membership.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct membership *membership;
static struct failure failure;

static void set_up(void)
{
    membership = membership_new();
    failure_clear(&failure);
}

static void tear_down(void)
{
    membership_free(&membership);
}

TestSuite(membership, .init = set_up, .fini = tear_down);

Test(membership, a_token_is_good_for_one_join)
{
    char *text = membership_token_create(membership, SLICE("gpu"), 60000, 1000, &failure);
    struct join_token *token;

    cr_assert_not_null(text, "%s", failure.text);
    token = membership_token_check(membership, slice_of(text), 2000, &failure);
    cr_assert_not_null(token, "%s", failure.text);
    expect_text(token->pool, "gpu");
    cr_expect_not_null(membership_token_check(membership, slice_of(text), 2000, &failure));
    membership_token_used(token, SLICE("node-1"));
    cr_expect_null(membership_token_check(membership, slice_of(text), 2000, &failure));
    cr_expect(slice_contains(slice_of(failure.text), "was used by node \"node-1\""), "%s",
              failure.text);
    expect_int(failure.kind, FAILURE_UNIDENTIFIED);
    free(text);
}

Test(membership, a_token_expires_and_is_forgotten_a_day_later)
{
    char *text = membership_token_create(membership, SLICE(""), 60000, 1000, &failure);

    cr_expect_not_null(membership_token_check(membership, slice_of(text), 60999, &failure));
    cr_expect_null(membership_token_check(membership, slice_of(text), 61000, &failure));
    cr_expect(slice_contains(slice_of(failure.text), "has expired"), "%s", failure.text);
    membership_tidy(membership, 61000 + MEMBERSHIP_KEEP_MS);
    cr_expect_not_null(membership_token_at(membership, 0));
    membership_tidy(membership, 61001 + MEMBERSHIP_KEEP_MS);
    cr_expect_null(membership_token_at(membership, 0));
    free(text);
}

Test(membership, only_the_whole_token_tells_anything)
{
    char *text = membership_token_create(membership, SLICE(""), 60000, 0, &failure);
    size_t length = strlen(text);

    for (size_t cut = 0; cut < length; cut++) {
        cr_expect_null(membership_token_check(membership, slice_make(text, cut), 0, &failure));
        expect_text(failure.text, "wrong join token: it is not one that the manager knows");
    }
    text[length - 1] = text[length - 1] == '0' ? '1' : '0';
    cr_expect_null(membership_token_check(membership, slice_of(text), 99999999, &failure));
    expect_text(failure.text, "wrong join token: it is not one that the manager knows");
    free(text);
}

Test(membership, tokens_are_bounded_and_removable)
{
    char *text = NULL;

    cr_expect_null(membership_token_create(membership, SLICE("a b"), 60000, 0, &failure));
    cr_expect_null(membership_token_create(membership, SLICE(""), 999, 0, &failure));
    cr_expect_null(
        membership_token_create(membership, SLICE(""), MEMBERSHIP_MAX_TTL_MS + 1, 0, &failure));
    for (int i = 0; i < MEMBERSHIP_MAX_TOKENS; i++) {
        free(text);
        text = membership_token_create(membership, SLICE(""), 60000, 0, &failure);
        cr_assert_not_null(text);
    }
    cr_expect_null(membership_token_create(membership, SLICE(""), 60000, 0, &failure));
    expect_int(failure.kind, FAILURE_TOO_MANY);
    expect_int(membership_token_remove(membership, slice_make(text + 6, 8)), 0);
    expect_int(membership_token_remove(membership, slice_make(text + 6, 8)), -1);
    cr_expect_null(membership_token_check(membership, slice_of(text), 0, &failure));
    free(text);
}

static enum key_verdict check(const char *name, const char *engine, const char *key)
{
    return membership_key_check(membership, slice_of(name), slice_of(engine), slice_of(key),
                                &failure);
}

static int pin(const char *name, const char *engine, const char *key)
{
    return membership_key_pin(membership, slice_of(name), slice_of(engine), slice_of(key),
                              SLICE("gpu"), &failure);
}

Test(membership, names_and_engines_keep_to_their_keys)
{
    expect_int(check("node-1", "A", "k1"), KEY_UNKNOWN);
    expect_int(pin("node-1", "A", "k1"), 1);
    expect_int(pin("node-1", "A", "k1"), 0);
    expect_int(check("node-1", "A", "k1"), KEY_PROVED);
    expect_slice(membership_key_pool(membership, SLICE("A")), "gpu");
    expect_slice(membership_key_pool(membership, SLICE("B")), "");
    expect_int(check("node-1", "A", "k2"), KEY_WRONG);
    expect_int(failure.kind, FAILURE_CONFLICT);
    expect_int(check("node-1", "A", ""), KEY_WRONG);
    expect_int(check("node-9", "A", "k2"), KEY_WRONG);
    expect_int(check("node-1", "B", "k1"), KEY_WRONG);
    cr_expect(slice_contains(slice_of(failure.text), "belongs to another engine"));
    expect_int(check("node-2", "B", "k1"), KEY_UNKNOWN);
}

Test(membership, a_node_may_change_its_name_with_its_key)
{
    pin("node-1", "A", "k1");
    expect_int(check("other", "A", "k1"), KEY_PROVED);
    expect_int(pin("other", "A", "k1"), 1);
    expect_int(check("node-1", "B", "k2"), KEY_UNKNOWN);
    expect_int(membership_key_forget(membership, SLICE("node-1")), -1);
    expect_int(membership_key_forget(membership, SLICE("other")), 0);
    expect_int(check("other", "A", "k2"), KEY_UNKNOWN);
}

Test(membership, an_empty_key_pins_nothing)
{
    expect_int(pin("node-1", "A", ""), 0);
    expect_int(check("node-1", "A", "k"), KEY_UNKNOWN);
}

Test(membership, survives_as_a_file)
{
    char folder[] = "/tmp/berth-membership-XXXXXX";
    char *text = membership_token_create(membership, SLICE("p"), 60000, 5, &failure);
    char *path;
    struct stat status;

    cr_assert_not_null(mkdtemp(folder));
    path = xprintf("%s/membership.json", folder);
    expect_int(membership_load(membership, folder, &failure), 0);
    pin("node-1", "A", "k1");
    cr_assert(membership_save(membership, folder, &failure) == 0, "%s", failure.text);
    cr_expect(stat(path, &status) == 0 && (status.st_mode & 0777) == 0600);
    membership_free(&membership);
    membership = membership_new();
    cr_assert(membership_load(membership, folder, &failure) == 0, "%s", failure.text);
    expect_int(check("node-1", "A", "k1"), KEY_PROVED);
    cr_expect_not_null(membership_token_check(membership, slice_of(text), 6, &failure));
    expect_int(membership_token_at(membership, 0)->created_ms, 5);
    unlink(path);
    rmdir(folder);
    expect_int(membership_save(membership, folder, &failure), -1);
    cr_expect(slice_contains(slice_of(failure.text), path), "%s", failure.text);
    free(path);
    free(text);
}

Test(membership, damaged_and_future_texts_are_refused)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "invalid JSON: unexpected end after byte 0"},
        {"[]", "its version is damaged"},
        {"{\"version\":2}", "written by a newer berthd (format 2, this one knows 1)"},
        {"{\"version\":1,\"tokens\":[{\"id\":\"x\"}]}", "a token is damaged"},
        {"{\"version\":1,\"keys\":[{\"name\":\"x\"}]}", "a key is damaged"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct membership *fresh = membership_new();

        expect_int(membership_read(fresh, slice_of(cases[i].text), &failure), -1);
        expect_text(failure.text, cases[i].message);
        membership_free(&fresh);
    }
}
