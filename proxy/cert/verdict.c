/* Verdict: "v1.EXPIRES.NONCE.FLAGS.SIGNATURE", the signature hex, over one line for each thing it
 * is about. */
#include "proxy/cert/verdict.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#define SIGNATURE_BYTES 64
#define PUBLIC_BYTES    32

struct verdict_key {
    EVP_PKEY *key;
};

static void to_hex(const unsigned char *bytes, size_t count, char *hex)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[2 * count] = 0;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int from_hex(struct slice hex, unsigned char *bytes, size_t count)
{
    if (hex.length != 2 * count)
        return -1;
    for (size_t i = 0; i < count; i++) {
        int high = digit(hex.at[2 * i]), low = digit(hex.at[2 * i + 1]);
        if (high < 0 || low < 0)
            return -1;
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    return 0;
}

static struct verdict_key *wrap(EVP_PKEY *pkey)
{
    struct verdict_key *key = xcalloc(1, sizeof(*key));
    key->key = pkey;
    return key;
}

struct verdict_key *verdict_key_new(struct failure *failure)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (key)
        return wrap(key);
    failure_set(failure, FAILURE_INTERNAL, "can't make an Ed25519 key");
    return NULL;
}

struct verdict_key *verdict_key_load(struct slice pem, struct failure *failure)
{
    BIO *in = BIO_new_mem_buf(pem.at, (int)pem.length);
    EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL) : NULL;
    BIO_free(in);
    if (key && EVP_PKEY_get_id(key) == EVP_PKEY_ED25519)
        return wrap(key);
    EVP_PKEY_free(key);
    failure_set(failure, FAILURE_INVALID, "not an Ed25519 key in PEM");
    return NULL;
}

char *verdict_key_pem(const struct verdict_key *key)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *text;
    must(out && PEM_write_bio_PrivateKey(out, key->key, NULL, NULL, 0, NULL, NULL) == 1);
    long length = BIO_get_mem_data(out, &text);
    char *copy = xslicedup(slice_make(text, (size_t)length));
    BIO_free(out);
    return copy;
}

void verdict_key_free(struct verdict_key **key)
{
    if (!*key)
        return;
    EVP_PKEY_free((*key)->key);
    free(*key);
    *key = NULL;
}

void verdict_key_public(const struct verdict_key *key, char hex[65])
{
    unsigned char bytes[PUBLIC_BYTES];
    size_t length = sizeof(bytes);
    must(EVP_PKEY_get_raw_public_key(key->key, bytes, &length) == 1 && length == sizeof(bytes));
    to_hex(bytes, sizeof(bytes), hex);
}

struct verdict_key *verdict_key_from_public(struct slice hex, struct failure *failure)
{
    unsigned char bytes[PUBLIC_BYTES];
    EVP_PKEY *key = NULL;
    if (from_hex(hex, bytes, sizeof(bytes)) == 0)
        key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes, sizeof(bytes));
    if (key)
        return wrap(key);
    failure_set(failure, FAILURE_INVALID, "not the 64 hex digits of an Ed25519 public key");
    return NULL;
}

/* What is signed. Method, target and node can't hold a newline: the head parser refuses control
 * bytes. */
static void write_signed(struct buffer *out, const struct verdict *verdict)
{
    buffer_init(out, 2u << 20);
    buffer_printf(out, "berth verdict v1\n" SLICE_FMT "\n", SLICE_ARG(verdict->method));
    buffer_add(out, verdict->target);
    buffer_printf(out, "\n" SLICE_FMT "\n%lld\n%s\n%d\n", SLICE_ARG(verdict->node),
                  (long long)verdict->expires_ms, verdict->nonce, verdict->strict);
}

static bool sign(EVP_PKEY *key, const struct verdict *verdict, unsigned char *signature)
{
    struct buffer text;
    size_t length = SIGNATURE_BYTES;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    write_signed(&text, verdict);
    bool done =
        context && !text.overflow && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
        EVP_DigestSign(context, signature, &length, (unsigned char *)text.at, text.length) == 1;
    EVP_MD_CTX_free(context);
    buffer_deinit(&text);
    return done;
}

