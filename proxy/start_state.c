/* Start state: opens the store, gives it to the cluster, and starts moving what lost its node. */
#include "proxy/berthd.h"
#include "proxy/cluster/journal.h"
#include "proxy/cluster/records.h"
#include "proxy/cluster/recover.h"
#include "proxy/store/store.h"

int start_state(struct berthd *berthd, struct failure *failure)
{
    berthd->store = store_open(berthd->loop, berthd->settings.state, failure);
    if (!berthd->store || journal_load(berthd->cluster, berthd->store, failure) != 0 ||
        cluster_set_store(berthd->cluster, berthd->store, failure) != 0)
        return failure_prefix(failure, "--state");
    return 0;
}

void stop_state(struct berthd *berthd)
{
    store_close(&berthd->store);
}

int start_recover(struct berthd *berthd, struct failure *failure)
{
    struct recover_settings settings = recover_default_settings();

    settings.grace_ms = (uint64_t)berthd->settings.grace_ms;
    settings.superseded_ttl_ms = (uint64_t)berthd->settings.superseded_ttl_ms;
    berthd->recover = recover_new(berthd->cluster, &settings, failure);
    return berthd->recover ? 0 : -1;
}

void stop_recover(struct berthd *berthd)
{
    recover_free(&berthd->recover);
}
