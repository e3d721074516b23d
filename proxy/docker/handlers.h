/* Handlers: one function a route row; each answers its call in the end, exactly once. */
#pragma once

struct call_context;
typedef void (*handler_fn)(struct call_context *call);

/* ---- dispatch.c: answered without any engine ---- */
void missing_handler(struct call_context *call);
void refuse_page(struct call_context *call);           /* 404 page not found */
void refuse_swarm_off(struct call_context *call);      /* 503, as a dockerd without swarm mode */
void refuse_swarm_mode(struct call_context *call);     /* 501 */
void refuse_cluster_volume(struct call_context *call); /* 503 */

/* ---- system.c, info.c ---- */
void system_ping(struct call_context *call);
void system_version(struct call_context *call);
void system_info(struct call_context *call);
void system_options(struct call_context *call);

/* ---- containers.c: calls on one container ---- */
void container_pass(struct call_context *call);   /* reads, streams, tunnels: as they are */
void container_mutate(struct call_context *call); /* passed, then the cache is brought up to date */
void container_inspect(struct call_context *call);
void container_rename(struct call_context *call);
void container_update(struct call_context *call);
void container_wait(struct call_context *call);
void container_commit(struct call_context *call);
/* ---- container_create.c, container_list.c, exec.c ---- */
void container_create(struct call_context *call);
void container_list(struct call_context *call);
void exec_create(struct call_context *call);
void exec_pass(struct call_context *call);

/* ---- cluster_nodes.c ---- */
void node_list(struct call_context *call);
void node_inspect(struct call_context *call);
void node_update(struct call_context *call);
void node_delete(struct call_context *call);
void task_list(struct call_context *call);
void task_inspect(struct call_context *call);
