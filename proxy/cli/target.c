/* Target: the docker client's own rules for host, context and TLS, in the order it asks them. */
#include "proxy/cli/target.h"

#include "policy/base/value.h"
#include "proxy/json.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_MAX_BYTES (4u << 20) /* config.json, meta.json */

struct search {
    struct target *target;
    struct arena *arena;
    const struct globals *globals;
    lookup_fn lookup;
    struct failure *failure;
    struct slice folder; /* the configuration folder */
    struct value *config; /* config.json, or NULL */
};

struct options globals_options(struct arena *arena, struct globals *globals)
{
    struct option rows[] = {
        {0, "config", OPTION_TEXT, &globals->config, "Location of client config files"},
        {'c', "context", OPTION_TEXT, &globals->context, "Name of the context to use"},
        {'D', "debug", OPTION_TRUTH, &globals->debug, "Enable debug mode"},
        {'H', "host", OPTION_LIST, &globals->hosts, "Daemon socket to connect to"},
        {'l', "log-level", OPTION_TEXT, &globals->log_level, "Logging level"},
        {0, "tls", OPTION_TRUTH, &globals->tls, "Use TLS"},
        {0, "tlscacert", OPTION_TEXT, &globals->tls_ca, "Trust certs signed only by this CA"},
        {0, "tlscert", OPTION_TEXT, &globals->tls_cert, "Path to TLS certificate file"},
        {0, "tlskey", OPTION_TEXT, &globals->tls_key, "Path to TLS key file"},
        {0, "tlsverify", OPTION_TRUTH, &globals->tls_verify, "Use TLS and verify the remote"},
        {'v', "version", OPTION_TRUTH, &globals->version, "Print version and quit"},
    };
    struct option *list = arena_alloc(arena, sizeof(rows));
    memcpy(list, rows, sizeof(rows));
    return (struct options){list, sizeof(rows) / sizeof(rows[0]), arena};
}

/* The whole file, or SLICE_NONE when it can't be read or is too large. */
static struct slice read_file(struct arena *arena, const char *path)
{
    FILE *file = fopen(path, "re");
    struct slice text = SLICE_NONE;
    struct buffer buffer;

    if (!file)
        return text;
    buffer_init(&buffer, FILE_MAX_BYTES);
    char piece[4096];
    size_t got;
    while ((got = fread(piece, 1, sizeof(piece), file)) > 0)
        (void)buffer_append(&buffer, piece, got);
    if (!ferror(file) && !buffer.overflow)
        text = arena_copy(arena, buffer_slice(&buffer));
    buffer_deinit(&buffer);
    fclose(file);
    return text;
}

static const char *environment(struct search *search, const char *name)
{
    const char *value = search->lookup(name);
    return value && *value ? value : NULL;
}

static struct slice path(struct search *search, struct slice folder, const char *name)
{
    return arena_printf(search->arena, SLICE_FMT "/%s", SLICE_ARG(folder), name);
}

static struct slice existing(struct slice file)
{
    return access(file.at, R_OK) == 0 ? file : SLICE_NONE;
}

static int open_folder(struct search *search)
{
    const char *folder = search->globals->config;

    if (!folder)
        folder = environment(search, "DOCKER_CONFIG");
    if (folder) {
        search->folder = arena_copy(search->arena, slice_of(folder));
    } else {
        const char *home = environment(search, "HOME");
        search->folder = arena_printf(search->arena, "%s/.docker", home ? home : "");
    }
    struct slice text = read_file(search->arena, path(search, search->folder, "config.json").at);
    if (text.length == 0)
        return 0;
    search->config = json_parse(search->arena, text, search->failure);
    if (!search->config)
        return failure_prefix(search->failure, SLICE_FMT "/config.json",
                              SLICE_ARG(search->folder));
    return 0;
}

static void add_header(struct search *search, struct slice name, struct slice value)
{
    struct target *target = search->target;
    struct slice *list = arena_alloc(search->arena, (target->header_count + 1) * sizeof(*list));

    if (slice_find(name, '\n') >= 0 || slice_find(value, '\n') >= 0)
        return; /* would smuggle a second header */
    for (size_t i = 0; i < target->header_count; i++)
        list[i] = target->headers[i];
    list[target->header_count++] = arena_printf(search->arena, SLICE_FMT ": " SLICE_FMT,
                                                SLICE_ARG(name), SLICE_ARG(value));
    target->headers = list;
}

/* HttpHeaders of config.json; DOCKER_CUSTOM_HEADERS ("a=b,c=d") wins over them as a whole. */
static void find_headers(struct search *search)
{
    struct slice custom = slice_of(environment(search, "DOCKER_CUSTOM_HEADERS")), part;

    if (custom.length == 0) {
        VALUE_EACH(header, value_find(search->config, "HttpHeaders"))
        {
            if (header->type == VALUE_TEXT && !slice_is_nocase(header->key, "user-agent"))
                add_header(search, header->key, header->text);
        }
        return;
    }
    while (slice_next(&custom, ',', &part)) {
        ptrdiff_t equals = slice_find(part, '=');
        if (equals > 0)
            add_header(search, slice_trim(slice_cut(part, 0, (size_t)equals)),
                       slice_trim(slice_from(part, (size_t)equals + 1)));
    }
}

