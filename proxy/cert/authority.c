/* Authority: thin use of OpenSSL 3's X.509 functions, each step checked. */
#include "proxy/cert/authority.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BACKDATE_S        (5 * 60) /* clocks of nodes differ */
#define REQUEST_MAX_BYTES 16384

struct authority {
    X509 *certificate;
    EVP_PKEY *key;
};

static int fail(struct failure *failure, enum failure_kind kind, const char *what)
{
    unsigned long error = ERR_peek_last_error();
    const char *reason = error ? ERR_reason_error_string(error) : NULL;
    failure_set(failure, kind, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
    ERR_clear_error();
    return -1;
}

void certificate_pair_deinit(struct certificate_pair *pair)
{
    free(pair->certificate);
    if (pair->key)
        OPENSSL_cleanse(pair->key, strlen(pair->key));
    free(pair->key);
    *pair = (struct certificate_pair){0};
}

/* The bytes of a memory BIO as text; frees the BIO. */
static char *text_of(BIO *bio)
{
    char *at = NULL;
    long length = BIO_get_mem_data(bio, &at);
    char *text = xslicedup(slice_make(at, (size_t)length));
    BIO_free(bio);
    return text;
}

static char *certificate_text(X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());
    must(bio && PEM_write_bio_X509(bio, certificate) == 1);
    return text_of(bio);
}

static char *key_text(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    must(bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    return text_of(bio);
}

static int set_serial(X509 *certificate, char hex[48])
{
    unsigned char bytes[16];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return -1;
    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40); /* positive, and always 16 bytes long */
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    return ok ? 0 : -1;
}

static int set_name(X509_NAME *name, const char *common_name)
{
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
                                      -1, -1, 0) == 1
               ? 0
               : -1;
}

/* `value` is text we have made ourselves: its syntax is OpenSSL's configuration language. */
static int add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    int ok = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok ? 0 : -1;
}

static X509 *blank(EVP_PKEY *key, const char *common_name, uint64_t valid_s,
                   struct certificate_pair *pair)
{
    X509 *certificate = X509_new();
    time_t now = time(NULL);
    bool ok = certificate && X509_set_version(certificate, 2) == 1 &&
              set_serial(certificate, pair->serial) == 0 &&
              ASN1_TIME_set(X509_getm_notBefore(certificate), now - BACKDATE_S) &&
              ASN1_TIME_set(X509_getm_notAfter(certificate), now + (time_t)valid_s) &&
              set_name(X509_get_subject_name(certificate), common_name) == 0 &&
              X509_set_pubkey(certificate, key) == 1;
    pair->not_after_s = now + (int64_t)valid_s;
    if (ok)
        return certificate;
    X509_free(certificate);
    return NULL;
}

struct authority *authority_new(const char *common_name, uint64_t valid_s, struct failure *failure)
{
    struct certificate_pair pair = {0};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = key ? blank(key, common_name, valid_s, &pair) : NULL;
    if (!certificate ||
        X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) != 1 ||
        add_extension(certificate, certificate, NID_basic_constraints,
                      "critical,CA:TRUE,pathlen:0") ||
        add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        add_extension(certificate, certificate, NID_subject_key_identifier, "hash") ||
        !X509_sign(certificate, key, EVP_sha256())) {
        fail(failure, FAILURE_INVALID, "can't make the CA certificate");
        X509_free(certificate);
        EVP_PKEY_free(key);
        return NULL;
    }
    struct authority *authority = xcalloc(1, sizeof *authority);
    authority->certificate = certificate;
    authority->key = key;
    return authority;
}

struct authority *authority_load(struct slice certificate, struct slice key,
                                 struct failure *failure)
{
    BIO *bio = BIO_new_mem_buf(certificate.at, (int)certificate.length);
    struct authority *authority = xcalloc(1, sizeof *authority);
    ERR_clear_error();
    authority->certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    bio = BIO_new_mem_buf(key.at, (int)key.length);
    authority->key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    if (!authority->certificate)
        fail(failure, FAILURE_INVALID, "the CA certificate is not PEM");
    else if (!authority->key)
        fail(failure, FAILURE_INVALID, "the CA key is not PEM");
    else if (X509_check_ca(authority->certificate) != 1)
        failure_set(failure, FAILURE_INVALID, "the certificate is not one of a CA");
    else if (X509_check_private_key(authority->certificate, authority->key) != 1)
        fail(failure, FAILURE_INVALID, "the CA key does not belong to the CA certificate");
    else
        return authority;
    ERR_clear_error();
    authority_free(&authority);
    return NULL;
}

void authority_free(struct authority **authority)
{
    if (!*authority)
        return;
    X509_free((*authority)->certificate);
    EVP_PKEY_free((*authority)->key);
    free(*authority);
    *authority = NULL;
}

