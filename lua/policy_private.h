/* Policy, inside: what the files of lua/ share about one generation. Nobody else includes this. */
#pragma once

#include "lua/policy.h"
#include "lua/sandbox.h"
#include "policy/base/table.h"

#define POLICY_CONDITIONS_MAX 1024

/* Budgets; docs/policy.md names them. */
#define BUDGET_LOAD_NS     500000000LL
#define BUDGET_ACCESS_NS   1000000LL
#define BUDGET_ADMIT_NS    5000000LL
#define BUDGET_VISIBLE_NS  1000000LL
#define BUDGET_JOIN_NS     5000000LL
#define BUDGET_PLACE_NS    2000000LL
#define BUDGET_PER_NODE_NS 1000LL

struct node_tables;

/* The request that Lua's `req` stands for, while a callback runs; all NULL between. */
struct call_context {
    const struct policy_request *request;
    struct arena *arena;
    struct value *body;
    const struct body_report *report;
    struct policy_answer *answer;
    struct arena *label_arena; /* agent_join: where agent:label puts them */
    struct tag *labels;
    size_t label_count;
};

/* One decision of the scheduler under way. */
struct place_context {
    const struct schedule_request *request;
    struct arena *arena;      /* reset for each decision */
    struct filter_plan *plan; /* made when a script asks berth.filter */
    const char *failed_code;
};

/* A quota("name", n, seconds) window. */
struct quota {
    int64_t window_start_ns, window_ns;
    uint64_t used;
};

/* One role{}, rule{} or preset as said, for policy_add_rules. */
struct said {
    enum { SAID_ROLE, SAID_RULE, SAID_PRESET } what;
    struct access_rule rule; /* preset: name, roles, place */
    enum access_match match;
    struct slice text, tenant, preset;
};

struct policy {
    struct policy_host *host;
    struct said *said;
    size_t said_count, said_room;
    unsigned references;
    uint64_t generation;
    struct sandbox *sandbox;
    struct arena *arena; /* sources, texts */
    struct policy_source *sources;
    size_t source_count;
    bool has[POLICY_CALLBACKS];
    struct access_builder *builder; /* while loading */
    struct access_rules *rules;
    bool condition_denies[POLICY_CONDITIONS_MAX];
    size_t condition_count;
    size_t test_count, tests_passed;
    bool tests_ran;
    struct call_context call;
    struct place_context place;
    struct node_tables *node_tables;
    int64_t loaded_ns;
};

struct policy_host {
    struct policy_settings settings;
    struct policy *current, *previous;
    uint64_t last_generation;
    struct policy_counters counters;
    struct table *quotas; /* name -> struct quota */
};

/* The policy that a state belongs to. */
struct policy *policy_of(lua_State *state);

/* ---- environment.c: the globals that scripts see ---- */
/* Registry keys under which the prelude leaves its functions. */
#define KEY_ENTRIES "berth.entries" /* table: name -> function, see prelude.c */
#define KEY_POLICY  "berth.policy"
int environment_open(struct policy *policy, struct failure *failure) MUST_CHECK;
/* Pushes entries[name]. */
void push_entry(lua_State *state, const char *name);
extern const char prelude_text[];

/* ---- convert.c ---- */
void push_slice(lua_State *state, struct slice text);
void push_tags(lua_State *state, const struct tags *tags);            /* a new table */
void set_slice(lua_State *state, const char *key, struct slice text); /* table on top; empty: nil */
void set_integer(lua_State *state, const char *key, int64_t number);
/* A value tree as Lua: maps and lists become tables, null nil. Raises when too deep. */
void push_value(lua_State *state, const struct value *value);
/* The Lua value at `index` as a tree in `arena`; `like`: what it replaces, tells {} apart. Raises
 * a Lua error for functions and the like, and beyond 64 levels or 100,000 values. */
struct value *to_value(lua_State *state, int index, struct arena *arena, const struct value *like);
struct slice slice_at(lua_State *state, int index); /* valid while it is on the stack */

/* ---- edit.c: the methods of req in admit ---- */
void edit_open(lua_State *state); /* pushes the table of methods */

/* ---- rules.c ---- */
void rules_open(lua_State *state); /* role{} and rule{} into the table on top */
int rules_say(struct access_builder *builder, const struct said *said,
              struct failure *failure) MUST_CHECK;

/* ---- request.c ---- */
void push_request(lua_State *state, const struct policy *policy,
                  const struct policy_request *request);

/* ---- place.c, node_tables.c ---- */
struct node_tables *node_tables_new(void);
void node_tables_free(struct node_tables **tables);
/* Brings the kept tables up to date with `nodes`. -1: the state is out of memory. */
int node_tables_sync(struct policy *policy, const struct nodes *nodes,
                     struct failure *failure) MUST_CHECK;
/* Pushes the array of node tables, [position + 1]. */
void node_tables_push(lua_State *state);
/* The node whose table is at `index`, or NULL. */
const struct node *node_tables_node(lua_State *state, int index);
void node_methods_open(lua_State *state); /* pushes the table of methods */
void place_open(lua_State *state);        /* berth.filter, berth.score into the table on top */

/* ---- check.c ---- */
/* Syntax, unknown globals and assignments to globals of every source, without running it. Findings
 * go to `report` one a line, the first into failure. */
int check_sources(struct policy *policy, struct buffer *report, struct failure *failure) MUST_CHECK;

/* ---- tests.c ---- */
/* Runs the test{} cases; -1: one failed or is malformed. */
int tests_run(struct policy *policy, struct buffer *report, struct failure *failure) MUST_CHECK;

/* ---- call.c ---- */
/* sandbox_call for callback `which`, with counting; answers "policy.lua:3: …" in failure. */
enum sandbox_end call_policy(struct policy *policy, enum policy_callback which, int arguments,
                             int results, int64_t budget_ns, struct failure *failure);
void call_failed(struct policy *policy, enum policy_callback which, enum sandbox_end end,
                 const char *text);
