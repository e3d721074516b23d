/* Cert command: parses the words, works on the store, prints what to do next. */
#include "proxy/cert/cert_command.h"

#include "proxy/cert/cert_store.h"
#include "proxy/cert/docker_context.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DEFAULT_DIRECTORY "/etc/berth/certs"
#define DEFAULT_DAYS      365
#define DEFAULT_PORT      "2376"

static const char usage[] =
    "Usage: berthd cert create HOST... [--client NAME] [--context NAME]\n"
    "       berthd cert server HOST...\n"
    "       berthd cert client NAME [--host ADDRESS] [--context NAME]\n"
    "       berthd cert node NAME HOST...\n"
    "       berthd cert revoke NAME|SERIAL\n"
    "       berthd cert list\n\n"
    "Certificates of your own authority, for --tlsverify. create makes the authority if there is "
    "none,\na certificate for a berthd that is called HOST (DNS names, IP addresses), and one for "
    "the client\n\"admin\". Rules (--access) know a client by cert=NAME.\n\n"
    "  --dir DIR       where all is kept (default " DEFAULT_DIRECTORY ", or BERTH_CERTS)\n"
    "  --days N        how long certificates are good (default 365; the authority: ten years)\n"
    "  --host ADDRESS  berthd's address for clients (create: tcp://HOST:2376)\n"
    "  --context NAME  also write a docker context into ~/.docker (or DOCKER_CONFIG)\n";

struct command {
    const char *verb;
    const char *words[CERTIFICATE_MAX_NAMES];
    size_t count;
    const char *directory, *host, *context, *client;
    uint64_t valid_s;
};

static int bad(const char *what, const char *word)
{
    fprintf(stderr, "berthd cert: %s%s\n\n%s", what, word, usage);
    return 2;
}

static int refused(const struct failure *failure)
{
    fprintf(stderr, "berthd cert: %s\n", failure->text);
    return 1;
}

static int set_flag(struct command *command, const char *flag, const char *value)
{
    uint64_t days;
    if (strcmp(flag, "--dir") == 0)
        command->directory = value;
    else if (strcmp(flag, "--host") == 0)
        command->host = value;
    else if (strcmp(flag, "--context") == 0)
        command->context = value;
    else if (strcmp(flag, "--client") == 0)
        command->client = value;
    else if (strcmp(flag, "--days") != 0)
        return bad("unknown flag ", flag);
    else if (slice_to_u64(slice_of(value), &days) || days < 1 || days > 3650)
        return bad("--days takes 1 to 3650, not ", value);
    else
        command->valid_s = days * 86400;
    return 0;
}

static int parse(struct command *command, int argc, char *const *argv)
{
    const char *directory = getenv("BERTH_CERTS");
    *command =
        (struct command){.directory = directory && *directory ? directory : DEFAULT_DIRECTORY,
                         .client = "admin",
                         .valid_s = (uint64_t)DEFAULT_DAYS * 86400};
    if (argc < 2)
        return bad("what is to be done?", "");
    command->verb = argv[1];
    for (int i = 2; i < argc; i++) {
        if (argv[i][0] != '-') {
            if (command->count == CERTIFICATE_MAX_NAMES)
                return bad("too many names: ", argv[i]);
            command->words[command->count++] = argv[i];
            continue;
        }
        if (i + 1 == argc)
            return bad("a value is needed behind ", argv[i]);
        if (set_flag(command, argv[i], argv[i + 1]))
            return 2;
        i++;
    }
    return 0;
}

/* ---- what to do next */

static char *address_of(const struct command *command)
{
    if (command->host)
        return xstrdup(command->host);
    if (strcmp(command->verb, "create") != 0)
        return NULL;
    bool six = strchr(command->words[0], ':') != NULL;
    return xprintf(six ? "tcp://[%s]:" DEFAULT_PORT : "tcp://%s:" DEFAULT_PORT, command->words[0]);
}

static int write_context(const struct command *command, const char *host, const char *folder,
                         struct failure *failure)
{
    const char *config = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
    char *path = config && *config ? xstrdup(config) : xprintf("%s/.docker", home ? home : "");
    int result = docker_context_write(path, command->context, host, folder, failure);
    free(path);
    if (!result)
        printf("docker context:  docker context use %s\n", command->context);
    return result;
}

static int show_client(const struct command *command, const char *folder, struct failure *failure)
{
    char *host = address_of(command);
    int result = 0;
    if (command->context && !host)
        result = failure_set(failure, FAILURE_INVALID, "--context needs --host tcp://HOST:PORT");
    else if (command->context)
        result = write_context(command, host, folder, failure);
    if (!result)
        printf("client:          export DOCKER_HOST=%s DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=%s\n",
               host ? host : "tcp://HOST:" DEFAULT_PORT, folder);
    free(host);
    return result;
}

