/* Store: what was put is there after reopening; bad files are refused with a way out. */
#include "proxy/store/store.h"

#include "tests/unit/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <unistd.h>

#define until(loop, condition)                                                                     \
    do {                                                                                           \
        int64_t until_end = loop_wall_ns() + 20000000000LL;                                        \
        while (!(condition)) {                                                                     \
            cr_assert(loop_wall_ns() < until_end, "still waiting for: %s", #condition);            \
            loop_turn(loop, 20);                                                                   \
        }                                                                                          \
    } while (0)

struct place {
    char directory[64], file[96];
    struct loop *loop;
};

static void place_open(struct place *place)
{
    snprintf(place->directory, sizeof place->directory, "/tmp/berth-store-XXXXXX");
    cr_assert_not_null(mkdtemp(place->directory));
    snprintf(place->file, sizeof place->file, "%s/%s", place->directory, STORE_FILE);
    place->loop = loop_new();
}

static void place_close(struct place *place)
{
    static const char *const names[] = {"",     "-wal",  "-shm", ".before-restore",
                                        ".new", ".back", NULL};
    char path[160];

    for (int i = 0; names[i]; i++) {
        snprintf(path, sizeof path, "%s%s", place->file, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/lock", place->directory);
    unlink(path);
    rmdir(place->directory);
    loop_free(&place->loop);
}

static struct store *open_ok(struct place *place)
{
    struct failure failure;
    struct store *store = store_open(place->loop, place->directory, &failure);

    cr_assert_not_null(store, "%s", failure.text);
    return store;
}

static void collect(struct slice key, struct slice text, void *context)
{
    struct buffer *out = context;

    buffer_printf(out, SLICE_FMT "=" SLICE_FMT ";", SLICE_ARG(key), SLICE_ARG(text));
}

static void expect_records(struct store *store, const char *kind, const char *expected)
{
    struct buffer out;
    struct failure failure;

    buffer_init(&out, 10000);
    cr_assert_eq(store_load(store, kind, collect, &out, &failure), 0);
    expect_slice(buffer_slice(&out), expected);
    buffer_deinit(&out);
}

static void set_true(void *context)
{
    *(bool *)context = true;
}

static void take_text(struct slice text, void *context)
{
    snprintf(context, 100, "%s", text.at ? text.at : "(none)");
}

Test(store, keeps_records_across_processes)
{
    struct place place;
    struct store *store;
    bool done = false;
    char got[100] = "";

    place_open(&place);
    store = open_ok(&place);
    expect_records(store, "node", "");
    store_put(store, "node", SLICE("a"), SLICE("1"), NULL, NULL);
    store_put(store, "node", SLICE("b"), SLICE("2"), NULL, NULL);
    store_put(store, "other", SLICE("a"), SLICE("3"), NULL, NULL);
    store_put(store, "node", SLICE("a"), SLICE("4"), set_true, &done);
    store_remove(store, "node", SLICE("b"));
    until(place.loop, done);
    store_get(store, "node", SLICE("a"), take_text, got);
    until(place.loop, got[0]);
    expect_text(got, "4");
    got[0] = '\0';
    store_get(store, "node", SLICE("b"), take_text, got);
    until(place.loop, got[0]);
    expect_text(got, "(none)");
    store_put(store, "node", SLICE("late"), SLICE("5"), NULL, NULL);
    store_close(&store);
    store = open_ok(&place);
    expect_records(store, "node", "a=4;late=5;");
    expect_records(store, "other", "a=3;");
    cr_expect(store_health(store, NULL, 0));
    store_close(&store);
    place_close(&place);
}

Test(store, works_without_a_directory)
{
    struct loop *loop = loop_new();
    struct failure failure;
    struct store *store = store_open(loop, NULL, &failure);
    char got[100] = "";

    cr_assert_not_null(store, "%s", failure.text);
    store_put(store, "k", SLICE("a"), SLICE("x"), NULL, NULL);
    store_get(store, "k", SLICE("a"), take_text, got);
    until(loop, got[0]);
    expect_text(got, "x");
    store_close(&store);
    loop_free(&loop);
}

Test(store, second_process_is_refused)
{
    struct place place;
    struct store *store;
    struct failure failure;

    place_open(&place);
    store = open_ok(&place);
    cr_expect_null(store_open(place.loop, place.directory, &failure));
    expect_int(failure.kind, FAILURE_CONFLICT);
    cr_expect(strstr(failure.text, "in use by another berthd"), "%s", failure.text);
    store_close(&store);
    place_close(&place);
}

Test(store, damaged_and_future_files_are_refused)
{
    struct place place;
    struct failure failure;
    struct store *store;
    sqlite3 *database;
    FILE *file;

    place_open(&place);
    file = fopen(place.file, "w");
    fputs("this is not a database, and it is long enough to look at, surely it is, yes it is",
          file);
    fclose(file);
    cr_expect_null(store_open(place.loop, place.directory, &failure));
    expect_int(failure.kind, FAILURE_INTERNAL);
    cr_expect(strstr(failure.text, "berthd state restore"), "%s", failure.text);
    unlink(place.file);
    store = open_ok(&place);
    store_close(&store);
    sqlite3_open(place.file, &database);
    sqlite3_exec(database, "PRAGMA user_version=99", NULL, NULL, NULL);
    sqlite3_close(database);
    cr_expect_null(store_open(place.loop, place.directory, &failure));
    expect_int(failure.kind, FAILURE_UNSUPPORTED);
    cr_expect(strstr(failure.text, "newer berthd"), "%s", failure.text);
    cr_expect_null(store_open(place.loop, "/proc/nowhere", &failure));
    expect_int(failure.kind, FAILURE_INVALID);
    place_close(&place);
}

Test(store, backup_while_in_use_and_restore_after)
{
    struct place place;
    struct store *store;
    struct failure failure;
    bool done = false;
    char copy[160];

    place_open(&place);
    snprintf(copy, sizeof copy, "%s.back", place.file);
    store = open_ok(&place);
    store_put(store, "k", SLICE("a"), SLICE("old"), set_true, &done);
    until(place.loop, done);
    cr_assert_eq(store_backup(place.directory, copy, &failure), 0, "%s", failure.text);
    expect_int(store_backup(place.directory, copy, &failure), -1);
    store_put(store, "k", SLICE("a"), SLICE("new"), NULL, NULL);
    expect_int(store_restore(place.directory, copy, &failure), -1);
    expect_int(failure.kind, FAILURE_CONFLICT);
    store_close(&store);
    cr_assert_eq(store_restore(place.directory, copy, &failure), 0, "%s", failure.text);
    store = open_ok(&place);
    expect_records(store, "k", "a=old;");
    store_close(&store);
    place_close(&place);
}

Test(store, full_disk_is_said_and_overcome)
{
    struct place place;
    struct store *store;
    struct rlimit limit, small;
    bool done = false;
    char why[200], *big = calloc(1, 300001);

    memset(big, 'x', 300000);
    place_open(&place);
    store = open_ok(&place);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    small = limit;
    small.rlim_cur = 100000;
    setrlimit(RLIMIT_FSIZE, &small);
    store_put(store, "k", SLICE("a"), slice_make(big, 300000), set_true, &done);
    until(place.loop, !store_health(store, why, sizeof why));
    cr_expect(why[0]);
    cr_expect_not(done);
    setrlimit(RLIMIT_FSIZE, &limit);
    until(place.loop, done);
    cr_expect(store_health(store, NULL, 0));
    store_close(&store);
    free(big);
    place_close(&place);
}
