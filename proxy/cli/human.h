/* Human: ages, sizes, ports and commands in the docker client's words. Pure. */
#pragma once

#include "policy/base/memory.h"

struct value;

/* "Less than a second", "About a minute", "3 hours": go-units' HumanDuration. */
struct slice human_duration(struct arena *arena, int64_t seconds);
/* "1.99MB": go-units' HumanSize, decimal units, four digits. */
struct slice human_size(struct arena *arena, int64_t bytes);
/* The Ports list of a row of GET /containers/json: "10.0.0.1:80->80/tcp, 443/tcp". */
struct slice human_ports(struct arena *arena, const struct value *ports);
/* Cut to `columns` characters, the last of them an ellipsis; whole when it fits. */
struct slice human_cut(struct arena *arena, struct slice text, size_t columns);
