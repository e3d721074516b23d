/* Names: one slot per name in use: its containers, and whether a create or rename holds it. */
#include "proxy/cluster/names.h"

#include "proxy/cluster/state.h"

#include <inttypes.h>
#include <stdlib.h>

#define GENERATE_TRIES 40

struct name_reservation {
    struct cluster *cluster;
    struct name_slot *slot;
};

struct name_slot *names_find(struct cluster *cluster, struct slice name)
{
    return table_find(cluster->names, name);
}

static struct name_slot *get_slot(struct cluster *cluster, struct slice name)
{
    struct name_slot *slot = table_find(cluster->names, name);

    if (!slot) {
        slot = xcalloc(1, sizeof *slot);
        slot->name = xslicedup(name);
        list_init(&slot->entries);
        table_put(cluster->names, name, slot);
    }
    return slot;
}

static void slot_settle(struct cluster *cluster, struct name_slot *slot)
{
    if (slot->count > 0 || slot->reserved)
        return;
    table_remove(cluster->names, slice_of(slot->name));
    free(slot->name);
    free(slot);
}

void names_deinit(struct cluster *cluster)
{
    size_t cursor = 0;
    struct slice key;
    void *value;

    while (table_each(cluster->names, &cursor, &key, &value)) {
        struct name_slot *slot = value;

        free(slot->name);
        free(slot);
    }
}

/* In the order of their nodes, so that messages read the same every time. */
static void insert_by_node(struct name_slot *slot, struct container_entry *entry)
{
    LIST_EACH(link, &slot->entries)
    {
        struct container_entry *other =
            LIST_ENTRY(link, struct container_private, name_link)->entry;

        if (entry->node && other->node &&
            slice_compare(entry->node->view.name, other->node->view.name) < 0) {
            list_append(link, &entry->own->name_link);
            return;
        }
    }
    list_append(&slot->entries, &entry->own->name_link);
}

void names_link(struct container_entry *entry)
{
    struct cluster *cluster = entry->own->cluster;

    if (entry->view.name.length == 0 || entry->own->slot)
        return;
    entry->own->slot = get_slot(cluster, entry->view.name);
    insert_by_node(entry->own->slot, entry);
    entry->own->slot->count++;
}

void names_unlink(struct container_entry *entry)
{
    struct name_slot *slot = entry->own->slot;

    if (!slot)
        return;
    entry->own->slot = NULL;
    list_remove(&entry->own->name_link);
    slot->count--;
    slot_settle(entry->own->cluster, slot);
}

/* dockerd's rule: [a-zA-Z0-9][a-zA-Z0-9_.-]+ */
static bool valid_name(struct slice name)
{
    if (name.length < 2)
        return false;
    for (size_t i = 0; i < name.length; i++) {
        char c = name.at[i];
        bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!word && (i == 0 || !(c == '_' || c == '.' || c == '-')))
            return false;
    }
    return true;
}

static struct name_reservation *reserve(struct cluster *cluster, struct slice name)
{
    struct name_reservation *reservation = xcalloc(1, sizeof *reservation);

    reservation->cluster = cluster;
    reservation->slot = get_slot(cluster, name);
    reservation->slot->reserved = true;
    return reservation;
}

struct name_reservation *names_hold(struct cluster *cluster, struct slice name)
{
    return reserve(cluster, name);
}

struct name_reservation *names_reserve(struct cluster *cluster, struct slice name,
                                       struct failure *failure)
{
    struct name_slot *slot = table_find(cluster->names, name);

    if (!valid_name(name)) {
        failure_set(failure, FAILURE_INVALID,
                    "Invalid container name (" SLICE_FMT
                    "), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
                    SLICE_ARG(name));
        return NULL;
    }
    if (slot && slot->count > 0) {
        struct container_private *own =
            LIST_ENTRY(slot->entries.next, struct container_private, name_link);

        failure_set(failure, FAILURE_CONFLICT,
                    "Conflict. The container name \"/" SLICE_FMT
                    "\" is already in use by container \"" SLICE_FMT
                    "\". You have to remove (or rename) that container to be able to reuse that "
                    "name.",
                    SLICE_ARG(name), SLICE_ARG(own->entry->view.id));
        return NULL;
    }
    if (slot && slot->reserved) {
        failure_set(failure, FAILURE_CONFLICT,
                    "Conflict. The container name \"/" SLICE_FMT
                    "\" is already in use by a container that is being created. You have to "
                    "remove (or rename) that container to be able to reuse that name.",
                    SLICE_ARG(name));
        return NULL;
    }
    return reserve(cluster, name);
}

