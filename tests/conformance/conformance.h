/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The transport conformance suite: whether a transport keeps the laws of abi/relay_transport.h.
 *
 * It makes one worker, listens and dials with the transport under test, so that both ends of every
 * connection are the transport's, and watches all events: order, exactly one `closed`, nothing from
 * inside a verb, every byte in its place, nothing left at the end. A plugin's author links it:
 *
 *     #include "conformance/conformance.h"
 *     int main(void)
 *     {
 *         return cf_run(&(struct cf_subject){.transport = relay_transport_v1(),
 *                                            .driver = &cf_driver_uv,
 *                                            .address = "127.0.0.1"});
 *     }
 *
 * The author tests protocol-specific behaviour (garbage, half-closes, resets) separately,
 * with the same tools (bench.h).
 */
#ifndef CF_CONFORMANCE_H
#define CF_CONFORMANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "abi/relay_transport.h"

/*
 * The host side of a run: an event loop, or a simulated world. One is open at a time.
 */
struct cf_driver {
    /* A fresh host with one worker, whose connections raise `events`. */
    void *(*open)(const struct relay_events *events, const struct relay_host **out_host,
                  struct relay_worker **out_worker);
    /* The transport's worker_fini has been called: lets the loop close what is still closing.
     * Returns how many handles or other remains there are that should not be. */
    size_t (*close)(void *d);
    /* Runs the loop once; sleeps at most max_wait_ns while nothing happens. */
    void (*turn)(void *d, uint64_t max_wait_ns);
    uint64_t (*now_ns)(void *d);
    /* Buffers given out by buf_new that are alive, and their bytes. */
    size_t (*buffers_live)(const void *d);
    size_t (*bytes_live)(const void *d);
    /* From now on buf_new refuses what would take bytes_live past max. */
    void (*set_bytes_max)(void *d, size_t max);
};

/* A uv loop, the system's clock and randomness; malloc behind buf_new. */
extern const struct cf_driver cf_driver_uv;

struct cf_subject {
    const struct relay_transport *transport;
    const struct cf_driver *driver;
    const char *address; /* a numeric address to listen on; the port is 0 */
    bool has_dead_ports; /* dialling a port without a listener is refused at once, as TCP does */
};

/* Runs every law; the number of those broken. Prints the seed of its random sizes
 * (RELAY_TEST_SEED sets it). */
int cf_run(const struct cf_subject *s);

#endif
