/* State, inside the cluster folder: what its files share. Nobody else includes this. */
#pragma once

#include "policy/base/list.h"
#include "policy/base/prefix.h"
#include "policy/base/table.h"
#include "policy/ports.h"
#include "policy/schedule.h"
#include "proxy/cluster/decisions.h"
#include "proxy/cluster/changes.h"
#include "proxy/cluster/containers.h"
#include "proxy/cluster/inventory.h"
#include "proxy/cluster/launch.h"
#include "proxy/cluster/names.h"
#include "proxy/cluster/nodes.h"
#include "proxy/cluster/records.h"

#define NODE_STATES (NODE_DOWN + 1)

struct cluster {
    struct loop *loop;
    struct cluster_options options;
    char *name, *strategy_name;
    enum strategy strategy;
    struct scheduler *scheduler;
    struct decisions *decisions;
    const struct schedule_policy *policy; /* the operator's; NULL: C alone */
    image_copy_fn image_copy;
    void *image_copy_context;
    bool closing;
    /* nodes.c */
    struct table *nodes_by_name, *nodes_by_id;
    struct engine_node **nodes; /* sorted by name */
    const struct node **views;  /* the same order */
    size_t node_count, node_capacity;
    uint64_t generation; /* nodes.generation of model.h */
    struct list by_state[NODE_STATES];
    struct timer lease_timer;
    uint64_t lease_ticked_ms; /* when it fired last */
    /* containers.c */
    struct table *containers; /* user's id, and engine id of moved ones -> entry */
    struct prefix_index *prefixes;
    struct table *aliases;
    struct table *moved;             /* engine id -> struct moved_identity */
    struct table *moved_users;       /* user's id -> struct moved_identity */
    struct container_entry **sorted; /* newest first up to sorted_count, then as they came */
    size_t sorted_count, sorted_used, sorted_capacity;
    struct container_entry **shown; /* without old copies */
    bool unsorted;                  /* the order of nodes changed: sort all */
    bool sorted_holes;              /* removed ones left NULL */
    struct list pending;            /* entries placed nowhere: own->pending_link */
    /* names.c */
    struct table *names; /* struct name_slot */
    uint64_t random;
    /* changes.c */
    struct list listeners, subscriptions;
    unsigned dispatching;
    struct event_ring *ring;
    struct exec_map *execs;
    /* records.c */
    struct store *store;
    bool loading;             /* from the store: nothing is written back */
    struct table *remembered; /* name -> record of a node that is not here yet */
    struct arena *remembered_arena;
    struct table *superseded; /* engine id of an old copy -> user's id (heap text) */
    struct table *arrivals;   /* name -> launch between CREATE and RECORD */
    struct table *doubts;     /* node/name -> struct doubt */
    struct table *image_ids;  /* id -> number of nodes, as pointer-sized counts */
    struct cluster_sums sums;
};

/* ---- nodes ---- */
struct reservation {
    struct list link; /* in node->own->reservations */
    struct engine_node *node;
    struct resources asked;
    struct ports ports;
    char *text; /* of the ports' addresses */
    struct timer timer;
    struct container_entry *entry; /* once the container is in the cache: until it runs */
};

struct node_private {
    struct arena *config; /* name, address, tags, facts, pool: as declared */
    struct tags declared_tags;
    struct arena *info; /* id, standard tags, engine labels, version */
    struct tags engine_labels;
    struct arena *label_arena;
    struct tag *tags;         /* view.tags: declared, engine's and docker node update's, merged */
    struct table *containers; /* engine id -> entry */
    const struct container **views;
    size_t view_capacity;
    uint64_t sweep;
    struct port_set held;
    struct list reservations;
    struct port *reserved_ports;
    struct inventory *inventory;
    struct resources engine_total;
    int64_t clock_skew_ns;
    bool lost;        /* recover has dealt with its loss */
    uint64_t lost_at; /* loop_now when it became unreachable */
    char *engine_id, *info_text, *version_text;
    bool pinned_name; /* given by the operator or the agent, not taken from the engine */
};

