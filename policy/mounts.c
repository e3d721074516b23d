/* Mounts: every place of a body where a mount can hide, made into one list: Binds, Mounts, Volumes,
 * Tmpfs, and the local volume driver's options, which mount a host path just as well. */
#include "policy/body_internal.h"

/* Host paths that are, hold, or lead to an engine: whoever mounts one is root on the host. */
static const char *const engine_paths[] = {
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/run/containerd",
    "/var/run/containerd",
    "/run/podman",
    "/var/run/podman",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/berth",
    "/run/berth.sock",
    "/etc/docker",
    "/run/docker",
    "/var/lib/containers",
    "/run/user",
    "/proc",
    "/sys",
    "/dev",
    NULL,
};

/* `path` without doubled slashes, "." and "..": what the kernel would open if nothing were a link.
 */
static struct slice path_clean(struct arena *arena, struct slice path)
{
    char *out = arena_alloc(arena, path.length + 2);
    size_t length = 0;
    struct slice rest = path, part;

    while (slice_next(&rest, '/', &part)) {
        if (part.length == 0 || slice_is(part, "."))
            continue;
        if (slice_is(part, "..")) {
            while (length > 0 && out[--length] != '/')
                ;
            continue;
        }
        out[length++] = '/';
        memcpy(out + length, part.at, part.length);
        length += part.length;
    }
    if (length == 0)
        out[length++] = '/';
    return slice_make(out, length);
}

/* Is `inner` `outer` itself or below it? */
static bool path_within(struct slice inner, struct slice outer)
{
    if (outer.length == 1)
        return true;
    if (inner.length < outer.length || memcmp(inner.at, outer.at, outer.length) != 0)
        return false;
    return inner.length == outer.length || inner.at[outer.length] == '/';
}

static bool leads_to_engine(struct slice path)
{
    for (size_t i = 0; engine_paths[i]; i++) {
        struct slice engine = slice_of(engine_paths[i]);

        if (path_within(path, engine) || path_within(engine, path))
            return true;
    }
    return false;
}

/* Records a bind of host path `source`. */
static int found_bind(struct body_walk *walk, struct slice source, struct slice target,
                      bool readonly, const char *from, struct slice path)
{
    struct slice clean = path_clean(walk->arena, source);
    struct mount mount = {MOUNT_BIND, clean, target, readonly, from};

    if (body_mounts(walk, &mount, path) != 0 ||
        body_found(walk, leads_to_engine(clean) ? VIOLATION_MOUNT_ENGINE : VIOLATION_MOUNT_BIND,
                   path, clean) != 0)
        return -1;
    walk->report->violations[walk->report->violation_count - 1].readonly = readonly;
    return 0;
}

static int found_volume(struct body_walk *walk, struct slice name, struct slice target,
                        bool readonly, const char *from, struct slice path)
{
    struct mount mount = {MOUNT_VOLUME, name, target, readonly, from};

    if (name.length > 0 && body_refers(walk, REFERENCE_VOLUME, name, path) != 0)
        return -1;
    return body_mounts(walk, &mount, path);
}

/* "ro,z,rshared": one option of a bind. */
static int check_bind_option(struct body_walk *walk, struct slice option, bool *readonly,
                             struct slice path)
{
    if (slice_is(option, "ro"))
        *readonly = true;
    if (slice_is_nocase(option, "z"))
        return body_found(walk, VIOLATION_MOUNT_RELABEL, path, option);
    if (slice_contains(option, "shared") || slice_contains(option, "slave"))
        return body_found(walk, VIOLATION_MOUNT_PROPAGATION, path, option);
    return 0;
}

/* One of Binds: [source:]target[:options]. */
static int check_bind(struct body_walk *walk, struct slice text, struct slice path)
{
    struct slice rest = text, parts[3], option;
    size_t count = 0;
    bool readonly = false;

    while (slice_next(&rest, ':', &option)) {
        if (count == 3)
            return failure_set(walk->failure, FAILURE_INVALID,
                               "invalid volume specification: '" SLICE_FMT "'", SLICE_ARG(text));
        parts[count++] = option;
    }
    if (count == 1)
        return found_volume(walk, SLICE_NONE, parts[0], false, "Binds", path);
    if (count == 3) {
        rest = parts[2];
        while (slice_next(&rest, ',', &option))
            if (check_bind_option(walk, option, &readonly, path) != 0)
                return -1;
    }
    /* Anything but a plain volume name is a path to us: "../x", "~" and "./x" too. */
    if (parts[0].length > 0 && slice_find(parts[0], '/') < 0 && parts[0].at[0] != '.' &&
        parts[0].at[0] != '~')
        return found_volume(walk, parts[0], parts[1], readonly, "Binds", path);
    return found_bind(walk, parts[0], parts[1], readonly, "Binds", path);
}

int body_check_binds(struct body_walk *walk, const struct value *member, struct slice path)
{
    size_t index = 0;

    if (body_expect(walk, member, VALUE_LIST, path) != 0)
        return -1;
    VALUE_EACH(bind, member)
    {
        struct slice place = body_index(walk, path, index++);

        if (body_expect(walk, bind, VALUE_TEXT, place) != 0 ||
            check_bind(walk, bind->text, place) != 0)
            return -1;
    }
    return 0;
}

/* Options of the local volume driver: type=none,o=bind,device=/etc is a bind in disguise; any other
 * device is a file system of the caller's choice. */
int body_check_driver_options(struct body_walk *walk, const struct value *options,
                              struct slice path, const char *from)
{
    struct slice device, flags;
    const struct value *o;
    bool readonly = false;
    struct slice option;

