/* Tls session: OpenSSL hung into a stream, on the stream's own descriptor. */
#include "proxy/net/inside.h"
#include "proxy/net/tls.h"
#include "proxy/net/tls_inside.h"

#include "policy/base/failure.h"
#include "policy/base/memory.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

struct tls_session {
    SSL *ssl;
    struct ready done;
    struct stream *stream;
    tls_done_fn on_done; /* NULL once the handshake is over */
    void *context;
    bool failed;
    bool peer_read;
    struct tls_peer *peer; /* NULL once peer_read: has none */
    char why_not[256];
};

/* What the last call on the session means for the caller. */
static enum tls_step step_of(struct tls_session *session, int result)
{
    switch (SSL_get_error(session->ssl, result)) {
    case SSL_ERROR_NONE:
    case SSL_ERROR_ZERO_RETURN:
        return TLS_DONE;
    case SSL_ERROR_WANT_READ:
        return TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANT_WRITE;
    }
    return TLS_FAILED;
}

/* As many records as fit, so that what goes on is written in big pieces. */
ssize_t tls_read(struct stream *stream, void *bytes, size_t capacity)
{
    struct tls_session *session = stream->tls;
    size_t total = 0;
    int got = 0;
    if (stream->broken || session->failed) {
        stream->broken = true;
        return STREAM_ERROR;
    }
    stream->starved = false;
    ERR_clear_error();
    do {
        size_t room = capacity - total;
        got = SSL_read(session->ssl, (char *)bytes + total, room > INT_MAX ? INT_MAX : (int)room);
        if (got > 0)
            total += (size_t)got;
    } while (got > 0 && total < capacity && SSL_has_pending(session->ssl));
    if (got > 0)
        return (ssize_t)total;
    enum tls_step step = step_of(session, got);
    ERR_clear_error();
    if (step == TLS_WANT_WRITE) /* an answer to a key update does not fit */
        stream_poll_write(stream);
    stream->starved = step == TLS_WANT_READ || step == TLS_WANT_WRITE;
    session->failed = step == TLS_FAILED;
    if (total) /* the end, or what broke, is told by the next call */
        return (ssize_t)total;
    if (stream->starved)
        return STREAM_AGAIN;
    if (step == TLS_DONE)
        return 0;
    stream->broken = true;
    return STREAM_ERROR;
}

bool tls_has_input(const struct stream *stream)
{
    const SSL *ssl = stream->tls->ssl;
    return !stream->broken && !stream->starved &&
           (stream->tls->failed || SSL_has_pending(ssl) ||
            SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN);
}

ssize_t tls_write(struct stream *stream)
{
    struct tls_session *session = stream->tls;
    /* Small pieces (head, chunk line) go into one record with what follows. */
    static const size_t record = 16384;
    char joined[16384];
    const void *from = stream->iov->iov_base;
    size_t length = stream->iov->iov_len;
    if (length == 0)
        return 0;
    if (length < record && stream->iov_count > 1) {
        length = 0;
        for (size_t i = 0; i < stream->iov_count && length < record; i++) {
            size_t part = stream->iov[i].iov_len;
            if (part > record - length)
                part = record - length;
            if (part)
                memcpy(joined + length, stream->iov[i].iov_base, part);
            length += part;
        }
        from = joined;
    }
    ERR_clear_error();
    int sent = SSL_write(session->ssl, from, length > INT_MAX ? INT_MAX : (int)length);
    if (sent > 0)
        return sent;
    enum tls_step step = step_of(session, sent);
    ERR_clear_error();
    return step == TLS_WANT_WRITE ? STREAM_AGAIN : STREAM_ERROR;
}

enum tls_step tls_shutdown(struct stream *stream)
{
    ERR_clear_error();
    int result = SSL_is_init_finished(stream->tls->ssl) ? SSL_shutdown(stream->tls->ssl) : 1;
    enum tls_step step = result >= 0 ? TLS_DONE : step_of(stream->tls, result);
    ERR_clear_error();
    return step;
}

