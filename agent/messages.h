/* Messages: the bodies that go between agent, engine and manager, as structs. Pure. */
#pragma once

#include "agent/options.h"
#include "policy/model.h"

/* What the agent needs of GET /info. */
struct engine_facts {
    char *id;
    char *host_name;
};
int engine_facts_read(struct engine_facts *facts, struct slice info,
                      struct failure *failure) MUST_CHECK;
void engine_facts_deinit(struct engine_facts *facts);

/* The body of POST /_berth/v1/join, in the arena. `key` may be NULL; `csr`: with a gate, its
 * certificate request, and then `advertise` is the gate's address; `facts` are those of
 * --fact-command. */
struct slice join_body(struct arena *arena, const struct agent_options *options,
                       const struct engine_facts *engine, const char *advertise, const char *key,
                       struct slice csr, struct tags facts);
/* "key=value" lines as tags in the arena; lines without '=' are counted in *bad. At most 32. */
struct tags fact_lines(struct arena *arena, struct slice text, size_t *bad);

enum verdict {
    VERDICT_JOINED,
    VERDICT_LATER,   /* the manager can't just now: try again */
    VERDICT_REFUSED, /* exit status 1 */
    VERDICT_TOKEN,   /* 3 */
    VERDICT_CLUSTER, /* 4 */
    VERDICT_CLASH,   /* 5 */
};
/* What the answer to a join means. JOINED sets *lease (heap) and *lease_ms; else `why` has the
 * manager's words. */
enum verdict join_answer_read(int status, struct slice body, char **lease, int64_t *lease_ms,
                              struct failure *why);
/* The "message" of an error answer, or "status N" when there is none. In the arena. */
struct slice error_message(struct arena *arena, int status, struct slice body);

/* Where managers reach the engine. INVALID when that can't be known: a unix socket or loopback
 * address with a manager on another machine. Heap. */
char *advertise_choose(const struct agent_options *options, struct failure *failure) MUST_CHECK;
