/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A UDP datagram as it goes through the plugin, in either direction: read, dispatched, deferred,
 * handed to another worker, given to an engine, written.
 */
#ifndef QUIC_DATAGRAM_H
#define QUIC_DATAGRAM_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/list.h"

union quic_addr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static inline socklen_t quic_addr_len(const union quic_addr *a)
{
    return a->any.sa_family == AF_INET6 ? sizeof(a->v6) : sizeof(a->v4);
}

/* Casts an address that is stored in a union of at least this size, as the library's addresses are.
 */
static inline const union quic_addr *quic_addr_of(const struct sockaddr *a)
{
    return (const union quic_addr *)(const void *)a;
}

/*
 * One datagram, or several in a row that the kernel joins or splits: of one path and one ECN mark,
 * `segment` bytes each, the last one maybe shorter. Addresses and bytes are borrowed.
 */
struct quic_datagram {
    const union quic_addr *local, *remote;
    const uint8_t *bytes;
    size_t len, segment;
    const struct quic_datagram *next; /* read: more of the same connection; NULL: no more */
    uint8_t ecn;                      /* read: its mark; written datagrams have none */
};

/* A datagram with a copy of its addresses and bytes, which `d` points at; freed with free(). */
struct quic_kept {
    struct rt_list node;
    struct quic_socket *socket; /* deferred: counted; else NULL */
    _Atomic uint32_t *charged;  /* between workers: the bytes under way, these included */
    struct quic_datagram d;
    union quic_addr local, remote;
    uint8_t bytes[];
};

struct quic_kept *quic_kept_new(const struct quic_datagram *d); /* d->next is left out */
/* The first of the list, unlinked; NULL: it is empty. */
struct quic_kept *quic_kept_pop(struct rt_list *list);

#endif
