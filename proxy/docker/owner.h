/* Owner: whose object is it, and may this call see it? The one rule of tenancy for lists, single
 * objects, events and names: what a call may not see is answered exactly as what is not there.
 * The owner is the label OWNER_LABEL, stamped by berth when the object is made; a client can
 * neither choose nor change it. */
#pragma once

#include "proxy/cluster/inventory.h"
#include "proxy/docker/handler.h"
#include "proxy/docker/place.h"

#define OWNER_LABEL "berth.owner"

/* Does the call see objects of this owner ("" or SLICE_NONE: nobody's)? True without access
 * control. */
bool owner_sees(const struct call_context *call, struct slice owner);
/* Does every call of this kind see everything (no access control, or an any-tenant rule)? */
bool owner_sees_all(const struct call_context *call);
bool owner_sees_tags(const struct call_context *call, struct tags labels);
/* `labels`: the Labels map of an object, or NULL. */
bool owner_sees_labels(const struct call_context *call, const struct value *labels);
bool owner_sees_container(const struct call_context *call, const struct container_entry *entry);
/* A row of an inventory (network, volume). Predefined networks are everybody's. */
bool owner_sees_item(const struct call_context *call, const struct inventory_item *item);
/* A message of /events: own containers', networks' and volumes' only. */
bool owner_sees_event(const struct call_context *call, const struct value *event);
/* place_find, with what may not be seen as not found. */
int owner_find_place(const struct call_context *call, enum watch_kind kind, struct slice reference,
                     struct place *place, struct failure *failure) MUST_CHECK;
/* Takes out of a list of objects ("Labels" in each) those that may not be seen; predefined
 * networks stay. */
void owner_filter_rows(const struct call_context *call, struct value *rows);
/* Takes out of a network's Containers map those that may not be seen. */
void owner_filter_members(const struct call_context *call, struct value *network);
/* A CONFLICT over a container's name: whose it is, is none of another tenant's business. */
void owner_hide_name(const struct call_context *call, struct slice name, struct failure *failure);
/* Writes the caller as owner into the Labels of a create body (any spelling becomes "Labels"), over
 * whatever the client said. Who sees all may say what they like. */
void owner_stamp(struct call_context *call, struct value *body);
/* Named volumes that the engine makes on the way get the owner's label: Binds of volumes become
 * Mounts with labels. `body` is a canonical container create body. */
int owner_stamp_volumes(struct call_context *call, struct value *body,
                        struct failure *failure) MUST_CHECK;
/* Adds "label=berth.owner=TENANT" to the call's `filters` when it does not see all: for prune. */
int owner_filter(struct call_context *call, struct failure *failure) MUST_CHECK;