static void show_server(const char *directory)
{
    printf("server:          berthd -H tcp://0.0.0.0:" DEFAULT_PORT " -H unix:///run/berth.sock \\\n"
           "                   --state /var/lib/berth --tlsverify \\\n"
           "                   --tlscacert %s/ca.pem --tlscrl %s/crl.pem \\\n"
           "                   --tlscert %s/server/cert.pem --tlskey %s/server/key.pem\n",
           directory, directory, directory, directory);
}

/* ---- verbs; each prints on success */

static int issue(struct cert_store *store, const struct command *command, enum cert_kind kind,
                 const char *name, const char *const *hosts, size_t host_count,
                 struct failure *failure)
{
    struct buffer folder;
    buffer_init(&folder, 4096);
    int result =
        cert_store_issue(store, kind, name, hosts, host_count, command->valid_s, &folder, failure);
    if (!result && kind == CERT_CLIENT)
        result = show_client(command, folder.at, failure);
    else if (!result && kind == CERT_NODE)
        printf("node:            %s (copy it there; keep key.pem private)\n", folder.at);
    buffer_deinit(&folder);
    return result;
}

static int run_create(struct cert_store *store, const struct command *command, bool made,
                      struct failure *failure)
{
    char pin[65];
    if (issue(store, command, CERT_SERVER, command->words[0], command->words, command->count,
              failure))
        return -1;
    authority_pin(cert_store_authority(store), pin);
    printf("authority:       %s/ca.pem (%s), key pin %s\n", command->directory,
           made ? "new" : "was there", pin);
    show_server(command->directory);
    return issue(store, command, CERT_CLIENT, command->client, NULL, 0, failure);
}

static int run_list(const struct cert_store *store)
{
    size_t count;
    const struct cert_row *rows = cert_store_rows(store, &count);
    printf("%-34s %-8s %-24s %-12s %s\n", "SERIAL", "KIND", "NAME", "GOOD UNTIL", "STATE");
    for (size_t i = 0; i < count; i++) {
        char until[32];
        struct tm utc;
        time_t end = (time_t)rows[i].not_after_s;
        gmtime_r(&end, &utc);
        strftime(until, sizeof until, "%Y-%m-%d", &utc);
        printf("%-34s %-8s %-24s %-12s %s\n", rows[i].serial, cert_kind_name(rows[i].kind),
               rows[i].name, until,
               rows[i].revoked_s   ? "revoked"
               : end <= time(NULL) ? "expired"
                                   : "good");
    }
    return 0;
}

static int run_revoke(struct cert_store *store, const struct command *command,
                      struct failure *failure)
{
    int count = cert_store_revoke(store, command->words[0], failure);
    if (count < 0)
        return -1;
    printf("revoked %d. berthd must run with --tlscrl %s/crl.pem and reads it at SIGHUP.\n"
           "Connections that are open stay open until they end.\n",
           count, command->directory);
    return 0;
}

static const struct verb {
    const char *name;
    size_t least, most; /* words behind it */
} verbs[] = {{"create", 1, 15}, {"server", 1, 15}, {"client", 1, 1},
             {"node", 2, 15},   {"revoke", 1, 1},  {"list", 0, 0}};

static int run(struct cert_store *store, const struct command *command, bool made,
               struct failure *failure)
{
    if (strcmp(command->verb, "create") == 0)
        return run_create(store, command, made, failure);
    if (strcmp(command->verb, "list") == 0)
        return run_list(store);
    if (strcmp(command->verb, "revoke") == 0)
        return run_revoke(store, command, failure);
    if (strcmp(command->verb, "client") == 0)
        return issue(store, command, CERT_CLIENT, command->words[0], NULL, 0, failure);
    if (strcmp(command->verb, "node") == 0)
        return issue(store, command, CERT_NODE, command->words[0], command->words + 1,
                     command->count - 1, failure);
    int result = issue(store, command, CERT_SERVER, command->words[0], command->words,
                       command->count, failure);
    if (!result)
        show_server(command->directory);
    return result;
}

int cert_command(int argc, char *const *argv)
{
    struct command command;
    struct failure failure;
    const struct verb *verb = NULL;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (parse(&command, argc, argv))
        return 2;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs && !verb; i++) {
        if (strcmp(verbs[i].name, command.verb) == 0)
            verb = &verbs[i];
    }
    if (!verb)
        return bad("unknown: ", command.verb);
    if (command.count < verb->least || command.count > verb->most)
        return bad("wrong number of names for ", command.verb);
    bool made = false;
    struct cert_store *store = cert_store_open(
        command.directory, strcmp(command.verb, "create") == 0, "berth authority", &made, &failure);
    if (!store)
        return refused(&failure);
    int result = run(store, &command, made, &failure);
    cert_store_close(&store);
    return result ? refused(&failure) : 0;
}