void tls_session_free(struct tls_session **session)
{
    if (!*session)
        return;
    ready_remove(&(*session)->done);
    SSL_free((*session)->ssl);
    free((*session)->peer);
    free(*session);
    *session = NULL;
}

static void say_why(struct tls_session *session, int result)
{
    long verified = SSL_get_verify_result(session->ssl);
    unsigned long error = ERR_peek_last_error();
    const char *reason = error ? ERR_reason_error_string(error) : NULL;
    session->failed = true;
    if (verified != X509_V_OK)
        snprintf(session->why_not, sizeof session->why_not, "certificate not accepted: %s",
                 X509_verify_cert_error_string(verified));
    else if (reason)
        snprintf(session->why_not, sizeof session->why_not, "TLS handshake failed: %s", reason);
    else
        snprintf(session->why_not, sizeof session->why_not,
                 "TLS handshake failed: the peer closed the connection");
}

static void handshake_done(void *context)
{
    struct tls_session *session = context;
    tls_done_fn on_done = session->on_done;
    session->on_done = NULL;
    stream_want_read(session->stream, false);
    stream_set(session->stream, NULL, NULL);
    on_done(session->stream, session->failed ? session->why_not : NULL, session->context);
}

static void handshake_step(struct stream *stream, void *context)
{
    struct tls_session *session = stream->tls;
    ERR_clear_error();
    int result = SSL_do_handshake(session->ssl);
    switch (result == 1 ? TLS_DONE : step_of(session, result)) {
    case TLS_WANT_READ:
        stream_want_read(stream, true);
        break;
    case TLS_WANT_WRITE:
        stream_want_read(stream, true);
        stream_poll_write(stream);
        break;
    case TLS_FAILED:
        say_why(session, result);
        stream->broken = true;
        ready_add(stream->loop, &session->done);
        break;
    case TLS_DONE:
        ready_add(stream->loop, &session->done);
        break;
    }
    ERR_clear_error();
}

void tls_handshake_start(struct stream *stream, struct tls_context *tls, bool server,
                         tls_done_fn on_done, void *context)
{
    struct tls_session *session = xcalloc(1, sizeof *session);
    session->stream = stream;
    session->on_done = on_done;
    session->context = context;
    ready_init(&session->done, handshake_done, session);
    stream->tls = session;
    session->ssl = SSL_new(tls_context_get(tls));
    must(session->ssl != NULL && SSL_set_fd(session->ssl, stream->fd) == 1);
    stream_set(stream, handshake_step, session);
    if (server) {
        SSL_set_accept_state(session->ssl);
        stream_want_read(stream, true);
        return;
    }
    SSL_set_connect_state(session->ssl);
    const char *name = tls_context_server_name(tls);
    if (name) {
        /* The macro casts const away, which clang refuses: it gets a copy. */
        char *copy = xstrdup(name);
        SSL_set_tlsext_host_name(session->ssl, copy);
        free(copy);
    }
    handshake_step(stream, session);
}

bool stream_is_tls(const struct stream *stream)
{
    return stream->tls != NULL;
}

static struct tls_peer *read_peer(const SSL *ssl)
{
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    if (!certificate || SSL_get_verify_result(ssl) != X509_V_OK ||
        (SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) == 0)
        return NULL;
    struct tls_peer *peer = xmalloc(sizeof *peer);
    if (tls_peer_of(peer, certificate) == 0)
        return peer;
    free(peer);
    return NULL;
}

const struct tls_peer *stream_tls_peer_of(const struct stream *stream)
{
    struct tls_session *session = stream->tls;
    if (!session)
        return NULL;
    if (!session->peer_read) {
        session->peer_read = true;
        session->peer = read_peer(session->ssl);
    }
    return session->peer;
}

int stream_tls_peer(const struct stream *stream, struct tls_peer *peer)
{
    const struct tls_peer *known = stream_tls_peer_of(stream);
    if (!known)
        return -1;
    *peer = *known;
    return 0;
}
