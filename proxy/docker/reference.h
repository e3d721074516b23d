/* Reference: image references as Docker spells them, [domain/]path[:tag][@digest], with its short
 * forms ("busybox" is docker.io/library/busybox). Rules: distribution/reference grammar. Pure. */
#pragma once

#include "policy/base/failure.h"
#include "policy/base/memory.h"

struct reference {
    struct slice domain; /* "docker.io" */
    struct slice path;   /* "library/busybox" */
    struct slice tag;    /* SLICE_NONE when absent */
    struct slice digest; /* "sha256:…", SLICE_NONE when absent */
};

/* Parses and normalises; slices live in `arena`. Failure INVALID with dockerd's texts ("invalid
 * reference format", "… repository name (library/X) must be lowercase"). 64 hex digits alone are an
 * id, no reference: refused, as dockerd does. */
int reference_parse(struct reference *reference, struct arena *arena, struct slice text,
                    struct failure *failure) MUST_CHECK;
/* Tag "latest" when neither tag nor digest is given. */
void reference_default_tag(struct reference *reference);
/* "docker.io/library/busybox:latest" / "busybox:latest" / "busybox" (without tag and digest). */
struct slice reference_canonical(struct arena *arena, const struct reference *reference);
struct slice reference_familiar(struct arena *arena, const struct reference *reference);
struct slice reference_familiar_name(struct arena *arena, const struct reference *reference);
/* Familiar text with default tag of whatever a user wrote; text that is no reference (an image id)
 * comes back unchanged. For comparing `ancestor`, node images and RepoTags. */
struct slice reference_normal(struct arena *arena, struct slice text);
/* dockerd's reference filter: `pattern` is a shell glob over the familiar name, with tag when the
 * pattern has one ("busy*", "my/tool-?", "*:latest"). */
bool reference_matches(struct arena *arena, struct slice pattern, struct slice text);
/* Text is an image id or the start of one: "sha256:" + hex, or 1 to 64 hex digits alone. */
bool reference_may_be_id(struct slice text);
