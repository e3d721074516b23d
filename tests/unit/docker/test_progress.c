#include "proxy/docker/progress.h"

#include <criterion/criterion.h>

static const struct slice names[] = {SLICE_INIT("node-1"), SLICE_INIT("node-2"),
                                     SLICE_INIT("node-3")};

struct run {
    struct progress *progress;
    struct buffer out;
};

static struct run start(size_t count, size_t required)
{
    struct run run = {.progress = progress_new(names, count, required, "Pulling")};

    buffer_init(&run.out, 1 << 20);
    return run;
}

static void feed(struct run *run, size_t index, const char *line)
{
    progress_feed(run->progress, index, slice_of(line), &run->out);
}

static void expect(struct run *run, const char *text)
{
    cr_expect_str_eq(run->out.length ? run->out.at : "", text);
    buffer_clear(&run->out);
}

static void stop(struct run *run)
{
    progress_free(&run->progress);
    buffer_deinit(&run->out);
}

Test(progress, one_node_passes_verbatim_and_ends_with_its_closing_lines)
{
    struct run run = start(1, 1);

    feed(&run, 0, "{\"status\":\"Pulling from x\",\"id\":\"latest\"}");
    expect(&run, "{\"status\":\"Pulling from x\",\"id\":\"latest\"}\r\n");
    feed(&run, 0, "{\"status\":\"Digest: sha256:1\"}");
    feed(&run, 0, "{\"status\":\"Status: Downloaded\"}");
    expect(&run, "");
    progress_end(run.progress, 0, SLICE_NONE, &run.out);
    expect(&run, "{\"status\":\"Digest: sha256:1\"}\r\n{\"status\":\"Status: Downloaded\"}\r\n");
    cr_expect(progress_done(run.progress) && progress_succeeded(run.progress));
    stop(&run);
}

Test(progress, other_nodes_are_one_line_each)
{
    struct run run = start(2, 1);

    feed(&run, 0, "{\"status\":\"Pulling fs layer\",\"progressDetail\":{},\"id\":\"a\"}");
    buffer_clear(&run.out);
    feed(&run, 1, "{\"status\":\"Pulling from x\",\"id\":\"latest\"}");
    expect(&run, "");
    feed(&run, 1, "{\"status\":\"Pulling fs layer\",\"progressDetail\":{},\"id\":\"a\"}");
    expect(&run, "{\"status\":\"Pulling\",\"progressDetail\":{},\"id\":\"node-2\"}\r\n");
    feed(&run, 1,
         "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":10,\"total\":100},\"id\":"
         "\"a\"}");
    expect(&run, "{\"status\":\"Pulling\",\"progressDetail\":{\"current\":10,\"total\":100},"
                 "\"id\":\"node-2\"}\r\n");
    /* the same percentage again: nothing */
    feed(&run, 1,
         "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":10,\"total\":100},\"id\":"
         "\"a\"}");
    expect(&run, "");
    feed(&run, 1, "{\"status\":\"Download complete\",\"progressDetail\":{},\"id\":\"a\"}");
    expect(&run, "{\"status\":\"Pulling\",\"progressDetail\":{\"current\":100,\"total\":100},"
                 "\"id\":\"node-2\"}\r\n");
    progress_end(run.progress, 1, SLICE_NONE, &run.out);
    expect(&run, "{\"status\":\"Complete\",\"progressDetail\":{\"current\":100,\"total\":100},"
                 "\"id\":\"node-2\"}\r\n");
    progress_end(run.progress, 0, SLICE_NONE, &run.out);
    expect(&run, "");
    cr_expect(progress_succeeded(run.progress));
    stop(&run);
}

Test(progress, one_failed_node_does_not_stop_the_others)
{
    struct run run = start(2, 1);

    feed(&run, 0, "{\"status\":\"Pulling from x\",\"id\":\"latest\"}");
    buffer_clear(&run.out);
    feed(&run, 1, "{\"errorDetail\":{\"message\":\"no space\"},\"error\":\"no space\"}");
    expect(&run, "");
    progress_end(run.progress, 1, SLICE_NONE, &run.out);
    expect(&run, "{\"status\":\"Failed: no space\",\"progressDetail\":{},\"id\":\"node-2\"}\r\n");
    feed(&run, 0, "{\"status\":\"Status: Downloaded\"}");
    progress_end(run.progress, 0, SLICE_NONE, &run.out);
    expect(&run, "{\"status\":\"Status: Downloaded\"}\r\n");
    cr_expect(progress_succeeded(run.progress));
    cr_expect(progress_node_succeeded(run.progress, 0));
    cr_expect_not(progress_node_succeeded(run.progress, 1));
    stop(&run);
}

Test(progress, a_failed_primary_leaves_the_closing_lines_to_the_next)
{
    struct run run = start(2, 1);

    feed(&run, 0, "{\"status\":\"Pulling from x\",\"id\":\"latest\"}");
    feed(&run, 0, "{\"errorDetail\":{\"message\":\"disk\"},\"error\":\"disk\"}");
    feed(&run, 1, "{\"status\":\"Digest: sha256:2\"}");
    progress_end(run.progress, 0, SLICE_NONE, &run.out);
    buffer_clear(&run.out);
    progress_end(run.progress, 1, SLICE_NONE, &run.out);
    expect(&run, "{\"status\":\"Digest: sha256:2\"}\r\n");
    cr_expect(progress_succeeded(run.progress));
    stop(&run);
}

Test(progress, too_few_successes_end_in_one_error_line)
{
    struct run run = start(2, 2);

    feed(&run, 0, "{\"status\":\"Pulling from x\",\"id\":\"latest\"}");
    progress_end(run.progress, 1, SLICE("node-2 is down"), &run.out);
    buffer_clear(&run.out);
    progress_end(run.progress, 0, SLICE_NONE, &run.out);
    expect(&run, "{\"errorDetail\":{\"message\":\"node-2: node-2 is down\"},"
                 "\"error\":\"node-2: node-2 is down\"}\r\n");
    cr_expect_not(progress_succeeded(run.progress));
    stop(&run);
}

Test(progress, a_single_node_s_error_line_is_verbatim)
{
    struct run run = start(1, 1);

    feed(&run, 0, "{\"error\":\"manifest unknown\"}");
    progress_end(run.progress, 0, SLICE_NONE, &run.out);
    expect(&run, "{\"error\":\"manifest unknown\"}\r\n");
    stop(&run);
}

Test(progress, loaded_image_lines_come_once_and_last)
{
    struct run run = start(3, 1);

    for (size_t i = 0; i < 3; i++)
        feed(&run, i, "{\"stream\":\"Loaded image: busybox:latest\\n\"}");
    for (size_t i = 0; i < 3; i++)
        progress_end(run.progress, i, SLICE_NONE, &run.out);
    expect(&run, "{\"stream\":\"Loaded image: busybox:latest\\n\"}\r\n");
    stop(&run);
}

Test(progress, rubbish_passes_from_the_primary_only)
{
    struct run run = start(2, 1);

    feed(&run, 0, "[1]");
    feed(&run, 1, "[2]");
    feed(&run, 1, "\"x\"");
    feed(&run, 1, "{\"id\":7,\"status\":[],\"progressDetail\":9}");
    expect(&run, "[1]\r\n{\"status\":\"Pulling\",\"progressDetail\":{},\"id\":\"node-2\"}\r\n");
    stop(&run);
}
