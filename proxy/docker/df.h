/* df: the queue of disk usage calls. An engine walks its disk for seconds, and engines before 23
 * refuse a second df meanwhile, so one runs at a time; equal calls that wait share one run. */
#pragma once

#include "proxy/cluster/cluster.h"

struct df_queue;
struct df_queue *df_queue_new(struct cluster *cluster);
/* What runs is cancelled; calls that wait are not answered (their clients are cut). */
void df_queue_free(struct df_queue **queue);
