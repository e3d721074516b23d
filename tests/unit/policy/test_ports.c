/* Ports: conflicts by protocol, number, address and range. */
#include "policy/ports.h"
#include "tests/unit/test.h"

#define TCP PROTOCOL_TCP
#define UDP PROTOCOL_UDP

Test(ports, conflict_table)
{
    static const struct {
        struct port a, b;
        bool conflict;
    } cases[] = {
        {{TCP, {0}, 80, 80, false}, {TCP, {0}, 80, 80, false}, true},
        {{TCP, {0}, 80, 80, false}, {UDP, {0}, 80, 80, false}, false},
        {{TCP, {0}, 80, 80, false}, {TCP, {0}, 81, 81, false}, false},
        {{TCP, {0}, 80, 80, false}, {TCP, SLICE_INIT("10.0.0.1"), 80, 80, false}, true},
        {{TCP, SLICE_INIT("::"), 80, 80, false},
         {TCP, SLICE_INIT("10.0.0.1"), 80, 80, false},
         true},
        {{TCP, SLICE_INIT("10.0.0.2"), 80, 80, false},
         {TCP, SLICE_INIT("10.0.0.1"), 80, 80, false},
         false},
        {{TCP, SLICE_INIT("FD00::1"), 80, 80, false},
         {TCP, SLICE_INIT("fd00::1"), 80, 80, false},
         true},
        {{TCP, {0}, 0, 0, false}, {TCP, {0}, 0, 0, false}, false},
        {{TCP, {0}, 8000, 8010, false}, {TCP, {0}, 8005, 8005, false}, true},
        {{TCP, {0}, 8000, 8010, true}, {TCP, {0}, 8005, 8005, false}, false},
        {{TCP, {0}, 80, 80, true}, {TCP, {0}, 80, 80, false}, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_expect_eq(port_conflicts(&cases[i].a, &cases[i].b), cases[i].conflict, "case %zu", i);
        cr_expect_eq(port_conflicts(&cases[i].b, &cases[i].a), cases[i].conflict, "case %zu", i);
    }
}

Test(ports, text)
{
    char text[96];
    port_text(&(struct port){TCP, SLICE_NONE, 80, 80, false}, text, sizeof(text));
    expect_text(text, "80/tcp");
    port_text(&(struct port){UDP, SLICE("10.0.0.1"), 53, 53, false}, text, sizeof(text));
    expect_text(text, "10.0.0.1:53/udp");
    port_text(&(struct port){TCP, SLICE("fd00::1"), 8000, 8010, true}, text, sizeof(text));
    expect_text(text, "[fd00::1]:8000-8010/tcp");
}

Test(ports, a_set_gives_the_same_answers_as_the_containers)
{
    struct port held[] = {{TCP, SLICE("0.0.0.0"), 80, 80, false}, {TCP, {0}, 8000, 8000, false}};
    struct container running = {.state = CONTAINER_RUNNING, .ports = {held, 2}};
    const struct container *list[] = {&running};
    struct port_set set = {0};
    struct node walked = {.containers = list, .containers_total = 1};
    struct node kept = {.held_ports = &set};
    port_set_add(&set, &running.ports);
    struct port asked[] = {{UDP, {0}, 80, 80, false},
                           {TCP, {0}, 336, 336, false}, /* same bit as 80 */
                           {TCP, {0}, 8000, 8001, true},
                           {TCP, SLICE("10.0.0.1"), 80, 80, false}};
    struct ports ports = {asked, 4};
    expect_int(ports_conflict(&walked, &ports), 3);
    expect_int(ports_conflict(&kept, &ports), 3);
    ports.count = 3;
    expect_int(ports_conflict(&walked, &ports), -1);
    expect_int(ports_conflict(&kept, &ports), -1);
    port_set_remove(&set, &running.ports);
    expect_int(set.count, 0);
    cr_expect_not(port_bits_meet(&set.bits, &set.bits));
    port_set_deinit(&set);
}

Test(ports, a_set_keeps_its_own_copies)
{
    char address[] = "10.0.0.1";
    struct port port = {TCP, slice_of(address), 80, 80, false};
    struct port_set set = {0};
    struct node node = {.held_ports = &set};
    port_set_add(&set, &(struct ports){&port, 1});
    address[7] = '9';
    struct port asked = {TCP, SLICE("10.0.0.1"), 80, 80, false};
    expect_int(ports_conflict(&node, &(struct ports){&asked, 1}), 0);
    port_set_remove(&set, &(struct ports){&asked, 1});
    expect_int(set.count, 0);
    port_set_deinit(&set);
}

Test(ports, who_holds)
{
    struct port port = {TCP, {0}, 80, 80, false};
    static const struct {
        enum container_state state;
        bool would_restart, holds;
    } cases[] = {
        {CONTAINER_RUNNING, false, true},  {CONTAINER_PAUSED, false, true},
        {CONTAINER_EXITED, false, false},  {CONTAINER_EXITED, true, true},
        {CONTAINER_CREATED, false, false}, {CONTAINER_DEAD, true, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct container container = {
            .state = cases[i].state, .would_restart = cases[i].would_restart, .ports = {&port, 1}};
        const struct container *list[] = {&container};
        struct node node = {.containers = list, .containers_total = 1};
        expect_int(ports_conflict(&node, &(struct ports){&port, 1}), cases[i].holds ? 0 : -1);
    }
}

Test(ports, a_range_is_refused_only_when_all_of_it_is_gone)
{
    struct port reserved[] = {{TCP, {0}, 8000, 8000, false}, {TCP, {0}, 8000, 8002, true}};
    struct node node = {.reserved_ports = {reserved, 1}};
    struct port asked = {TCP, {0}, 8000, 8001, true};
    expect_int(ports_conflict(&node, &(struct ports){&asked, 1}), -1);
    node.reserved_ports.count = 2; /* somebody else will get one of the range */
    expect_int(ports_conflict(&node, &(struct ports){&asked, 1}), 0);
    asked.last = 8002;
    expect_int(ports_conflict(&node, &(struct ports){&asked, 1}), -1);
    struct port everything = {TCP, {0}, 1, 65535, true};
    expect_int(ports_conflict(&node, &(struct ports){&everything, 1}), -1);
}
