#include "tests/unit/test.h"

#include "proxy/cert/authority.h"
#include "proxy/net/tls.h"

#include <openssl/pem.h>
#include <stdlib.h>

static struct failure failure;

/* Reads back what a PEM certificate says. */
static struct tls_peer peer_of(const char *pem)
{
    struct tls_peer peer;
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    unsigned char *der = NULL;
    int length = i2d_X509(certificate, &der);
    cr_assert_gt(length, 0);
    cr_assert_eq(tls_peer_parse(&peer, slice_make((char *)der, (size_t)length), &failure), 0);
    OPENSSL_free(der);
    X509_free(certificate);
    BIO_free(bio);
    return peer;
}

Test(authority, issues_what_is_wished)
{
    struct authority *authority = authority_new("test", 3600, &failure);
    struct certificate_wish wish = {.use = CERTIFICATE_CLIENT,
                                    .common_name = "alice",
                                    .names = {"alice@x.org", "10.0.0.1", "a.example", "x://y"},
                                    .name_count = 4,
                                    .valid_s = 60};
    struct certificate_pair pair;
    cr_assert_eq(authority_issue(authority, &wish, &pair, &failure), 0, "%s", failure.text);
    struct tls_peer peer = peer_of(pair.certificate);
    expect_text(peer.common_name, "alice");
    expect_text(peer.serial, pair.serial);
    expect_int(peer.names, 3); /* addresses are not names of a peer */
    expect_text(peer.name[0].text, "alice@x.org");
    expect_int(peer.name[1].kind, TLS_NAME_DNS);
    expect_int(peer.name[2].kind, TLS_NAME_URI);
    cr_expect_not(peer.is_node);
    cr_expect(slice_contains(slice_of(pair.key), "PRIVATE KEY"));
    certificate_pair_deinit(&pair);
    authority_free(&authority);
}

Test(authority, a_node_is_known_by_its_uri)
{
    struct authority *authority = authority_new("test", 3600, &failure);
    struct certificate_wish wish = {.use = CERTIFICATE_SERVER | CERTIFICATE_CLIENT,
                                    .common_name = "n1",
                                    .names = {"10.0.0.1", "berth://node/n1"},
                                    .name_count = 2,
                                    .valid_s = 60};
    struct certificate_pair pair;
    cr_assert_eq(authority_issue(authority, &wish, &pair, &failure), 0, "%s", failure.text);
    cr_expect(peer_of(pair.certificate).is_node);
    certificate_pair_deinit(&pair);
    authority_free(&authority);
}

Test(authority, refuses_names_that_lie)
{
    struct authority *authority = authority_new("test", 3600, &failure);
    const char *const names[] = {"", "a b", "a\nb", "caf\xc3\xa9"};
    struct certificate_pair pair;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct certificate_wish wish = {.use = CERTIFICATE_CLIENT,
                                        .common_name = "x",
                                        .names = {names[i]},
                                        .name_count = 1,
                                        .valid_s = 60};
        cr_expect_eq(authority_issue(authority, &wish, &pair, &failure), -1, "%s", names[i]);
        cr_expect_eq(failure.kind, FAILURE_INVALID);
        certificate_pair_deinit(&pair);
    }
    authority_free(&authority);
}

Test(authority, comes_back_from_its_files)
{
    struct authority *authority = authority_new("test", 3600, &failure);
    struct authority *other = authority_new("other", 3600, &failure);
    struct certificate_pair pair, stranger;
    char pin[65], again[65];
    cr_assert_eq(authority_pair(authority, &pair, &failure), 0);
    cr_assert_eq(authority_pair(other, &stranger, &failure), 0);
    authority_pin(authority, pin);
    authority_free(&authority);
    authority = authority_load(slice_of(pair.certificate), slice_of(pair.key), &failure);
    cr_assert_not_null(authority, "%s", failure.text);
    authority_pin(authority, again);
    expect_text(again, pin);
    cr_expect_null(authority_load(slice_of(pair.certificate), slice_of(stranger.key), &failure));
    cr_expect_null(authority_load(SLICE("x"), slice_of(pair.key), &failure));
    certificate_pair_deinit(&pair);
    certificate_pair_deinit(&stranger);
    authority_free(&authority);
    authority_free(&other);
}

Test(authority, a_leaf_is_no_authority)
{
    struct authority *authority = authority_new("test", 3600, &failure);
    struct certificate_wish wish = {
        .use = CERTIFICATE_SERVER, .common_name = "leaf", .valid_s = 60};
    struct certificate_pair pair;
    cr_assert_eq(authority_issue(authority, &wish, &pair, &failure), 0);
    cr_expect_null(authority_load(slice_of(pair.certificate), slice_of(pair.key), &failure));
    cr_expect(slice_contains(slice_of(failure.text), "not one of a CA"), "%s", failure.text);
    certificate_pair_deinit(&pair);
    authority_free(&authority);
}

Test(authority, signs_the_key_of_a_request_and_nothing_else)
{
    struct authority *authority = authority_new("test", 3600, &failure);
    struct certificate_wish wish = {
        .use = CERTIFICATE_CLIENT, .common_name = "node-7", .valid_s = 60};
    struct certificate_pair pair;
    char *request, *key;
    cr_assert_eq(certificate_request_new("i-am-admin", &request, &key, &failure), 0);
    cr_assert_eq(authority_sign(authority, slice_of(request), &wish, &pair, &failure), 0);
    expect_text(peer_of(pair.certificate).common_name, "node-7");
    cr_expect_null(pair.key);
    certificate_pair_deinit(&pair);
    request[strlen(request) / 2] ^= 1; /* no longer what was signed, or not even base64 */
    cr_expect_eq(authority_sign(authority, slice_of(request), &wish, &pair, &failure), -1);
    cr_expect_eq(failure.kind, FAILURE_INVALID);
    cr_expect_eq(authority_sign(authority, SLICE(""), &wish, &pair, &failure), -1);
    certificate_pair_deinit(&pair);
    free(request);
    free(key);
    authority_free(&authority);
}

Test(authority, lists_only_serials)
{
    struct authority *authority = authority_new("test", 3600, &failure);
    const char *good[] = {"0a1b"}, *bad[] = {"xyz"};
    char *list = authority_revocations(authority, good, 1, 60, &failure);
    cr_expect(list && slice_contains(slice_of(list), "X509 CRL"));
    free(list);
    cr_expect_null(authority_revocations(authority, bad, 1, 60, &failure));
    cr_expect_eq(failure.kind, FAILURE_INVALID);
    authority_free(&authority);
}
