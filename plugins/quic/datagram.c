/* SPDX-License-Identifier: MPL-2.0 */
#include "datagram.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

struct quic_kept *quic_kept_new(const struct quic_datagram *d)
{
    struct quic_kept *k = malloc(sizeof(*k) + d->len);

    if (!k)
        abort();
    memset(k, 0, sizeof(*k));
    rt_list_init(&k->node);
    k->d = *d;
    k->d.local = &k->local;
    k->d.remote = &k->remote;
    k->d.bytes = k->bytes;
    k->d.next = NULL;
    memcpy(&k->local, d->local, quic_addr_len(d->local));
    memcpy(&k->remote, d->remote, quic_addr_len(d->remote));
    memcpy(k->bytes, d->bytes, d->len);
    return k;
}

struct quic_kept *quic_kept_pop(struct rt_list *list)
{
    struct rt_list *n = rt_list_pop_front(list);

    return n ? RT_CONTAINER_OF(n, struct quic_kept, node) : NULL;
}
