/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the laws over quic, on both address families, and once more where every client has to prove
 * its address first, where the kernel often takes no more, and where it neither joins nor splits
 * datagrams; then what quic owes beside them.
 */
#include "quic_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

const struct relay_transport *relay_transport_v1(void);

static int forget(void **state)
{
    memset(&quic_ways, 0, sizeof(quic_ways));
    return cf_bench_forget(state);
}

int main(void)
{
    struct cf_subject v4 = {
        .transport = relay_transport_v1(),
        .driver = quic_driver(),
        .address = "127.0.0.1",
        .has_dead_ports = true,
    };
    struct cf_subject v6 = v4;
#define X(function, text) {text, function, NULL, forget, &v4},
    const struct CMUnitTest own[] = {QUIC_TEST_LIST(X)};
#undef X
    int failed;

    v6.address = "::1";
    failed = cf_run(&v4) + cf_run(&v6);
    quic_ways.retry = "always";
    failed += cf_run(&v4);
    quic_ways = (struct quic_host_ways){.full_every = 4};
    failed += cf_run(&v4);
    quic_ways = (struct quic_host_ways){.is_kernel_old = true};
    failed += cf_run(&v4);
    quic_ways = (struct quic_host_ways){0};
    failed += cmocka_run_group_tests_name("quic and strangers", own, NULL, NULL);
    return failed == 0 ? 0 : 1;
}
