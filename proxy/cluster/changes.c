/* Changes: who wants to know, and telling them. Subscribers and listeners may leave, and new ones
 * come, while something is being told. */
#include "proxy/cluster/changes.h"

#include "proxy/cluster/state.h"

#include <stdlib.h>

struct subscription {
    struct list link;
    struct cluster *cluster;
    event_fn on_event;
    void *context;
    bool gone;
};

struct change_listener {
    struct list link;
    struct cluster *cluster;
    change_fn on_change;
    void *context;
    bool gone;
};

void changes_init(struct cluster *cluster)
{
    list_init(&cluster->listeners);
    list_init(&cluster->subscriptions);
    cluster->ring = event_ring_new(cluster->options.event_history);
    cluster->execs = execs_new(cluster->loop);
}

static void sweep(struct cluster *cluster, bool all)
{
    LIST_EACH(link, &cluster->subscriptions)
    {
        struct subscription *subscription = LIST_ENTRY(link, struct subscription, link);

        if (all || subscription->gone) {
            list_remove(link);
            free(subscription);
        }
    }
    LIST_EACH(other, &cluster->listeners)
    {
        struct change_listener *listener = LIST_ENTRY(other, struct change_listener, link);

        if (all || listener->gone) {
            list_remove(other);
            free(listener);
        }
    }
}

void changes_deinit(struct cluster *cluster)
{
    sweep(cluster, true);
    event_ring_free(&cluster->ring);
    execs_free(&cluster->execs);
}

static void told(struct cluster *cluster)
{
    if (--cluster->dispatching == 0)
        sweep(cluster, false);
}

void changes_notify(struct cluster *cluster, enum change_kind kind, struct engine_node *node,
                    struct container_entry *entry)
{
    struct change change = {kind, node, entry};

    if (cluster->closing)
        return;
    cluster->dispatching++;
    LIST_EACH(link, &cluster->listeners)
    {
        struct change_listener *listener = LIST_ENTRY(link, struct change_listener, link);

        if (!listener->gone)
            listener->on_change(&change, listener->context);
    }
    told(cluster);
}

void changes_tell_event(struct cluster *cluster, const struct cluster_event *event)
{
    if (cluster->closing)
        return;
    cluster->dispatching++;
    LIST_EACH(link, &cluster->subscriptions)
    {
        struct subscription *subscription = LIST_ENTRY(link, struct subscription, link);

        if (!subscription->gone)
            subscription->on_event(event, subscription->context);
    }
    told(cluster);
}

struct subscription *cluster_subscribe(struct cluster *cluster, event_fn on_event, void *context)
{
    struct subscription *subscription = xcalloc(1, sizeof *subscription);

    subscription->cluster = cluster;
    subscription->on_event = on_event;
    subscription->context = context;
    list_append(&cluster->subscriptions, &subscription->link);
    return subscription;
}

void subscription_cancel(struct subscription **pointer)
{
    struct subscription *subscription = *pointer;

    *pointer = NULL;
    if (!subscription)
        return;
    subscription->gone = true;
    if (subscription->cluster->dispatching == 0)
        sweep(subscription->cluster, false);
}

struct change_listener *cluster_listen(struct cluster *cluster, change_fn on_change, void *context)
{
    struct change_listener *listener = xcalloc(1, sizeof *listener);

    listener->cluster = cluster;
    listener->on_change = on_change;
    listener->context = context;
    list_append(&cluster->listeners, &listener->link);
    return listener;
}

void change_listener_cancel(struct change_listener **pointer)
{
    struct change_listener *listener = *pointer;

    *pointer = NULL;
    if (!listener)
        return;
    listener->gone = true;
    if (listener->cluster->dispatching == 0)
        sweep(listener->cluster, false);
}