static int64_t not_after(const X509 *certificate)
{
    struct tm tm = {0};
    return ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) == 1 ? timegm(&tm) : 0;
}

int authority_pair(const struct authority *authority, struct certificate_pair *pair,
                   struct failure *failure)
{
    *pair = (struct certificate_pair){0};
    const ASN1_INTEGER *serial = X509_get0_serialNumber(authority->certificate);
    size_t length = (size_t)ASN1_STRING_length(serial);
    if (2 * length >= sizeof pair->serial)
        return failure_set(failure, FAILURE_INVALID, "the CA certificate's serial is too long");
    for (size_t i = 0; i < length; i++)
        snprintf(pair->serial + 2 * i, 3, "%02x", ASN1_STRING_get0_data(serial)[i]);
    pair->certificate = certificate_text(authority->certificate);
    pair->key = key_text(authority->key);
    pair->not_after_s = not_after(authority->certificate);
    return 0;
}

void authority_pin(const struct authority *authority, char hex[65])
{
    unsigned char *der = NULL, digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(authority->certificate), &der);
    must(length > 0 && EVP_Digest(der, (size_t)length, digest, &size, EVP_sha256(), NULL) == 1 &&
         size == 32);
    OPENSSL_free(der);
    for (size_t i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

/* ---- names */

static GENERAL_NAME *make_name(const char *text)
{
    unsigned char address[16];
    ASN1_STRING *string = ASN1_IA5STRING_new();
    int type = GEN_DNS, length = (int)strlen(text);
    const void *bytes = text;
    if (inet_pton(AF_INET, text, address) == 1) {
        type = GEN_IPADD;
        bytes = address;
        length = 4;
    } else if (inet_pton(AF_INET6, text, address) == 1) {
        type = GEN_IPADD;
        bytes = address;
        length = 16;
    } else if (strchr(text, '@')) {
        type = GEN_EMAIL;
    } else if (strstr(text, "://")) {
        type = GEN_URI;
    }
    if (type == GEN_IPADD) {
        ASN1_STRING_free(string);
        string = ASN1_OCTET_STRING_new();
    }
    GENERAL_NAME *name = GENERAL_NAME_new();
    must(string && name && ASN1_STRING_set(string, bytes, length) == 1);
    GENERAL_NAME_set0_value(name, type, string);
    return name;
}

static int add_names(X509 *certificate, const struct certificate_wish *wish,
                     struct failure *failure)
{
    if (!wish->name_count)
        return 0;
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    int result = 0;
    for (size_t i = 0; i < wish->name_count && !result; i++) {
        const char *text = wish->names[i];
        for (const char *at = text; *at && !result; at++) {
            if (*at <= ' ' || *at > '~')
                result = failure_set(failure, FAILURE_INVALID,
                                     "\"%s\" can't be a name in a certificate", text);
        }
        if (!*text || strlen(text) > 255)
            result = failure_set(failure, FAILURE_INVALID,
                                 "a name in a certificate has 1 to 255 characters");
        if (!result)
            must(sk_GENERAL_NAME_push(names, make_name(text)) > 0);
    }
    if (!result && X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0) != 1)
        result = fail(failure, FAILURE_INTERNAL, "can't add the names");
    GENERAL_NAMES_free(names);
    return result;
}

static int issue_for(const struct authority *authority, EVP_PKEY *key,
                     const struct certificate_wish *wish, struct certificate_pair *pair,
                     struct failure *failure)
{
    static const char *const uses[] = {NULL, "serverAuth", "clientAuth", "serverAuth,clientAuth"};
    must(wish->use > 0 && wish->use < 4 && wish->name_count <= CERTIFICATE_MAX_NAMES);
    X509 *certificate = blank(key, wish->common_name, wish->valid_s, pair);
    if (!certificate)
        return fail(failure, FAILURE_INVALID, "can't make the certificate");
    X509 *issuer = authority->certificate;
    int result = add_names(certificate, wish, failure);
    if (!result &&
        (X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) != 1 ||
         add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE") ||
         add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature") ||
         add_extension(certificate, issuer, NID_ext_key_usage, uses[wish->use]) ||
         add_extension(certificate, issuer, NID_subject_key_identifier, "hash") ||
         add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always") ||
         !X509_sign(certificate, authority->key, EVP_sha256())))
        result = fail(failure, FAILURE_INTERNAL, "can't sign the certificate");
    if (!result)
        pair->certificate = certificate_text(certificate);
    X509_free(certificate);
    return result;
}

int authority_issue(const struct authority *authority, const struct certificate_wish *wish,
                    struct certificate_pair *pair, struct failure *failure)
{
    *pair = (struct certificate_pair){0};
    ERR_clear_error();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (!key)
        return fail(failure, FAILURE_INTERNAL, "can't make a key");
    int result = issue_for(authority, key, wish, pair, failure);
    if (!result)
        pair->key = key_text(key);
    EVP_PKEY_free(key);
    return result;
}