void nodes_init(struct cluster *cluster);
void nodes_sort(struct cluster *cluster);
void nodes_touch(struct cluster *cluster); /* names, ids, tags or order changed */
void node_retag(struct engine_node *node);
int node_rename(struct engine_node *node, struct slice name, struct failure *failure) MUST_CHECK;
int node_identify(struct engine_node *node, struct slice engine_id,
                  struct failure *failure) MUST_CHECK;
void node_set_total(struct engine_node *node);
void node_make_swarm_id(struct engine_node *node);
void nodes_free_all(struct cluster *cluster);
extern const struct watch_handlers node_watch_handlers;

/* ---- reservations ---- */
struct reservation *reservation_new(struct engine_node *node, const struct workload *workload);
/* The container is known: held until it has run, is gone, or `ms` have passed. */
void reservation_attach(struct reservation *reservation, struct container_entry *entry,
                        uint64_t ms);
void reservation_free(struct reservation **reservation);

/* ---- containers ---- */
/* A moved container: its engine's id now, and the id its user knows. */
struct moved_identity {
    char *user_id, *engine_id;
};

enum row_hole { ROW_NAMES, ROW_STATE, ROW_STATUS, ROW_HOLES };

struct container_private {
    struct container_entry *entry;
    struct cluster *cluster;
    char *engine_id, *user_id, *name;
    char *text; /* one block: all slices of facts */
    struct tag *labels;
    struct port *ports;
    char *row;
    size_t holes[ROW_HOLES]; /* where in the row what is known only when it is printed goes */
    bool has_row;
    char *status;      /* engine's words, for an entry whose details are not known yet */
    char **alias_list; /* names with an inner '/' */
    size_t aliases;
    struct list name_link; /* in name_slot.entries */
    struct name_slot *slot;
    size_t view_index; /* in node->own->views */
    size_t sorted_index;
    uint64_t sweep;
    struct reservation *reservation;
    bool accounted, detailed, holds_ports;
    struct list pending_link;
    uint64_t record_hash;
    uint64_t stopped_at; /* loop_now when it stopped running; 0: not seen */
    uint64_t killed_at;  /* last kill event: an orderly shutdown sends one first */
    bool stop_asked;     /* by a user, through us, since it last ran */
    uint64_t move_after; /* a drain that failed is not tried again before */
    bool resume;         /* ran when its node was lost: started again when that returns */
    bool arriving;       /* moved here, created and not started yet: shown as pending */
    bool stop_wanted;    /* by its user, until a start */
    bool retiring;       /* recover is putting an old copy aside */
    char *spec;          /* pending: its last inspect, JSON text */
};

void containers_init(struct cluster *cluster);
void containers_deinit(struct cluster *cluster);
/* From the watch. row and inspect as in watch.h; returns the entry, NULL: gone or nonsense. */
struct container_entry *container_take(struct engine_node *node, struct slice engine_id,
                                       const struct value *row, const struct value *inspect);
/* container_expect.c: what is known of a container that its engine has made, when the engine can't be
 * asked any more: an entry that its next list replaces, or drops when the container is not there. */
struct container_entry *container_expect(struct engine_node *node, struct slice engine_id,
                                         const struct workload *workload);
void container_drop(struct container_entry *entry);
void containers_take_list(struct engine_node *node, const struct value *list);
void containers_drop_node(struct engine_node *node);
/* Counted in sums and ports / taken out again. Call in pairs around changes. */
void container_account(struct container_entry *entry);
void container_unaccount(struct container_entry *entry);
struct container_entry *container_new(struct cluster *cluster, struct engine_node *node,
                                      struct slice engine_id);
void container_index(struct container_entry *entry);
void container_unindex(struct container_entry *entry);
/* container_facts.c */
void container_keep_facts(struct container_entry *entry, const struct container_facts *facts);
void container_facts_of_row(struct arena *arena, const struct value *row,
                            struct container_facts *facts);
