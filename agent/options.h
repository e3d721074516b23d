/* Options: what berth-agent was told on its command line. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/memory.h"

struct agent_list {
    char **list;
    size_t count;
};

struct agent_options {
    char *cluster;                        /* --join-cluster */
    struct agent_list managers;           /* --manager, base URLs without a '/' at the end */
    char *engine;                         /* --engine; default unix:///var/run/docker.sock */
    char *advertise;                      /* --advertise; NULL: the same as engine */
    char *gate;                           /* --gate: where it listens; NULL: none */
    char *address;                        /* --address: IP that "Ports" show; NULL: the engine's */
    char *name;                           /* --node-name; NULL: the engine's host name */
    char *pool;                           /* --pool; NULL: none */
    struct agent_list constraints, facts; /* "key=value" */
    char *fact_command;                   /* NULL: none */
    int64_t fact_interval_ms;
    int64_t memory_bytes, nano_cpus;      /* 0: what the engine says */
    char *token_file;                     /* NULL: BERTH_JOIN_TOKEN, or none */
    char *state;                          /* --state: keeps the node's key; NULL: none */
    char *ca_file, *cert_file, *key_file; /* https:// managers; NULL: system CAs, no certificate */
    char *log_level;
    bool help, version;
};

/* INVALID names the flag and what is expected. Free with agent_options_deinit, also on failure. */
int agent_options_parse(struct agent_options *options, int argc, char *const *argv,
                        struct failure *failure) MUST_CHECK;
void agent_options_deinit(struct agent_options *options);
/* The text of --help. */
void agent_options_help(struct buffer *out);
