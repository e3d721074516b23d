/* Decode: Docker's JSON -> model.h. Pure; tolerant of what is absent, strict on what matters.
 * Results live in the arena given and keep slices into the value given: both in the same arena. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/value.h"
#include "policy/model.h"

/* API version "1.41" as major * 1000 + minor (1041): versions compare as numbers. */
#define API_VERSION(major, minor) ((major)*1000 + (minor))
/* "1.41" -> 1041; -1 when it is no version. */
int api_version_parse(struct slice text);
/* 1041 -> "1.41" into `text` (at least 16 bytes). */
const char *api_version_text(int version, char *text);

/* GET /version and GET /info of one engine. */
struct engine_info {
    struct slice id;             /* engine id; empty on podman: the caller makes one up */
    struct slice hostname;       /* Name */
    struct slice server_version; /* ServerVersion */
    int api_max, api_min;        /* as API_VERSION */
    struct resources total;      /* NCPU, MemTotal */
    struct tags labels;          /* engine labels k=v; a label without '=' has an empty value */
    struct tags standard;        /* keys in lower case: operatingsystem kernelversion driver
                                    storagedriver executiondriver ostype architecture name
                                    engineversion */
    bool podman;
    bool experimental;
};
/* Fails INVALID when it can't be an engine's answer (no ApiVersion, no NCPU or MemTotal). */
int decode_info(struct arena *arena, const struct value *info, const struct value *version,
                struct engine_info *result, struct failure *failure) MUST_CHECK;

/* What GET /containers/{id}/json and the list row say together. */
struct container_facts {
    struct container model; /* id is the engine's */
    struct slice image_id;
    int64_t started_ns, finished_ns; /* wall clock, 0: never */
    int64_t exit_code;
    struct slice health; /* "", "starting", "healthy", "unhealthy" */
    bool auto_remove;
};
/* `inspect` of a container. Host ports: bound ones while it runs, else those of
 * HostConfig.PortBindings; resources: memory is -m or else the reservation,
 * CPUs NanoCpus or CpuQuota/CpuPeriod. INVALID without Id. */
int decode_container(struct arena *arena, const struct value *inspect,
                     struct container_facts *result, struct failure *failure) MUST_CHECK;
/* State words of Docker ("running"); unknown words give CONTAINER_CREATED. */
enum container_state container_state_parse(struct slice word);
const char *container_state_name(enum container_state state); /* "running", "pending" */
/* The text of "Status" in lists as dockerd words it: "Up 5 minutes (healthy)",
 * "Exited (0) 3 hours ago", "Created", "Up 2 seconds (Paused)"... */
void container_status_text(struct buffer *out, const struct container_facts *facts, int64_t now_ns);

/* HostConfig (and Config.ExposedPorts) of a create body or an inspect -> what it asks for.
 * Keys are matched as Go does. INVALID on a port that can't be one. */
int decode_resources(const struct value *host_config, struct resources *result);
int decode_ports(struct arena *arena, const struct value *host_config, struct ports *result,
                 struct failure *failure) MUST_CHECK;
struct tags decode_labels(struct arena *arena, const struct value *labels);
/* A create body -> workload: image, name, asked, ports, labels, reschedule (from labels). The
 * caller adds constraints, homes, owner, platform. */
int decode_workload(struct arena *arena, const struct value *body, struct slice name,
                    struct workload *result, struct failure *failure) MUST_CHECK;
/* Bind mounts or named local volumes in a create body or inspect: state tied to the node. */
bool decode_holds_state(const struct value *host_config);

/* RFC 3339 with fraction ("2024-01-02T03:04:05.678901234Z" or +hh:mm) -> ns since 1970; 0 when
 * it is none or Go's zero time. */
int64_t decode_time(struct slice text);

/* One line of /events, any engine: podman's actions are turned into dockerd's. */
struct engine_event {
    struct slice type;   /* "container", "image", "network", "volume", "daemon"... */
    struct slice action; /* "start", "exec_create: sh" */
    struct slice actor;  /* Actor.ID */
    int64_t time_ns;
    const struct value *attributes; /* map, or NULL */
    struct value *value;            /* the whole, to be edited */
};
int decode_event(struct arena *arena, struct slice text, struct engine_event *result,
                 struct failure *failure) MUST_CHECK;