struct slice container_name_of_row(const struct value *row);
void container_set_name(struct container_entry *entry, struct slice name);
/* container_order.c */
void containers_order_add(struct container_entry *entry);
void containers_order_remove(struct container_entry *entry);
/* identities.c: from now on `engine_id` is the container that its user knows as `user_id`. */
void identity_set(struct cluster *cluster, struct slice user_id, struct slice engine_id);
void identity_forget(struct cluster *cluster, struct slice user_id);
/* Sets view.id, moved, superseded from what is known of moves. */
void container_identify(struct container_entry *entry);
void identities_deinit(struct cluster *cluster);
/* rows.c: makes entry's row from the engine's. */
void container_set_row(struct container_entry *entry, const struct value *row);

/* An old copy, left behind by a move. */
void superseded_set(struct cluster *cluster, struct slice engine_id, struct slice user_id);
void superseded_forget(struct cluster *cluster, struct slice engine_id);
/* A pending entry under the user's id, made from an inspect (JSON). Replaces nothing. */
struct container_entry *pending_new(struct cluster *cluster, struct slice user_id,
                                    struct slice inspect, const char *why);
void pending_set_why(struct container_entry *entry, const char *why);
/* The container of a launch under way has shown itself on its node. */
void launch_arrived(struct engine_node *node, struct slice name, struct slice engine_id);

/* ---- doubts.c ---- */
/* The node was asked to create a container of that name and fell silent: if it shows one, nobody
 * was told of it, and it is taken away. */
void doubt_add(struct engine_node *node, struct slice name);
void doubt_forget(struct engine_node *node, struct slice name);
/* A container not known before: when it is such an orphan it is hidden and removed. */
void doubt_meets(struct container_entry *entry);
void doubts_load(struct cluster *cluster, struct slice key, struct slice text);
void doubts_deinit(struct cluster *cluster);

/* ---- records ---- */
void record_node(struct engine_node *node);
void record_node_gone(struct engine_node *node);
void records_recall(struct engine_node *node);
void record_networks(struct engine_node *node, const struct value *list);
void record_container(struct container_entry *entry, const struct value *inspect);
void record_container_gone(struct container_entry *entry);
void record_identity(struct cluster *cluster, struct slice user_id, struct slice engine_id);
void record_superseded(struct cluster *cluster, struct slice engine_id, struct slice user_id);

/* ---- names ---- */
/* For a container that comes back under the name it has: no questions. */
struct name_reservation *names_hold(struct cluster *cluster, struct slice name);
struct name_slot {
    char *name;
    struct list entries;
    size_t count;
    bool reserved;
};
struct name_slot *names_find(struct cluster *cluster, struct slice name);
void names_link(struct container_entry *entry);
void names_unlink(struct container_entry *entry);
void names_deinit(struct cluster *cluster);
uint64_t cluster_random(struct cluster *cluster);

/* ---- changes ---- */
void changes_init(struct cluster *cluster);
void changes_deinit(struct cluster *cluster);
void changes_notify(struct cluster *cluster, enum change_kind kind, struct engine_node *node,
                    struct container_entry *entry);
void changes_tell_event(struct cluster *cluster, const struct cluster_event *event);
struct event_ring *event_ring_new(size_t capacity);
void event_ring_free(struct event_ring **ring);
/* An engine's event: edited for the cluster, kept, published. */
void events_take(struct engine_node *node, const struct engine_event *event);
void execs_take_event(struct engine_node *node, const struct engine_event *event);
struct exec_map *execs_new(struct loop *loop);
void execs_free(struct exec_map **map);
void execs_drop_node(struct cluster *cluster, struct engine_node *node);

/* ---- inventory ---- */
struct inventory *inventory_new(void);
void inventory_free(struct engine_node *node);
void inventory_take(struct engine_node *node, enum watch_kind kind, const struct value *list);
