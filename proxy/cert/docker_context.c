/* Docker context: contexts/meta/ID/meta.json and contexts/tls/ID/docker/{ca,cert,key}.pem, where ID
 * is the SHA-256 of the name (docker's cli/context/store; docker context create makes the same). */
#include "proxy/cert/docker_context.h"

#include "proxy/cert/cert_store.h"
#include "proxy/json.h"
#include "proxy/token.h"
#include "proxy/file.h"

#include <stdlib.h>
#include <unistd.h>

static int check_name(const char *name, struct failure *failure)
{
    bool good = strlen(name) > 1 && strlen(name) < 128 && name[0] != '.' && name[0] != '-';
    for (const char *at = name; *at && good; at++)
        good = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
               (*at >= '0' && *at <= '9') || strchr("._+-", *at);
    if (!good || strcmp(name, "default") == 0)
        return failure_set(failure, FAILURE_INVALID,
                           "\"%s\" can't be the name of a docker context: two or more letters, "
                           "digits and . _ + -, and not \"default\"",
                           name);
    return 0;
}

static int copy_files(const char *config, const char *id, const char *folder,
                      struct failure *failure)
{
    static const char *const names[] = {"ca.pem", "cert.pem", "key.pem"};
    int result = 0;
    for (size_t i = 0; i < 3 && !result; i++) {
        struct buffer text;
        char *from = xprintf("%s/%s", folder, names[i]);
        char *to = xprintf("%s/contexts/tls/%s/docker/%s", config, id, names[i]);
        buffer_init(&text, 1u << 21);
        result = file_read(from, &text, failure);
        if (!result)
            result = cert_write_file(to, buffer_slice(&text), 0600, failure);
        buffer_deinit(&text);
        free(from);
        free(to);
    }
    return result;
}

static int write_meta(const char *path, const char *name, const char *host, struct failure *failure)
{
    struct arena *arena = arena_new();
    struct value *meta = value_map(arena);
    value_set_text(arena, meta, "Name", slice_of(name));
    value_set_text(arena, value_submap(arena, meta, "Metadata"), "Description",
                   SLICE("a berth cluster"));
    struct value *docker = value_submap(arena, value_submap(arena, meta, "Endpoints"), "docker");
    value_set_text(arena, docker, "Host", slice_of(host));
    value_set_bool(arena, docker, "SkipTLSVerify", false);
    int result = cert_write_file(path, json_text(arena, meta), 0644, failure);
    arena_free(&arena);
    return result;
}

int docker_context_write(const char *config, const char *name, const char *host, const char *folder,
                         struct failure *failure)
{
    char id[TOKEN_HEX_BYTES + 1];
    if (check_name(name, failure))
        return -1;
    token_hash(slice_of(name), id); /* plain SHA-256 */
    char *path = xprintf("%s/contexts/meta/%s/meta.json", config, id);
    int result;
    if (access(path, F_OK) == 0)
        result = failure_set(failure, FAILURE_CONFLICT,
                             "there is a docker context \"%s\" already: `docker context rm %s` "
                             "comes first",
                             name, name);
    else if ((result = copy_files(config, id, folder, failure)) == 0)
        result = write_meta(path, name, host, failure);
    free(path);
    return result;
}
