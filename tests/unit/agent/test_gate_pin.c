/* Gate pin: cut off a token, held against a CA. */
#include "agent/gate_pin.h"
#include "proxy/cert/authority.h"
#include "tests/unit/test.h"

#define PIN "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

Test(gate_pin, is_cut_off_single_use_tokens_only)
{
    char with[] = "berth-01234567-aa." PIN, shared[] = "some.token", plain[] = "berth-01234567-aa";
    char shorter[] = "berth-01234567-aa.ba78";

    expect_text(gate_pin_cut(with), PIN);
    expect_text(with, "berth-01234567-aa");
    cr_expect_null(gate_pin_cut(shared));
    expect_text(shared, "some.token");
    cr_expect_null(gate_pin_cut(plain));
    cr_expect_null(gate_pin_cut(shorter));
    cr_expect_null(gate_pin_cut(NULL));
}

Test(gate_pin, knows_the_authority)
{
    struct failure failure = {0};
    struct authority *authority = authority_new("gates", 3600, &failure);
    struct certificate_pair pair = {0};
    char pin[65];

    cr_assert_not_null(authority, "%s", failure.text);
    cr_assert(authority_pair(authority, &pair, &failure) == 0);
    authority_pin(authority, pin);
    expect_int(gate_pin_check(pin, slice_of(pair.certificate), &failure), 0);
    expect_int(gate_pin_check(NULL, SLICE("anything"), &failure), 0);
    expect_int(gate_pin_check(PIN, slice_of(pair.certificate), &failure), -1);
    expect_int(failure.kind, FAILURE_DENIED);
    expect_int(gate_pin_check(pin, SLICE("rubbish"), &failure), -1);
    expect_int(failure.kind, FAILURE_INVALID);
    certificate_pair_deinit(&pair);
    authority_free(&authority);
}
