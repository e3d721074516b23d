/* Fake engine: the one of the cluster's tests. */
#include "tests/unit/cluster/fake_engine.c" /* NOLINT(bugprone-suspicious-include) */
