#include "proxy/net/endpoint.h"

#include <criterion/criterion.h>
#include <netinet/in.h>

static struct endpoint endpoint;
static struct failure failure;

Test(endpoint, accepts_what_docker_accepts)
{
    static const struct {
        const char *text;
        uint16_t default_port;
        enum endpoint_kind kind;
        const char *host;
        uint16_t port;
    } cases[] = {
        {"tcp://10.0.0.1:2375", 0, ENDPOINT_TCP, "10.0.0.1", 2375},
        {"10.0.0.1:2375", 0, ENDPOINT_TCP, "10.0.0.1", 2375},
        {"tcp://10.0.0.1", 2376, ENDPOINT_TCP, "10.0.0.1", 2376},
        {"tcp://:2375", 0, ENDPOINT_TCP, "127.0.0.1", 2375},
        {":2375", 0, ENDPOINT_TCP, "127.0.0.1", 2375},
        {"tcp://[::1]:2375", 0, ENDPOINT_TCP, "::1", 2375},
        {"tcp://[fe80::1]", 2375, ENDPOINT_TCP, "fe80::1", 2375},
        {"http://node1/", 0, ENDPOINT_TCP, "node1", 80},
        {"https://node1", 0, ENDPOINT_TCP, "node1", 443},
        {"tcp://a-b.example_c:0", 0, ENDPOINT_TCP, "a-b.example_c", 0},
        {"unix:///run/berth.sock", 0, ENDPOINT_UNIX, "", 0},
        {"fd://3", 0, ENDPOINT_FD, "", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int result =
            endpoint_split(&endpoint, slice_of(cases[i].text), cases[i].default_port, &failure);
        cr_assert_eq(result, 0, "%s: %s", cases[i].text, failure.text);
        cr_assert_eq(endpoint.kind, cases[i].kind, "%s", cases[i].text);
        cr_assert_str_eq(endpoint.host, cases[i].host);
        cr_assert_eq(endpoint.port, cases[i].port, "%s", cases[i].text);
        cr_assert_str_eq(endpoint.text, cases[i].text);
    }
}

Test(endpoint, refuses_the_rest_and_says_why)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "1 to 255"},
        {"tcp://10.0.0.1", "port is needed"},
        {"tcp://10.0.0.1:", "not a number"},
        {"tcp://10.0.0.1:65536", "0 to 65535"},
        {"tcp://10.0.0.1:+5", "not a number"},
        {"tcp://10.0.0.1:1/x", "not a number"},
        {"tcp://user@host:1", "can't have"},
        {"tcp://::1:2375", "not a number"},
        {"tcp://[::1:2375", "not closed"},
        {"tcp://[::1]2375", "behind the bracket"},
        {"tcp://[]:1", "can't have"},
        {"tcp://[host]:1", "not an IPv6"},
        {"tcp://[1:2]:1", "not an IPv6"},
        {"ftp://host:1", "scheme"},
        {"unix://run/berth.sock", "absolute"},
        {"fd://", "descriptor number"},
        {"fd://1", "descriptor number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        failure_clear(&failure);
        cr_assert_eq(endpoint_split(&endpoint, slice_of(cases[i].text), 0, &failure), -1, "%s",
                     cases[i].text);
        cr_assert_eq(failure.kind, FAILURE_INVALID);
        cr_assert(slice_contains(slice_of(failure.text), cases[i].why), "%s: %s", cases[i].text,
                  failure.text);
    }
    char path[300] = "unix:///";
    memset(path + 8, 'x', 110);
    cr_assert_eq(endpoint_split(&endpoint, slice_of(path), 0, &failure), -1);
}

Test(endpoint, knows_what_is_local)
{
    static const struct {
        const char *text;
        bool local;
    } cases[] = {
        {"tcp://127.0.0.1:1", true}, {"tcp://127.8.0.1:1", true}, {"tcp://[::1]:1", true},
        {"unix:///x", true},         {"tcp://0.0.0.0:1", false},  {"tcp://10.0.0.1:1", false},
        {"tcp://[::]:1", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(endpoint_parse(&endpoint, slice_of(cases[i].text), 0, &failure), 0);
        cr_assert_eq(endpoint_is_local(&endpoint), cases[i].local, "%s", cases[i].text);
    }
}

Test(endpoint, resolves_names_of_the_hosts_file)
{
    cr_assert_eq(endpoint_parse(&endpoint, SLICE("tcp://localhost:80"), 0, &failure), 0, "%s",
                 failure.text);
    cr_assert(endpoint_is_local(&endpoint));
}
