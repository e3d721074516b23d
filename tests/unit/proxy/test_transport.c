#include "tests/unit/test.h"

#include "proxy/transport.h"

static struct settings settings;
static struct failure failure;

static char *no_environment(const char *name)
{
    return NULL;
}

static struct transport *make(int argc, const char *const *words)
{
    char *const *argv = (char *const *)(uintptr_t)words; /* as main has it; nothing writes */
    failure_clear(&failure);
    cr_assert_eq(settings_load(&settings, argc, argv, no_environment, &failure), 0, "%s",
                 failure.text);
    return transport_new(&settings, &failure);
}

static int listen_on(struct transport *transport, const char *text, struct tls_context **tls)
{
    struct endpoint endpoint;
    cr_assert_eq(endpoint_parse(&endpoint, slice_of(text), 0, &failure), 0);
    return transport_listen(transport, &endpoint, tls, &failure);
}

Test(transport, plain_tcp_beyond_loopback_needs_its_flag)
{
    const char *const none[] = {"berthd", NULL}, *const insecure[] = {"berthd", "--insecure-tcp",
                                                                      NULL};
    struct tls_context *tls;
    struct transport *transport = make(1, none);
    cr_assert_not_null(transport, "%s", failure.text);
    cr_expect_eq(listen_on(transport, "tcp://127.0.0.1:1", &tls), 0);
    cr_expect_eq(listen_on(transport, "unix:///x", &tls), 0);
    cr_expect_eq(listen_on(transport, "tcp://0.0.0.0:1", &tls), -1);
    cr_expect(slice_contains(slice_of(failure.text), "--tlsverify"), "%s", failure.text);
    cr_expect_eq(listen_on(transport, "https://127.0.0.1:1", &tls), -1);
    transport_free(&transport);
    settings_deinit(&settings);
    transport = make(2, insecure);
    cr_expect_eq(listen_on(transport, "tcp://0.0.0.0:1", &tls), 0);
    cr_expect_null(tls);
    transport_free(&transport);
    settings_deinit(&settings);
}

Test(transport, flags_that_make_no_sense_are_refused)
{
    static const char *const cases[][6] = {
        {"berthd", "--tls"},
        {"berthd", "--tlscacert", "/ca.pem"},
        {"berthd", "--tlsverify", "--tlscert=/c.pem", "--tlskey=/k.pem"},
        {"berthd", "--tls", "--tlscert=/none.pem", "--tlskey=/none.pem"},
        {"berthd", "--tlscrl=/crl.pem"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int argc = 0;
        while (argc < 6 && cases[i][argc])
            argc++;
        struct transport *transport = make(argc, cases[i]);
        cr_expect_null(transport, "case %zu", i);
        cr_expect_eq(failure.kind, FAILURE_INVALID);
        transport_free(&transport);
        settings_deinit(&settings);
    }
}

Test(transport, engines_get_tls_when_they_are_written_so)
{
    const char *const plain[] = {"berthd", NULL};
    struct transport *transport = make(1, plain);
    struct tls_context *tls;
    struct endpoint endpoint;
    cr_assert_eq(endpoint_parse(&endpoint, SLICE("tcp://127.0.0.1:2375"), 0, &failure), 0);
    cr_expect_eq(transport_node(&endpoint, &tls, transport, &failure), 0);
    cr_expect_null(tls);
    cr_assert_eq(endpoint_parse(&endpoint, SLICE("https://127.0.0.1:2376"), 0, &failure), 0);
    cr_expect_eq(transport_node(&endpoint, &tls, transport, &failure), -1);
    cr_expect(slice_contains(slice_of(failure.text), "--node-tlscacert"), "%s", failure.text);
    transport_free(&transport);
    settings_deinit(&settings);
}
