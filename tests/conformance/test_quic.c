/* SPDX-License-Identifier: MPL-2.0 */
/* Plan: the laws over quic, on both address families, and what quic owes beside them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench.h"

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

    v6.address = "::1";
    return cf_run(&v4) + cf_run(&v6) == 0 ? 0 : 1;
}