static int find_context(struct search *search, struct slice *name)
{
    const struct globals *globals = search->globals;
    const char *from_environment = environment(search, "DOCKER_CONTEXT");

    *name = SLICE("default");
    if (globals->context && globals->hosts.count > 0)
        return failure_set(search->failure, FAILURE_INVALID,
                           "conflicting options: cannot specify both --host and --context");
    if (globals->context)
        *name = slice_of(globals->context);
    else if (globals->hosts.count > 0 || environment(search, "DOCKER_HOST"))
        return 0;
    else if (from_environment)
        *name = slice_of(from_environment);
    else if (value_get_text(search->config, "currentContext").length > 0)
        *name = value_get_text(search->config, "currentContext");
    return 0;
}

static struct slice digest(struct arena *arena, struct slice text)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    struct slice hex = SLICE("");

    must(EVP_Digest(text.at, text.length, sum, &length, EVP_sha256(), NULL) == 1);
    for (unsigned int i = 0; i < length; i++)
        hex = arena_printf(arena, SLICE_FMT "%02x", SLICE_ARG(hex), sum[i]);
    return hex;
}

/* A named context: its address and certificates lie below contexts/, under the name's SHA-256. */
static int use_context(struct search *search, struct slice name)
{
    struct target *target = search->target;
    struct slice hash = digest(search->arena, name);
    struct slice meta = arena_printf(search->arena, SLICE_FMT "/contexts/meta/" SLICE_FMT
                                     "/meta.json", SLICE_ARG(search->folder), SLICE_ARG(hash));
    struct slice text = read_file(search->arena, meta.at);
    if (text.length == 0)
        return failure_set(search->failure, FAILURE_NOT_FOUND,
                           "context \"" SLICE_FMT "\": context not found", SLICE_ARG(name));
    struct value *value = json_parse(search->arena, text, search->failure);
    if (!value)
        return failure_prefix(search->failure, SLICE_FMT, SLICE_ARG(meta));
    struct value *docker = value_path(value, "Endpoints.docker");
    target->host = value_get_text(docker, "Host");
    target->skip_verify = value_get_bool(docker, "SkipTLSVerify", false);
    struct slice folder = arena_printf(search->arena, SLICE_FMT "/contexts/tls/" SLICE_FMT
                                       "/docker", SLICE_ARG(search->folder), SLICE_ARG(hash));
    target->ca = existing(path(search, folder, "ca.pem"));
    target->cert = existing(path(search, folder, "cert.pem"));
    target->key = existing(path(search, folder, "key.pem"));
    target->tls = target->skip_verify || target->ca.length > 0 || target->cert.length > 0;
    return 0;
}

static struct slice pem(struct search *search, const char *flag, struct slice folder,
                        const char *name)
{
    return flag ? arena_copy(search->arena, slice_of(flag))
                : existing(path(search, folder, name));
}

static int use_default(struct search *search)
{
    const struct globals *globals = search->globals;
    struct target *target = search->target;
    const char *host = environment(search, "DOCKER_HOST");
    const char *certs = environment(search, "DOCKER_CERT_PATH");
    bool verify = globals->tls_verify || environment(search, "DOCKER_TLS_VERIFY");

    if (globals->hosts.count > 1)
        return failure_set(search->failure, FAILURE_INVALID, "specify only one -H");
    if (globals->hosts.count == 1)
        host = globals->hosts.list[0];
    target->host = arena_copy(search->arena,
                              slice_of(host ? host : "unix:///var/run/docker.sock"));
    target->tls = verify || globals->tls || environment(search, "DOCKER_TLS");
    if (!target->tls)
        return 0;
    target->skip_verify = !verify;
    struct slice folder = certs ? slice_of(certs) : search->folder;
    target->ca = pem(search, globals->tls_ca, folder, "ca.pem");
    target->cert = pem(search, globals->tls_cert, folder, "cert.pem");
    target->key = pem(search, globals->tls_key, folder, "key.pem");
    return 0;
}

/* host -> url and unix_path. */
static int understand_host(struct search *search)
{
    struct target *target = search->target;
    struct slice rest = target->host;

    if (slice_starts(rest, "unix://")) {
        target->unix_path = arena_copy(search->arena, slice_from(rest, 7));
        target->url = SLICE("http://docker");
        target->tls = false;
        return 0;
    }
    if (slice_starts(rest, "tcp://"))
        rest = slice_from(rest, 6);
    else if (slice_starts(rest, "http://"))
        rest = slice_from(rest, 7);
    else if (slice_contains(rest, "://"))
        return failure_set(search->failure, FAILURE_UNSUPPORTED,
                           "docker berth reaches tcp:// and unix:// addresses, not " SLICE_FMT,
                           SLICE_ARG(target->host));
    while (slice_ends(rest, "/"))
        rest = slice_cut(rest, 0, rest.length - 1);
    if (rest.length == 0)
        return failure_set(search->failure, FAILURE_INVALID, "no host in \"" SLICE_FMT "\"",
                           SLICE_ARG(target->host));
    ptrdiff_t colon = slice_find_last(rest, ':'), bracket = slice_find_last(rest, ']');
    const char *port = colon > bracket ? "" : target->tls ? ":2376" : ":2375";
    target->url = arena_printf(search->arena, "%s://" SLICE_FMT "%s",
                               target->tls ? "https" : "http", SLICE_ARG(rest), port);
    return 0;
}

int target_find(struct target *target, struct arena *arena, const struct globals *globals,
                lookup_fn lookup, struct failure *failure)
{
    struct search search = {target, arena, globals, lookup, failure, SLICE_NONE, NULL};
    struct slice context;

    *target = (struct target){0};
    if (open_folder(&search) != 0 || find_context(&search, &context) != 0)
        return -1;
    int result = slice_is(context, "default") ? use_default(&search)
                                              : use_context(&search, context);
    if (result != 0)
        return -1;
    find_headers(&search);
    return understand_host(&search);
}
