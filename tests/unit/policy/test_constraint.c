/* Constraint: every source and form, and what malformed ones are told. */
#include "tests/unit/policy/fixture.h"

Test(constraint, reads_every_form)
{
    static const struct {
        const char *expression, *text;
    } cases[] = {
        {"storage=ssd", "storage==ssd"},
        {"storage==ssd", "storage==ssd"},
        {"storage!=ssd", "storage!=ssd"},
        {"storage==~ssd", "storage==~ssd"},
        {"storage=~ssd", "storage==~ssd"},
        {"storage!=~ssd", "storage!=~ssd"},
        {" storage == ssd ", "storage==ssd"},
        {"node==node-*", "node==node-*"},
        {"node==/node-[12]/", "node==/node-[12]/"},
        {"a.b/c-d_1=x=y", "a.b/c-d_1==x=y"},
        {"operatingsystem=Debian GNU/Linux 12", "operatingsystem==Debian GNU/Linux 12"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct constraint_set set = {0};
        struct failure failure = {0};
        char text[200];
        cr_assert_eq(constraint_set_add(&set, slice_of(cases[i].expression), false, &failure), 0,
                     "%s", failure.text);
        constraint_text(&set.list[0], text, sizeof(text));
        expect_text(text, cases[i].text);
    }
}

Test(constraint, malformed_is_quoted_with_the_right_form)
{
    static const char *const wrong[] = {
        "storage", "=ssd",      "==",       "storage==",  "storage=~",        "1a==b",
        "a b==c",  "node==/(/", "k==a\x01", "storage<=1", "reschedule!=never"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct constraint_set set = {0};
        struct failure failure = {0};
        cr_expect_eq(constraint_set_add(&set, slice_of(wrong[i]), false, &failure), -1, "%s",
                     wrong[i]);
        expect_int(failure.kind, FAILURE_INVALID);
        cr_expect(slice_contains(slice_of(failure.text), wrong[i]), "%s", failure.text);
    }
    struct constraint_set set = {0};
    struct failure failure = {0};
    cr_expect_eq(constraint_set_add(&set, SLICE("storage"), false, &failure), -1);
    expect_text(failure.text,
                "constraint \"storage\" is malformed: there is no operator; write KEY=VALUE, "
                "KEY==VALUE or KEY!=VALUE, for instance storage=ssd");
}

Test(constraint, number_and_sizes_are_limited)
{
    struct constraint_set set = {0};
    struct failure failure = {0};
    for (int i = 0; i < CONSTRAINTS_MAX; i++) {
        cr_assert_eq(constraint_set_add(&set, SLICE("a==b"), false, &failure), 0);
    }
    cr_expect_eq(constraint_set_add(&set, SLICE("a==b"), false, &failure), -1);
    expect_text(failure.text, "more than 64 constraints and affinities for one container");
    char text[400] = "k==";
    memset(text + 3, 'x', 257);
    struct constraint_set other = {0};
    cr_expect_eq(constraint_set_add(&other, slice_make(text, 259), false, &failure), 0);
    cr_expect_eq(constraint_set_add(&other, slice_make(text, 260), false, &failure), -1);
}

Test(constraint, env_entries_are_taken_or_left_alone)
{
    struct constraint_set set = {0};
    struct failure failure = {0};
    bool taken = false;
    cr_expect_eq(constraint_set_add_env(&set, SLICE("constraint:storage==ssd"), &taken, NULL), 0);
    cr_expect(taken);
    cr_expect_eq(constraint_set_add_env(&set, SLICE("affinity:container==db"), &taken, NULL), 0);
    cr_expect(taken && set.list[1].affinity);
    cr_expect_eq(constraint_set_add_env(&set, SLICE("reschedule:on-node-failure"), &taken, NULL),
                 0);
    cr_expect(taken);
    expect_int(set.reschedule, RESCHEDULE_ALWAYS);
    cr_expect_eq(constraint_set_add_env(&set, SLICE("PATH=/constraint:a==b"), &taken, NULL), 0);
    cr_expect_not(taken);
    expect_int(set.count, 2);
    cr_expect_eq(constraint_set_add_env(&set, SLICE("constraint:"), &taken, &failure), -1);
    cr_expect(taken);
}

Test(constraint, labels_are_put_together_where_the_cli_cut_them)
{
    static const struct {
        const char *key, *value, *text;
    } cases[] = {
        {"constraint:storage", "ssd", "storage==ssd"},
        {"constraint:storage", "=ssd", "storage==ssd"},
        {"constraint:storage!", "ssd", "storage!=ssd"},
        {"affinity:image", "=redis", "image==redis"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct constraint_set set = {0};
        bool taken = false;
        char text[100];
        cr_assert_eq(constraint_set_add_label(&set, arena, slice_of(cases[i].key),
                                              slice_of(cases[i].value), &taken, NULL),
                     0);
        cr_assert(taken);
        constraint_text(&set.list[0], text, sizeof(text));
        expect_text(text, cases[i].text);
    }
    struct constraint_set set = {0};
    bool taken = true;
    cr_expect_eq(constraint_set_add_label(&set, arena, SLICE("com.example"), SLICE("constraint:"),
                                          &taken, NULL),
                 0);
    cr_expect_not(taken);
    expect_int(constraint_label_is_list(SLICE("com.docker.swarm.constraints")),
               CONSTRAINT_LABEL_CONSTRAINTS);
    expect_int(constraint_label_is_list(SLICE("com.docker.swarm.reschedule-policies")),
               CONSTRAINT_LABEL_RESCHEDULE);
    expect_int(constraint_label_is_list(SLICE("com.docker.swarm.id")), CONSTRAINT_LABEL_OTHER);
    arena_free(&arena);
}

Test(constraint, reschedule_is_a_word_about_failure_not_about_nodes)
{
    struct constraint_set set = {0};
    struct failure failure = {0};
    cr_expect_eq(constraint_set_add(&set, SLICE("reschedule=never"), false, &failure), 0);
    expect_int(set.count, 0);
    expect_int(set.reschedule, RESCHEDULE_NEVER);
    cr_expect_eq(constraint_set_add(&set, SLICE("Reschedule==never"), false, &failure), 0);
    cr_expect_eq(constraint_set_add(&set, SLICE("reschedule=always"), false, &failure), -1);
    expect_text(failure.text, "reschedule is given twice with different words");
    struct constraint_set other = {0};
    cr_expect_eq(constraint_set_add(&other, SLICE("reschedule=maybe"), false, &failure), -1);
    expect_text(failure.text, "reschedule \"maybe\" is not known: write always, never or auto");
}

Test(constraint, finds_tags_in_any_case_and_by_alias)
{
    struct fixture f;
    fixture_init(&f);
    expect_slice(constraint_node_tag(&f.node[0], SLICE("Storage")), "ssd");
    expect_slice(constraint_node_tag(&f.node[0], SLICE("KernelVersion")), "6.1.0-18-amd64");
    expect_slice(constraint_node_tag(&f.node[0], SLICE("storagedriver")), "overlay2");
    expect_slice(constraint_node_tag(&f.node[0], SLICE("node")), "node-1");
    expect_slice(constraint_node_tag(&f.node[0], SLICE("NAME")), "node-1");
    cr_expect_null(constraint_node_tag(&f.node[0], SLICE("gpu")).at);
    fixture_deinit(&f);
}