int verdict_sign(const struct verdict_key *key, const struct verdict *given, int64_t now_ms,
                 char text[VERDICT_MAX_BYTES], struct failure *failure)
{
    struct verdict verdict = *given;
    unsigned char nonce[16], signature[SIGNATURE_BYTES];
    char hex[2 * SIGNATURE_BYTES + 1];
    if (RAND_bytes(nonce, sizeof(nonce)) != 1)
        return failure_set(failure, FAILURE_INTERNAL, "the system gives no random bytes");
    to_hex(nonce, sizeof(nonce), verdict.nonce);
    verdict.expires_ms = now_ms + VERDICT_LIFE_MS;
    if (!sign(key->key, &verdict, signature))
        return failure_set(failure, FAILURE_INTERNAL, "can't sign a verdict");
    to_hex(signature, sizeof(signature), hex);
    snprintf(text, VERDICT_MAX_BYTES, "v1.%lld.%s.%d.%s", (long long)verdict.expires_ms,
             verdict.nonce, verdict.strict, hex);
    return 0;
}

static int read_text(struct slice text, struct verdict *verdict, unsigned char *signature)
{
    struct slice version, expires, nonce, flags, hex, more;
    uint64_t expires_ms;
    if (!slice_next(&text, '.', &version) || !slice_next(&text, '.', &expires) ||
        !slice_next(&text, '.', &nonce) || !slice_next(&text, '.', &flags) ||
        !slice_next(&text, '.', &hex) || slice_next(&text, '.', &more))
        return -1;
    if (!slice_is(version, "v1") || slice_to_u64(expires, &expires_ms) != 0 ||
        expires_ms > INT64_MAX || nonce.length != 32 ||
        (!slice_is(flags, "0") && !slice_is(flags, "1")) ||
        from_hex(hex, signature, SIGNATURE_BYTES) != 0)
        return -1;
    verdict->expires_ms = (int64_t)expires_ms;
    memcpy(verdict->nonce, nonce.at, 32);
    verdict->nonce[32] = 0;
    verdict->strict = slice_is(flags, "1");
    return 0;
}

static bool is_signed(EVP_PKEY *key, const struct verdict *verdict, const unsigned char *signature)
{
    struct buffer text;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    write_signed(&text, verdict);
    bool good = context && !text.overflow &&
                EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestVerify(context, signature, SIGNATURE_BYTES, (unsigned char *)text.at,
                                 text.length) == 1;
    EVP_MD_CTX_free(context);
    buffer_deinit(&text);
    return good;
}

int verdict_check(const struct verdict_key *key, struct slice text, int64_t now_ms,
                  struct verdict *verdict, struct failure *failure)
{
    unsigned char signature[SIGNATURE_BYTES];
    if (text.length == 0)
        return failure_set(failure, FAILURE_DENIED,
                           "this is the gate of an engine: only its manager may speak here");
    if (read_text(text, verdict, signature) != 0)
        return failure_set(failure, FAILURE_DENIED, "the verdict is malformed");
    if (!is_signed(key->key, verdict, signature))
        return failure_set(failure, FAILURE_DENIED, "the verdict is not for this request");
    if (verdict->expires_ms + VERDICT_SKEW_MS < now_ms)
        return failure_set(failure, FAILURE_DENIED,
                           "the verdict is over since %lld s: are the clocks of manager and node "
                           "apart?",
                           (long long)(now_ms - verdict->expires_ms) / 1000);
    if (verdict->expires_ms > now_ms + VERDICT_LIFE_MS + VERDICT_SKEW_MS)
        return failure_set(failure, FAILURE_DENIED,
                           "the verdict is from the future: are the clocks of manager and node "
                           "apart?");
    return 0;
}