int authority_sign(const struct authority *authority, struct slice request,
                   const struct certificate_wish *wish, struct certificate_pair *pair,
                   struct failure *failure)
{
    *pair = (struct certificate_pair){0};
    ERR_clear_error();
    if (request.length > REQUEST_MAX_BYTES)
        return failure_set(failure, FAILURE_INVALID, "the certificate request is over 16 KiB");
    BIO *bio = BIO_new_mem_buf(request.at, (int)request.length);
    X509_REQ *parsed = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    BIO_free(bio);
    EVP_PKEY *key = parsed ? X509_REQ_get0_pubkey(parsed) : NULL;
    int result;
    if (!key)
        result = fail(failure, FAILURE_INVALID, "not a PEM certificate request");
    else if (X509_REQ_verify(parsed, key) != 1)
        result = fail(failure, FAILURE_INVALID, "the certificate request is not signed by its key");
    else if (EVP_PKEY_get_security_bits(key) < 112)
        result = failure_set(failure, FAILURE_INVALID, "the certificate request's key is too weak");
    else
        result = issue_for(authority, key, wish, pair, failure);
    X509_REQ_free(parsed);
    ERR_clear_error();
    return result;
}

/* ---- revocation */

static int add_revoked(X509_CRL *list, const char *serial, struct failure *failure)
{
    BIGNUM *number = NULL;
    size_t digits = (size_t)BN_hex2bn(&number, serial);
    X509_REVOKED *revoked = X509_REVOKED_new();
    ASN1_INTEGER *integer = number ? BN_to_ASN1_INTEGER(number, NULL) : NULL;
    ASN1_TIME *now = ASN1_TIME_set(NULL, time(NULL));
    int result = 0;
    if (!digits || digits != strlen(serial) || !integer)
        result = failure_set(failure, FAILURE_INVALID, "\"%s\" is not a serial", serial);
    else if (!revoked || !now || X509_REVOKED_set_serialNumber(revoked, integer) != 1 ||
             X509_REVOKED_set_revocationDate(revoked, now) != 1 ||
             X509_CRL_add0_revoked(list, revoked) != 1)
        result = fail(failure, FAILURE_INTERNAL, "can't revoke");
    if (result)
        X509_REVOKED_free(revoked);
    BN_free(number);
    ASN1_INTEGER_free(integer);
    ASN1_TIME_free(now);
    return result;
}

char *authority_revocations(const struct authority *authority, const char *const *serials,
                            size_t count, uint64_t valid_s, struct failure *failure)
{
    X509_CRL *list = X509_CRL_new();
    time_t now = time(NULL);
    ASN1_TIME *from = ASN1_TIME_set(NULL, now - BACKDATE_S);
    ASN1_TIME *to = ASN1_TIME_set(NULL, now + (time_t)valid_s);
    must(list && from && to && X509_CRL_set_version(list, 1) == 1);
    int result = 0;
    if (X509_CRL_set_issuer_name(list, X509_get_subject_name(authority->certificate)) != 1 ||
        X509_CRL_set1_lastUpdate(list, from) != 1 || X509_CRL_set1_nextUpdate(list, to) != 1)
        result = fail(failure, FAILURE_INTERNAL, "can't make the revocation list");
    for (size_t i = 0; i < count && !result; i++)
        result = add_revoked(list, serials[i], failure);
    if (!result && !X509_CRL_sign(list, authority->key, EVP_sha256()))
        result = fail(failure, FAILURE_INTERNAL, "can't sign the revocation list");
    char *text = NULL;
    if (!result) {
        BIO *bio = BIO_new(BIO_s_mem());
        must(bio && PEM_write_bio_X509_CRL(bio, list) == 1);
        text = text_of(bio);
    }
    X509_CRL_free(list);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    return text;
}

/* ---- requests */

int certificate_request_new(const char *common_name, char **request, char **key_pem,
                            struct failure *failure)
{
    ERR_clear_error();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_REQ *made = X509_REQ_new();
    int result = 0;
    if (!key || !made || X509_REQ_set_version(made, 0) != 1 ||
        set_name(X509_REQ_get_subject_name(made), common_name) ||
        X509_REQ_set_pubkey(made, key) != 1 || !X509_REQ_sign(made, key, EVP_sha256()))
        result = fail(failure, FAILURE_INTERNAL, "can't make a certificate request");
    if (!result) {
        BIO *bio = BIO_new(BIO_s_mem());
        must(bio && PEM_write_bio_X509_REQ(bio, made) == 1);
        *request = text_of(bio);
        *key_pem = key_text(key);
    }
    X509_REQ_free(made);
    EVP_PKEY_free(key);
    return result;
}
