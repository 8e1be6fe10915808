/* SPDX-License-Identifier: MPL-2.0 */
/* Receive buffers for the tests of udp_io: one set for each test or group. */
#ifndef UDP_BUFFERS_H
#define UDP_BUFFERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "quic/udp_io.h"

static struct quic_udp_buffers *buffers;

static int buffers_setup(void **state)
{
    (void)state;
    buffers = quic_udp_buffers_new();
    return 0;
}

static int buffers_teardown(void **state)
{
    (void)state;
    quic_udp_buffers_free(&buffers);
    return 0;
}

/* Of one datagram. */
static int read_one(const struct quic_udp *u, struct quic_datagram *out)
{
    struct quic_datagram in[QUIC_READ_BATCH];
    unsigned count = 0;
    int error = quic_udp_read(u, buffers, in, &count);

    assert_int_equal(count, error ? 0 : 1);
    if (error == 0)
        *out = in[0];
    return error;
}

#endif
