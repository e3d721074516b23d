/* Gate pin: SHA-256 over the CA's public key info, as hex. */
#include "agent/gate_pin.h"

#include "proxy/net/tls.h"
#include "proxy/token.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

char *gate_pin_cut(char *token)
{
    char *dot = token ? strrchr(token, '.') : NULL;

    if (!dot || strncmp(token, "berth-", 6) != 0 || strlen(dot + 1) != TOKEN_HEX_BYTES ||
        strspn(dot + 1, "0123456789abcdef") != TOKEN_HEX_BYTES)
        return NULL;
    *dot = '\0';
    return dot + 1;
}

/* What the certificate's key hashes to, in `peer`. */
static int read_certificate(struct slice pem, struct tls_peer *peer, struct failure *failure)
{
    BIO *bio = BIO_new_mem_buf(pem.at ? pem.at : "", (int)pem.length);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    unsigned char *der = NULL;
    int length = certificate ? i2d_X509(certificate, &der) : -1;
    int result = -1;

    if (length > 0)
        result = tls_peer_parse(peer, slice_make((const char *)der, (size_t)length), failure);
    else
        failure_set(failure, FAILURE_INVALID, "the manager's CA is no PEM certificate");
    OPENSSL_free(der);
    X509_free(certificate);
    BIO_free(bio);
    return result;
}

int gate_pin_check(const char *pin, struct slice ca, struct failure *failure)
{
    struct tls_peer peer;

    if (!pin)
        return 0;
    if (ca.length > 64 * 1024)
        return failure_set(failure, FAILURE_INVALID, "the manager's CA is longer than 64 KiB");
    if (read_certificate(ca, &peer, failure) != 0)
        return -1;
    if (token_equal(slice_of(pin), slice_of(peer.spki_sha256)))
        return 0;
    return failure_set(
        failure, FAILURE_DENIED,
        "the CA that was sent is not the one of the join token: somebody stands between "
        "this agent and the manager, or the token is of another cluster");
}
