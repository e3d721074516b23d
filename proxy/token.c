/* Token: secrets that peers show. */
#include "proxy/token.h"

#include "policy/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <unistd.h>

/* Up to `capacity` bytes of a file, -1 with errno. */
static ssize_t read_file(const char *file, char *bytes, size_t capacity)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t length = 0, got = 1;
    int error;

    if (fd < 0)
        return -1;
    while (got > 0 && (size_t)length < capacity) {
        got = read(fd, bytes + length, capacity - (size_t)length);
        if (got > 0)
            length += got;
    }
    error = errno;
    close(fd);
    errno = error;
    return got < 0 ? -1 : length;
}

static char *check(struct slice token, const char *from, struct failure *failure)
{
    if (token.length == 0) {
        failure_set(failure, FAILURE_INVALID, "%s is empty: its first line must be the token", from);
        return NULL;
    }
    if (token.length > TOKEN_MAX_BYTES) {
        failure_set(failure, FAILURE_INVALID, "the token in %s is longer than %d bytes", from,
                    TOKEN_MAX_BYTES);
        return NULL;
    }
    for (size_t i = 0; i < token.length; i++) {
        if (token.at[i] <= ' ' || token.at[i] == 0x7f) {
            failure_set(failure, FAILURE_INVALID,
                        "the token in %s has a space or control byte: only printable ASCII or UTF-8 "
                        "bytes may be in it",
                        from);
            return NULL;
        }
    }
    return xslicedup(token);
}

char *token_load(const char *file, const char *text, struct failure *failure)
{
    char bytes[TOKEN_MAX_BYTES + 256];
    struct slice rest, line = SLICE("");
    ssize_t length;
    char *token;

    failure_clear(failure);
    if (!file || !*file)
        return text && *text ? check(slice_of(text), "the environment", failure) : NULL;
    length = read_file(file, bytes, sizeof(bytes));
    if (length < 0) {
        failure_set(failure, FAILURE_INVALID, "can't read token file %s: %s", file,
                    strerror(errno));
        return NULL;
    }
    rest = slice_make(bytes, (size_t)length);
    slice_next(&rest, '\n', &line);
    token = check(slice_trim(line), file, failure);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return token;
}

static void to_hex(const unsigned char *bytes, size_t count, char *hex)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < count; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[2 * count] = '\0';
}

int token_make(char hex[TOKEN_HEX_BYTES + 1], struct failure *failure)
{
    unsigned char bytes[TOKEN_HEX_BYTES / 2];

    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        return failure_set(failure, FAILURE_INTERNAL, "the system gives no random bytes");
    to_hex(bytes, sizeof(bytes), hex);
    return 0;
}

static void digest(struct slice token, unsigned char out[32])
{
    unsigned int length = 32;

    must(EVP_Digest(token.at ? token.at : "", token.length, out, &length, EVP_sha256(), NULL) == 1);
}

void token_hash(struct slice token, char hex[TOKEN_HEX_BYTES + 1])
{
    unsigned char bytes[32];

    digest(token, bytes);
    to_hex(bytes, sizeof(bytes), hex);
}

bool token_equal(struct slice a, struct slice b)
{
    unsigned char left[32], right[32];

    digest(a, left);
    digest(b, right);
    return CRYPTO_memcmp(left, right, sizeof(left)) == 0;
}

struct slice token_of_header(struct slice authorization)
{
    if (authorization.length < 7 || !slice_is_nocase(slice_cut(authorization, 0, 7), "Bearer "))
        return SLICE_NONE;
    return slice_trim(slice_from(authorization, 7));
}
