/* Handlers: one function a route row; each answers its call in the end, exactly once. */
#pragma once

struct call_context;
typedef void (*handler_fn)(struct call_context *call);

/* ---- dispatch.c: answered without any engine ---- */
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

/* ---- images.c, images_list.c, images_pull.c ---- */
void image_list(struct call_context *call);
void image_pass(struct call_context *call); /* reads of one image, from any holder */
void image_save(struct call_context *call); /* several names */
void image_push(struct call_context *call);
void image_tag(struct call_context *call);
void image_delete(struct call_context *call);
void image_create(struct call_context *call); /* pull and import */
void image_load(struct call_context *call);

/* ---- networks.c, networks_create.c, networks_connect.c ---- */
void network_list(struct call_context *call);
void network_inspect(struct call_context *call);
void network_create(struct call_context *call);
void network_delete(struct call_context *call);
void network_connect(struct call_context *call); /* and disconnect */

/* ---- volumes.c ---- */
void volume_list(struct call_context *call);
void volume_inspect(struct call_context *call);
void volume_create(struct call_context *call);
void volume_delete(struct call_context *call);

/* ---- prune.c, df.c ---- */
void container_prune(struct call_context *call);
void image_prune(struct call_context *call);
void network_prune(struct call_context *call);
void volume_prune(struct call_context *call);
void build_prune(struct call_context *call);
void system_df(struct call_context *call);

/* ---- events.c ---- */
void system_events(struct call_context *call);

/* ---- registry.c: what any engine can ask a registry for us ---- */
void system_auth(struct call_context *call);
void registry_pass(struct call_context *call); /* search, distribution, plugin privileges */

/* ---- build.c ---- */
void build_create(struct call_context *call);
void build_cancel(struct call_context *call);
void build_tunnel(struct call_context *call); /* /session and /grpc */

/* ---- plugins.c ---- */
void plugin_list(struct call_context *call);
void plugin_pass(struct call_context *call);   /* reads and push, from any holder */
void plugin_change(struct call_context *call); /* on every dockerd node */
void plugin_stream(struct call_context *call); /* install, upgrade, create */
