/* SPDX-License-Identifier: MPL-2.0 */
/* Plan: the laws over tcp_tls, on both address families, and what tcp_tls owes beside them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench.h"
#include "tcp_tls_tests.h"

const struct relay_transport *relay_transport_v1(void);

int main(void)
{
    struct cf_subject v4 = {
        .transport = relay_transport_v1(),
        .driver = &cf_driver_uv,
        .address = "127.0.0.1",
        .has_dead_ports = true,
    };
    struct cf_subject v6 = v4;
#define X(function, text) {text, function, NULL, cf_bench_forget, &v4},
    const struct CMUnitTest own[] = {TCP_TLS_TEST_LIST(X)};
#undef X

    v6.address = "::1";
    return cf_run(&v4) + cf_run(&v6) +
                       cmocka_run_group_tests_name("tcp_tls and strangers", own, NULL, NULL) ==
                   0
               ? 0
               : 1;
}
