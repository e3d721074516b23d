/* Strategy: scores. */
#include "policy/strategy.h"
#include "tests/unit/policy/fixture.h"

Test(strategy, binpack_and_spread_mirror_each_other)
{
    struct node node = {.total = {4 * GIB, 2 * CPU}, .used = {GIB, 0}};
    struct workload workload = {.asked = {GIB, CPU}};
    struct cluster_settings settings = {0};
    /* memory (1 + 1) of 4, CPU (0 + 1) of 2: half and half */
    cr_expect_float_eq(strategy_score(STRATEGY_BINPACK, &workload, &node, &settings, 0), 50, 1e-9);
    cr_expect_float_eq(strategy_score(STRATEGY_SPREAD, &workload, &node, &settings, 0), 50, 1e-9);
    workload.asked.nano_cpus = 2 * CPU;
    cr_expect_float_eq(strategy_score(STRATEGY_BINPACK, &workload, &node, &settings, 0), 75, 1e-9);
    cr_expect_float_eq(strategy_score(STRATEGY_SPREAD, &workload, &node, &settings, 0), 25, 1e-9);
}

Test(strategy, random_depends_on_seed_and_name_only)
{
    struct workload workload = {0};
    struct cluster_settings settings = {0};
    struct node a = {.name = SLICE("a")}, b = {.name = SLICE("b")};
    double first = strategy_score(STRATEGY_RANDOM, &workload, &a, &settings, 7);
    cr_expect_float_eq(first, strategy_score(STRATEGY_RANDOM, &workload, &a, &settings, 7), 0);
    size_t a_wins = 0;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        a_wins += strategy_score(STRATEGY_RANDOM, &workload, &a, &settings, seed) >
                  strategy_score(STRATEGY_RANDOM, &workload, &b, &settings, seed);
    }
    cr_expect(a_wins > 400 && a_wins < 600, "%zu of 1000", a_wins);
}

Test(strategy, names)
{
    enum strategy strategy = STRATEGY_BINPACK;
    struct failure failure = {0};
    cr_expect_eq(strategy_parse(SLICE("spread"), &strategy, &failure), 0);
    expect_int(strategy, STRATEGY_SPREAD);
    cr_expect_eq(strategy_parse(SLICE("binpacking"), &strategy, &failure), 0);
    expect_text(strategy_name(strategy), "binpack");
    cr_expect_eq(strategy_parse(SLICE("best"), &strategy, &failure), -1);
    expect_text(failure.text, "strategy \"best\" is not known: binpack, spread or random");
}