    if (options->type == VALUE_NULL || options->count == 0)
        return 0;
    if (body_expect(walk, options, VALUE_MAP, path) != 0)
        return -1;
    device = value_get_text(options, "device");
    o = value_find(options, "o");
    flags = o && o->type == VALUE_TEXT ? o->text : SLICE_NONE;
    while (slice_next(&flags, ',', &option))
        if (check_bind_option(walk, option, &readonly, path) != 0)
            return -1;
    if (device.length > 0 && device.at[0] == '/')
        if (found_bind(walk, device, SLICE_NONE, readonly, from, path) != 0)
            return -1;
    return body_found(walk, VIOLATION_VOLUME_OPTION, path, device);
}

static int check_bind_options(struct body_walk *walk, const struct value *member, struct slice path)
{
    const struct value *propagation;

    if (body_expect(walk, member, VALUE_MAP, path) != 0)
        return -1;
    propagation = value_find_folded(member, "Propagation");
    if (propagation && propagation->type == VALUE_TEXT && propagation->text.length > 0 &&
        !slice_is(propagation->text, "private") && !slice_is(propagation->text, "rprivate"))
        return body_found(walk, VIOLATION_MOUNT_PROPAGATION, path, propagation->text);
    return 0;
}

static int check_driver_config(struct body_walk *walk, const struct value *member,
                               struct slice path)
{
    const struct value *name, *options;

    if (body_expect(walk, member, VALUE_MAP, path) != 0)
        return -1;
    name = value_find_folded(member, "Name");
    options = value_find_folded(member, "Options");
    if (name && name->type == VALUE_TEXT && name->text.length > 0 &&
        !slice_is(name->text, "local") &&
        body_found(walk, VIOLATION_VOLUME_DRIVER, path, name->text) != 0)
        return -1;
    if (options)
        return body_check_driver_options(walk, options, path, "DriverConfig");
    return 0;
}

static int check_volume_options(struct body_walk *walk, const struct value *member,
                                struct slice path)
{
    static const struct body_field fields[] = {
        {"NoCopy", NULL},
        {"Labels", body_check_labels},
        {"DriverConfig", check_driver_config},
        {"Subpath", NULL},
        {NULL, NULL},
    };

    return body_walk_fields(walk, member, path, fields);
}

static const struct body_field mount_fields[] = {
    {"Type", NULL},         {"Source", NULL},
    {"Target", NULL},       {"ReadOnly", NULL},
    {"Consistency", NULL},  {"BindOptions", check_bind_options},
    {"TmpfsOptions", NULL}, {"VolumeOptions", check_volume_options},
    {"ImageOptions", NULL}, {NULL, NULL},
};

static struct slice member_text(const struct value *map, const char *name)
{
    const struct value *member = value_find_folded(map, name);

    return member && member->type == VALUE_TEXT ? member->text : SLICE_NONE;
}

static int check_mount(struct body_walk *walk, const struct value *entry, struct slice path)
{
    struct slice type, source, target;
    const struct value *readonly;
    struct mount mount;

    if (body_walk_fields(walk, entry, path, mount_fields) != 0)
        return -1;
    type = member_text(entry, "Type");
    source = member_text(entry, "Source");
    target = member_text(entry, "Target");
    readonly = value_find_folded(entry, "ReadOnly");
    mount = (struct mount){MOUNT_OTHER, source, target, readonly && readonly->truth, "Mounts"};
    if (slice_is(type, "bind"))
        return found_bind(walk, source, target, mount.readonly, "Mounts", path);
    if (slice_is(type, "volume"))
        return found_volume(walk, source, target, mount.readonly, "Mounts", path);
    if (slice_is(type, "tmpfs"))
        mount.kind = MOUNT_TMPFS;
    else if (slice_is(type, "image"))
        mount.kind = MOUNT_IMAGE;
    else if (body_found(walk, VIOLATION_MOUNT_TYPE, path, type) != 0)
        return -1;
    if (mount.kind == MOUNT_IMAGE && body_refers(walk, REFERENCE_IMAGE, source, path) != 0)
        return -1;
    return body_mounts(walk, &mount, path);
}

int body_check_mounts(struct body_walk *walk, const struct value *member, struct slice path)
{
    size_t index = 0;

    if (body_expect(walk, member, VALUE_LIST, path) != 0)
        return -1;
    VALUE_EACH(entry, member)
    {
        struct slice place = body_index(walk, path, index++);

        if (check_mount(walk, entry, place) != 0)
            return -1;
    }
    return 0;
}

/* Volumes: {"/data": {}}: anonymous volumes. Old engines took "/host:/data" here. */
int body_check_volumes(struct body_walk *walk, const struct value *member, struct slice path)
{
    if (body_expect(walk, member, VALUE_MAP, path) != 0)
        return -1;
    VALUE_EACH(volume, member)
    {
        if (slice_find(volume->key, ':') >= 0) {
            if (check_bind(walk, volume->key, path) != 0)
                return -1;
        } else if (found_volume(walk, SLICE_NONE, volume->key, false, "Volumes", path) != 0) {
            return -1;
        }
    }
    return 0;
}

int body_check_tmpfs(struct body_walk *walk, const struct value *member, struct slice path)
{
    if (body_expect(walk, member, VALUE_MAP, path) != 0)
        return -1;
    VALUE_EACH(entry, member)
    {
        struct mount mount = {MOUNT_TMPFS, SLICE_NONE, entry->key, false, "Tmpfs"};

        if (body_mounts(walk, &mount, path) != 0)
            return -1;
    }
    return 0;
}
