/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Host names to addresses, without blocking a worker. A seam: actors are given a struct
 * rt_resolver, of the operating system here, of the simulated world in tests.
 */
#ifndef RT_RESOLVER_H
#define RT_RESOLVER_H

#include <sys/socket.h>

#include "actor/actor.h"

enum rt_resolver_kind {
    RT_RESOLVE = RT_REQUEST_KIND(HOST, 1), /* struct rt_resolve */
    RT_RESOLVED = RT_REPLY_KIND(HOST, 1),  /* the same block, back */
};
#define RT_RESOLVE_ADDRS_MAX 8u

/* The question, and the same block as its answer: sent to msg.reply_to as RT_RESOLVED. */
struct rt_resolve {
    struct rt_msg msg;
    char host[256]; /* a name, or a literal address */
    uint16_t port;
    rt_err err;     /* answer: OK, NOT_FOUND, SYSTEM */
    uint32_t count; /* answer: addresses, in the system's order of preference */
    struct sockaddr_storage addrs[RT_RESOLVE_ADDRS_MAX];
};

/* Zeroed, except for the host, the port and the address of the reply. A host of 256 bytes or more
 * is truncated. */
struct rt_resolve *rt_resolve_new(const char *host, uint16_t port, struct rt_addr reply_to);

struct rt_resolver {
    /* q moves in; always answered. On w's thread. */
    void (*resolve)(void *ctx, struct rt_worker *w, struct rt_resolve *q);
    void *ctx;
};

/* The system's resolver, on the thread pool of the worker's loop (host/loop_uv). */
extern const struct rt_resolver rt_resolver_uv;

#endif