/* Our own words: the sea and what lies in harbours. */
static const char *const adjectives[] = {
    "able",    "amber",    "ample",   "anchored", "ardent",  "azure",    "balmy",    "bold",
    "brave",   "breezy",   "bright",  "brisk",    "broad",   "calm",     "candid",   "careful",
    "cheery",  "clear",    "clever",  "coastal",  "coral",   "cosy",     "crisp",    "deep",
    "distant", "drifting", "eager",   "early",    "earnest", "fair",     "famous",   "fleet",
    "fond",    "frosty",   "gallant", "gentle",   "gilded",  "glad",     "golden",   "grand",
    "green",   "happy",    "hardy",   "hazy",     "honest",  "humble",   "jolly",    "keen",
    "kind",    "lively",   "lofty",   "lucid",    "lucky",   "lunar",    "mellow",   "merry",
    "misty",   "modest",   "neat",    "nimble",   "noble",   "northern", "open",     "patient",
    "placid",  "polite",   "proud",   "quick",    "quiet",   "rapid",    "ready",    "restful",
    "robust",  "royal",    "rugged",  "salty",    "sandy",   "serene",   "sharp",    "silent",
    "silver",  "sincere",  "sleek",   "smooth",   "snug",    "solid",    "southern", "stable",
    "starry",  "steady",   "stout",   "sturdy",   "sunny",   "swift",    "tender",   "tidal",
    "trim",    "trusty",   "upbeat",  "valiant",  "vivid",   "warm",     "western",  "windy",
    "wise",    "witty",    "zesty",   "stormy",
};
static const char *const nouns[] = {
    "albatross", "anchor",  "anchovy", "atoll",   "barge",     "bay",      "beacon",    "bollard",
    "bowline",   "breeze",  "brig",    "buoy",    "cabin",     "canal",    "canoe",     "capstan",
    "captain",   "caravel", "clam",    "clipper", "cod",       "compass",  "cove",      "crab",
    "crane",     "crew",    "current", "cutter",  "deck",      "delta",    "dhow",      "dinghy",
    "dock",      "dolphin", "dory",    "eddy",    "estuary",   "fathom",   "ferry",     "fjord",
    "flotilla",  "fog",     "frigate", "galleon", "galley",    "gannet",   "grotto",    "gull",
    "halyard",   "harbour", "haven",   "heron",   "herring",   "horizon",  "hull",      "inlet",
    "island",    "jetty",   "junk",    "kayak",   "keel",      "ketch",    "kittiwake", "knot",
    "lagoon",    "lantern", "limpet",  "lobster", "lock",      "logbook",  "lugger",    "mackerel",
    "manatee",   "marina",  "mariner", "mast",    "moorings",  "mussel",   "narwhal",   "oar",
    "osprey",    "otter",   "oyster",  "paddle",  "pelican",   "pier",     "pilot",     "plankton",
    "porpoise",  "port",    "prow",    "puffin",  "quay",      "raft",     "reef",      "rigging",
    "rudder",    "sail",    "sailor",  "sandbar", "schooner",  "seahorse", "seal",      "sextant",
    "shanty",    "shoal",   "skiff",   "sloop",   "spinnaker", "squid",    "starfish",  "steamer",
    "strait",    "tern",    "tide",    "tiller",  "trawler",   "tug",      "turtle",    "voyage",
    "walrus",    "wharf",   "whelk",   "yawl",
};

struct name_reservation *names_generate(struct cluster *cluster)
{
    const size_t adjective_count = sizeof adjectives / sizeof adjectives[0];
    const size_t noun_count = sizeof nouns / sizeof nouns[0];

    for (unsigned tries = 0;; tries++) {
        struct buffer buffer;
        struct slice name;
        uint64_t random = cluster_random(cluster);

        buffer_init(&buffer, 100);
        buffer_printf(&buffer, "%s_%s", adjectives[random % adjective_count],
                      nouns[(random >> 20) % noun_count]);
        /* A full word space must not stop anybody: numbers make it endless. */
        if (tries > GENERATE_TRIES / 2)
            buffer_printf(&buffer, "%" PRIu64,
                          (random >> 40) % (tries > GENERATE_TRIES ? 1000000 : 100));
        name = buffer_slice(&buffer);
        if (!table_find(cluster->names, name)) {
            struct name_reservation *reservation = reserve(cluster, name);

            buffer_deinit(&buffer);
            return reservation;
        }
        buffer_deinit(&buffer);
    }
}

struct slice names_text(const struct name_reservation *reservation)
{
    return slice_of(reservation->slot->name);
}

void names_release(struct name_reservation **pointer)
{
    struct name_reservation *reservation = *pointer;

    *pointer = NULL;
    if (!reservation)
        return;
    reservation->slot->reserved = false;
    slot_settle(reservation->cluster, reservation->slot);
    free(reservation);
}
