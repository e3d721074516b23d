/* Tls: contexts from files, reloaded by making a new SSL_CTX and swapping it in. */
#include "proxy/net/tls.h"
#include "proxy/net/tls_inside.h"

#include "policy/base/failure.h"
#include "policy/base/memory.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

struct tls_context {
    SSL_CTX *ssl;
    bool server;
    enum tls_verify verify;
    char *ca_file, *certificate_file, *key_file, *crl_file, *name;
};

static int fail(struct failure *failure, const char *what, const char *file)
{
    unsigned long error = ERR_peek_error();
    const char *reason = error ? ERR_reason_error_string(error) : NULL;
    failure_set(failure, FAILURE_INVALID, "%s %s: %s", what, file ? file : "",
                reason ? reason : "not usable");
    ERR_clear_error();
    return -1;
}

static int load_identity(const struct tls_context *context, SSL_CTX *ssl, struct failure *failure)
{
    if (!context->certificate_file)
        return 0;
    if (SSL_CTX_use_certificate_chain_file(ssl, context->certificate_file) != 1)
        return fail(failure, "can't read the certificate", context->certificate_file);
    if (SSL_CTX_use_PrivateKey_file(ssl, context->key_file, SSL_FILETYPE_PEM) != 1)
        return fail(failure, "can't use the key (does it belong to the certificate?)",
                    context->key_file);
    return 0;
}

static int load_trust(const struct tls_context *context, SSL_CTX *ssl, struct failure *failure)
{
    if (context->verify == TLS_VERIFY_NONE)
        return 0;
    if (SSL_CTX_load_verify_file(ssl, context->ca_file) != 1)
        return fail(failure, "can't read the CA file", context->ca_file);
    if (context->server) {
        STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(context->ca_file);
        if (!names)
            return fail(failure, "can't read the CA file", context->ca_file);
        SSL_CTX_set_client_CA_list(ssl, names);
    }
    if (context->crl_file) {
        X509_STORE *store = SSL_CTX_get_cert_store(ssl);
        X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
        if (!lookup || X509_load_crl_file(lookup, context->crl_file, X509_FILETYPE_PEM) < 1)
            return fail(failure, "can't read the revocation list", context->crl_file);
        X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    }
    int mode = SSL_VERIFY_PEER;
    if (context->server && context->verify == TLS_VERIFY_REQUIRED)
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(ssl, mode, NULL);
    if (!context->server && context->name) {
        /* Both TLS versions check these by themselves, for names and for addresses. */
        X509_VERIFY_PARAM *parameters = SSL_CTX_get0_param(ssl);
        X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        if (X509_VERIFY_PARAM_set1_ip_asc(parameters, context->name) != 1 &&
            X509_VERIFY_PARAM_set1_host(parameters, context->name, 0) != 1)
            return fail(failure, "can't verify the name", context->name);
    }
    ERR_clear_error();
    return 0;
}

static SSL_CTX *make(const struct tls_context *context, struct failure *failure)
{
    ERR_clear_error();
    SSL_CTX *ssl = SSL_CTX_new(context->server ? TLS_server_method() : TLS_client_method());
    must(ssl != NULL);
    SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_num_tickets(ssl, 0);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    /* Records are fetched by the block, not header and body one by one. */
    SSL_CTX_set_read_ahead(ssl, 1);
    SSL_CTX_set_default_read_buffer_len(ssl, LOOP_BLOCK_BYTES);
    static const unsigned char id[] = "berth";
    SSL_CTX_set_session_id_context(ssl, id, sizeof id - 1);
    if (load_identity(context, ssl, failure) || load_trust(context, ssl, failure)) {
        SSL_CTX_free(ssl);
        return NULL;
    }
    return ssl;
}

struct tls_context *tls_context_new(const struct tls_settings *settings, struct failure *failure)
{
    if (settings->server && !settings->certificate_file) {
        failure_set(failure, FAILURE_INVALID, "a TLS server needs a certificate and a key");
        return NULL;
    }
    if (!settings->certificate_file != !settings->key_file) {
        failure_set(failure, FAILURE_INVALID, "a certificate and its key go together");
        return NULL;
    }
    if (settings->verify != TLS_VERIFY_NONE && !settings->ca_file) {
        failure_set(failure, FAILURE_INVALID, "verifying the peer needs a CA file");
        return NULL;
    }
    struct tls_context *context = xcalloc(1, sizeof *context);
    context->server = settings->server;
    context->verify = settings->verify;
    context->ca_file = xstrdup(settings->ca_file);
    context->certificate_file = xstrdup(settings->certificate_file);
    context->key_file = xstrdup(settings->key_file);
    context->crl_file = xstrdup(settings->crl_file);
    context->name = xstrdup(settings->name);
    context->ssl = make(context, failure);
    if (!context->ssl)
        tls_context_free(&context);
    return context;
}

int tls_context_reload(struct tls_context *context, struct failure *failure)
{
    SSL_CTX *fresh = make(context, failure);
    if (!fresh)
        return -1;
    SSL_CTX_free(context->ssl); /* sessions hold their own reference */
    context->ssl = fresh;
    return 0;
}

void tls_context_free(struct tls_context **context_pointer)
{
    struct tls_context *context = *context_pointer;
    if (!context)
        return;
    *context_pointer = NULL;
    SSL_CTX_free(context->ssl);
    free(context->ca_file);
    free(context->certificate_file);
    free(context->key_file);
    free(context->crl_file);
    free(context->name);
    free(context);
}

SSL_CTX *tls_context_get(const struct tls_context *context)
{
    return context->ssl;
}

const char *tls_context_server_name(const struct tls_context *context)
{
    unsigned char address[sizeof(struct in6_addr)];
    if (!context->name || inet_pton(AF_INET, context->name, address) == 1 ||
        inet_pton(AF_INET6, context->name, address) == 1)
        return NULL;
    return context->name;
}
