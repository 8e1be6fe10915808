/* SPDX-License-Identifier: MPL-2.0 */
/* Invariant: a probe is in flight only while there is a limit, and is longer than the limit. */
#include "mtu.h"

const uint16_t quic_mtu_sizes[QUIC_MTU_SIZES] = {1452, 1444, 1392, 1342, 1232};

static void remove_limit(struct quic_mtu *m)
{
    m->limit = m->failed = QUIC_MTU_NONE;
    m->wait_ns = QUIC_MTU_WAIT_NS;
    m->is_probing = false;
}

void quic_mtu_init(struct quic_mtu *m)
{
    *m = (struct quic_mtu){0};
    remove_limit(m);
}

/* The next size below the one that has failed; after the least one, the largest again. */
static uint16_t next_size(const struct quic_mtu *m, size_t path_max)
{
    for (unsigned i = 0; i < QUIC_MTU_SIZES; i++) {
        uint16_t size = quic_mtu_sizes[i];

        if (size <= path_max && size > m->limit && size < m->failed)
            return size;
    }
    return (uint16_t)path_max;
}

size_t quic_mtu_next(struct quic_mtu *m, size_t path_max, uint64_t unsent, uint64_t now_ns)
{
    if (path_max <= m->limit) {
        remove_limit(m);
        return m->limit;
    }
    if (m->is_probing || now_ns < m->raise_ns || unsent < path_max)
        return m->limit;
    m->size = next_size(m, path_max);
    return m->size;
}

static void fail_probe(struct quic_mtu *m, uint64_t now_ns)
{
    m->is_probing = false;
    m->failed = m->size;
    m->wait_ns = 2 * m->wait_ns < QUIC_MTU_WAIT_MAX_NS ? 2 * m->wait_ns : QUIC_MTU_WAIT_MAX_NS;
    m->raise_ns = now_ns + m->wait_ns;
}

static void pass_probe(struct quic_mtu *m, uint64_t now_ns)
{
    m->is_probing = false;
    m->limit = m->size;
    m->failed = QUIC_MTU_NONE;
    m->raise_ns = now_ns + QUIC_MTU_WAIT_NS; /* the path may have grown: it may pass more */
}

void quic_mtu_wrote(struct quic_mtu *m, size_t n, uint64_t sent, bool is_repeat, uint64_t now_ns)
{
    if (m->is_probing && is_repeat) {
        fail_probe(m, now_ns);
    } else if (n > m->limit && !m->is_probing) {
        m->is_probing = !is_repeat; /* an acknowledgement may be that of an earlier packet */
        m->probe_end = sent;
        m->raise_ns = now_ns + m->wait_ns;
    }
    if (n <= QUIC_MTU_MIN)
        return;
    if (m->since_ns == 0)
        m->since_ns = now_ns;
    m->last_ns = now_ns;
    m->long_end = sent;
}

void quic_mtu_acked(struct quic_mtu *m, uint64_t acked, uint64_t now_ns)
{
    if (acked == m->acked)
        return;
    m->acked = acked;
    m->since_ns = 0;
    if (m->is_probing && acked >= m->probe_end)
        pass_probe(m, now_ns);
}

/* True: the limit was longer. */
static bool fall_back(struct quic_mtu *m, uint64_t now_ns)
{
    m->since_ns = m->long_end = 0;
    if (m->is_probing)
        fail_probe(m, now_ns);
    if (m->limit == QUIC_MTU_MIN)
        return false;
    m->limit = QUIC_MTU_MIN;
    m->failed = QUIC_MTU_NONE;
    m->wait_ns = QUIC_MTU_WAIT_NS;
    m->raise_ns = now_ns + m->wait_ns;
    return true;
}

bool quic_mtu_check(struct quic_mtu *m, uint64_t pto_ns, uint64_t now_ns)
{
    uint64_t start = m->since_ns ? m->since_ns : m->last_ns;

    if (!quic_mtu_has_long(m) || now_ns - start < QUIC_MTU_PTOS * pto_ns)
        return false;
    return fall_back(m, now_ns);
}

bool quic_mtu_refused(struct quic_mtu *m, size_t n, uint64_t now_ns)
{
    if (n <= QUIC_MTU_MIN)
        return false;
    if (m->is_probing && n > m->limit) {
        fail_probe(m, now_ns);
        return false;
    }
    return fall_back(m, now_ns);
}
