#include "tests/unit/test.h"

#include "proxy/cert/cert_store.h"
#include "proxy/cert/docker_context.h"
#include "proxy/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct failure failure;
static char folder[] = "/tmp/berth-certs-XXXXXX";
static char directory[300];

static void make_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
    snprintf(directory, sizeof directory, "%s/deep/down", folder);
}

static void remove_folder(void)
{
    char command[400];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    cr_assert_eq(system(command), 0);
}

static int issue(struct cert_store *store, enum cert_kind kind, const char *name, const char *host)
{
    struct buffer out;
    buffer_init(&out, 4096);
    int result = cert_store_issue(store, kind, name, &host, host ? 1 : 0, 3600, &out, &failure);
    struct stat status;
    char path[600];
    snprintf(path, sizeof path, "%s/key.pem", out.at ? out.at : "");
    if (!result) {
        cr_expect_eq(stat(path, &status), 0, "%s", path);
        cr_expect_eq(status.st_mode & 0777, 0600);
    }
    buffer_deinit(&out);
    return result;
}

TestSuite(cert_store, .init = make_folder, .fini = remove_folder);

Test(cert_store, remembers_what_it_issued)
{
    bool made;
    size_t count;
    cr_expect_null(cert_store_open(directory, false, "x", NULL, &failure));
    cr_expect_eq(failure.kind, FAILURE_NOT_FOUND);
    struct cert_store *store = cert_store_open(directory, true, "x", &made, &failure);
    cr_assert_not_null(store, "%s", failure.text);
    cr_expect(made);
    cr_expect_null(cert_store_open(directory, true, "x", NULL, &failure)); /* locked */
    cr_expect_eq(failure.kind, FAILURE_CONFLICT);
    cr_assert_eq(issue(store, CERT_SERVER, "h", "10.0.0.1"), 0, "%s", failure.text);
    cr_assert_eq(issue(store, CERT_SERVER, "h", "10.0.0.1"), 0, "a server's is replaced");
    cr_assert_eq(issue(store, CERT_CLIENT, "alice", NULL), 0, "%s", failure.text);
    cert_store_close(&store);
    store = cert_store_open(directory, true, "x", &made, &failure);
    cr_assert_not_null(store, "%s", failure.text);
    cr_expect_not(made);
    const struct cert_row *rows = cert_store_rows(store, &count);
    expect_int(count, 3);
    expect_text(rows[2].name, "alice");
    expect_int(rows[2].kind, CERT_CLIENT);
    expect_int(rows[2].revoked_s, 0);
    cert_store_close(&store);
}

Test(cert_store, one_name_is_one_peer_until_it_is_revoked)
{
    struct cert_store *store = cert_store_open(directory, true, "x", NULL, &failure);
    cr_assert_eq(issue(store, CERT_CLIENT, "alice", NULL), 0);
    cr_expect_eq(issue(store, CERT_CLIENT, "alice", NULL), -1);
    cr_expect_eq(failure.kind, FAILURE_CONFLICT);
    cr_expect_eq(issue(store, CERT_NODE, "alice", "10.0.0.1"), -1);
    cr_expect_eq(issue(store, CERT_NODE, "node", "alice"), -1, "a node called as a client is");
    cr_expect_eq(cert_store_revoke(store, "alice", &failure), 1);
    cr_expect_eq(cert_store_revoke(store, "alice", &failure), -1);
    cr_expect_eq(failure.kind, FAILURE_NOT_FOUND);
    cr_expect_eq(issue(store, CERT_CLIENT, "alice", NULL), 0, "%s", failure.text);
    cert_store_close(&store);
}

Test(cert_store, refuses_names_that_lead_elsewhere)
{
    static const char *const names[] = {"", ".", "..", "../x", "a/b", "a b", "a\nb"};
    struct cert_store *store = cert_store_open(directory, true, "x", NULL, &failure);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cr_expect_eq(issue(store, CERT_CLIENT, names[i], NULL), -1, "%s", names[i]);
        cr_expect_eq(failure.kind, FAILURE_INVALID);
    }
    cr_expect_eq(issue(store, CERT_NODE, "n", NULL), -1);
    cert_store_close(&store);
}

Test(cert_store, names_the_line_of_a_damaged_record)
{
    char path[400];
    struct cert_store *store = cert_store_open(directory, true, "x", NULL, &failure);
    cr_assert_eq(issue(store, CERT_CLIENT, "alice", NULL), 0);
    cert_store_close(&store);
    snprintf(path, sizeof path, "%s/issued", directory);
    FILE *file = fopen(path, "a");
    fputs("ab client bob soon 0\n", file);
    fclose(file);
    cr_expect_null(cert_store_open(directory, false, "x", NULL, &failure));
    cr_expect(slice_contains(slice_of(failure.text), "issued:2"), "%s", failure.text);
}

Test(cert_store, writes_a_docker_context_once)
{
    char config[400], from[400];
    struct cert_store *store = cert_store_open(directory, true, "x", NULL, &failure);
    cr_assert_eq(issue(store, CERT_CLIENT, "alice", NULL), 0);
    cert_store_close(&store);
    snprintf(config, sizeof config, "%s/docker", folder);
    snprintf(from, sizeof from, "%s/clients/alice", directory);
    cr_expect_eq(docker_context_write(config, "berth", "tcp://h:2376", from, &failure), 0, "%s",
                 failure.text);
    /* printf berth | sha256sum */
    char meta[600];
    snprintf(meta, sizeof meta, "%s/contexts/meta/%s/meta.json", config,
             "5c2f64c7f21efd5fb5e3d6a499abe5eacb248ae6f6f0085387c9a056d10ef5fd");
    struct buffer text;
    buffer_init(&text, 65536);
    cr_assert_eq(file_read(meta, &text, &failure), 0, "%s", failure.text);
    cr_expect(slice_contains(buffer_slice(&text), "\"Host\":\"tcp://h:2376\""), "%s", text.at);
    buffer_deinit(&text);
    cr_expect_eq(docker_context_write(config, "berth", "tcp://h:2376", from, &failure), -1);
    cr_expect_eq(failure.kind, FAILURE_CONFLICT);
    cr_expect_eq(docker_context_write(config, "default", "tcp://h:1", from, &failure), -1);
    cr_expect_eq(docker_context_write(config, "../x", "tcp://h:1", from, &failure), -1);
    cr_expect_eq(docker_context_write(config, "other", "tcp://h:1", "/nowhere", &failure), -1);
}
