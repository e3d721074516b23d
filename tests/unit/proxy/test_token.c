/* Token: read from files with a reason when not, compared, hashed. */
#include "proxy/token.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[64];

static void write_file(const char *bytes, size_t length)
{
    int fd;

    (void)snprintf(path, sizeof(path), "/tmp/berth-token-XXXXXX");
    fd = mkstemp(path);
    cr_assert(fd >= 0 && write(fd, bytes, length) == (ssize_t)length);
    close(fd);
}

static void expect_loaded(const char *content, const char *token)
{
    struct failure failure;
    char *loaded;

    write_file(content, strlen(content));
    loaded = token_load(path, NULL, &failure);
    cr_assert_not_null(loaded, "%s", failure.text);
    expect_text(loaded, token);
    free(loaded);
    unlink(path);
}

Test(token, is_the_first_line)
{
    expect_loaded("secret\nsecond\n", "secret");
    expect_loaded("secret", "secret");
    expect_loaded("  secret \r\n", "secret");
}

static void expect_refused(const char *content, size_t length, const char *word)
{
    struct failure failure;

    write_file(content, length);
    cr_expect_null(token_load(path, NULL, &failure));
    expect_int(failure.kind, FAILURE_INVALID);
    cr_expect(slice_contains(slice_of(failure.text), word), "%s", failure.text);
    cr_expect(slice_contains(slice_of(failure.text), path), "%s", failure.text);
    unlink(path);
}

Test(token, bad_files_are_named)
{
    struct failure failure;
    char longest[TOKEN_MAX_BYTES + 1];

    memset(longest, 'x', sizeof(longest));
    expect_refused("", 0, "empty");
    expect_refused("\nlate\n", 6, "empty");
    expect_refused("a b\n", 4, "space");
    expect_refused("a\0b\n", 4, "control");
    expect_refused(longest, sizeof(longest), "longer");
    cr_expect_null(token_load("/nonexistent/token", NULL, &failure));
    expect_text(failure.text, "can't read token file /nonexistent/token: No such file or directory");
    cr_expect_null(token_load("/", NULL, &failure));
    expect_text(failure.text, "can't read token file /: Is a directory");
}

Test(token, from_the_environment_or_none)
{
    struct failure failure;
    char *token = token_load("", "from-env", &failure);

    expect_text(token, "from-env");
    free(token);
    cr_expect_null(token_load(NULL, NULL, &failure));
    expect_int(failure.kind, FAILURE_NONE);
    cr_expect_null(token_load(NULL, "", &failure));
    expect_int(failure.kind, FAILURE_NONE);
}

Test(token, compares_and_hashes)
{
    char hex[TOKEN_HEX_BYTES + 1], other[TOKEN_HEX_BYTES + 1];

    cr_expect(token_equal(SLICE("abc"), SLICE("abc")));
    cr_expect_not(token_equal(SLICE("abc"), SLICE("abd")));
    cr_expect_not(token_equal(SLICE("abc"), SLICE("ab")));
    cr_expect_not(token_equal(SLICE("abc"), SLICE_NONE));
    token_hash(SLICE("abc"), hex);
    expect_text(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    cr_assert(token_make(hex, NULL) == 0 && token_make(other, NULL) == 0);
    expect_int(strlen(hex), TOKEN_HEX_BYTES);
    cr_expect_str_neq(hex, other);
}

Test(token, of_a_header)
{
    expect_slice(token_of_header(SLICE("Bearer abc")), "abc");
    expect_slice(token_of_header(SLICE("bearer  abc ")), "abc");
    cr_expect_null(token_of_header(SLICE("Basic abc")).at);
    cr_expect_null(token_of_header(SLICE_NONE).at);
}
