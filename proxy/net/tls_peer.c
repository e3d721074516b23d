/* Tls peer: reads from a certificate what an identity may be made of. */
#include "proxy/net/tls.h"
#include "proxy/net/tls_inside.h"

#include "policy/base/failure.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>

/* Copies a name that is plain printable ASCII without NUL; such tricks are how certificates lie. */
static bool copy_name(char *to, size_t size, const ASN1_STRING *name)
{
    int length = ASN1_STRING_length(name);
    const unsigned char *at = ASN1_STRING_get0_data(name);
    if (length <= 0 || (size_t)length >= size)
        return false;
    for (int i = 0; i < length; i++) {
        if (at[i] <= ' ' || at[i] >= 127)
            return false;
    }
    memcpy(to, at, (size_t)length);
    to[length] = '\0';
    return true;
}

static void read_common_name(struct tls_peer *peer, const X509 *certificate)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    /* Two common names would let each reader pick another one. */
    if (index < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, index) >= 0)
        return;
    const ASN1_STRING *name = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index));
    unsigned char *text = NULL;
    int length = ASN1_STRING_to_UTF8(&text, name);
    if (length > 0 && (size_t)length < sizeof peer->common_name) {
        bool plain = true;
        for (int i = 0; i < length; i++)
            plain = plain && text[i] >= ' ' && text[i] != 127;
        if (plain)
            memcpy(peer->common_name, text, (size_t)length);
    }
    OPENSSL_free(text);
}

static void read_names(struct tls_peer *peer, const X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && peer->names < TLS_PEER_NAMES; i++) {
        const GENERAL_NAME *general = sk_GENERAL_NAME_value(names, i);
        struct tls_name *name = &peer->name[peer->names];
        const ASN1_STRING *text;
        if (general->type == GEN_DNS) {
            name->kind = TLS_NAME_DNS;
            text = general->d.dNSName;
        } else if (general->type == GEN_EMAIL) {
            name->kind = TLS_NAME_EMAIL;
            text = general->d.rfc822Name;
        } else if (general->type == GEN_URI) {
            name->kind = TLS_NAME_URI;
            text = general->d.uniformResourceIdentifier;
        } else {
            continue;
        }
        if (!copy_name(name->text, sizeof name->text, text))
            continue;
        peer->names++;
        if (name->kind == TLS_NAME_URI && slice_starts(slice_of(name->text), TLS_NODE_URI))
            peer->is_node = true;
    }
    GENERAL_NAMES_free(names);
}

static void write_hex(char *to, const unsigned char *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < length; i++) {
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    *to = '\0';
}

static int read_pin(struct tls_peer *peer, const X509 *certificate)
{
    unsigned char *der = NULL, digest[EVP_MAX_MD_SIZE];
    unsigned int digest_length = 0;
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    if (length <= 0)
        return -1;
    int ok = EVP_Digest(der, (size_t)length, digest, &digest_length, EVP_sha256(), NULL);
    OPENSSL_free(der);
    if (ok != 1 || digest_length != 32)
        return -1;
    write_hex(peer->spki_sha256, digest, digest_length);
    return 0;
}

static void read_serial(struct tls_peer *peer, const X509 *certificate)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
    size_t length = (size_t)ASN1_STRING_length(serial);
    if (length * 2 < sizeof peer->serial)
        write_hex(peer->serial, ASN1_STRING_get0_data(serial), length);
}

int tls_peer_of(struct tls_peer *peer, const X509 *certificate)
{
    memset(peer, 0, sizeof *peer);
    read_common_name(peer, certificate);
    read_names(peer, certificate);
    read_serial(peer, certificate);
    int result = read_pin(peer, certificate);
    ERR_clear_error();
    return result;
}

int tls_peer_parse(struct tls_peer *peer, struct slice der, struct failure *failure)
{
    const unsigned char *at = (const unsigned char *)der.at;
    memset(peer, 0, sizeof *peer);
    if (der.length > 65536)
        return failure_set(failure, FAILURE_INVALID, "the certificate is over 64 KiB");
    X509 *certificate = d2i_X509(NULL, &at, (long)der.length);
    ERR_clear_error();
    if (!certificate)
        return failure_set(failure, FAILURE_INVALID, "not an X.509 certificate");
    int result = tls_peer_of(peer, certificate);
    X509_free(certificate);
    return result ? failure_set(failure, FAILURE_INVALID, "the certificate's key is not readable")
                  : 0;
}
