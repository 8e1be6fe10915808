/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Our limit of the packet size on a path whose MTU shrinks. The library finds the MTU of a path
 * once, with probes, and never goes below the size that it has found.
 *
 *              stalled, or refused            probe acknowledged
 *     none -----------------------> 1,200 <---------------------> a longer size
 *       ^                                                              |
 *       +--------------------------------------------------------------+
 *              the limit is the path's maximum, or the path is a new one
 *
 * A long packet is one of more than QUIC_MTU_MIN bytes. The path is stalled when long packets are
 * in flight and no byte of the stream has been acknowledged for QUIC_MTU_PTOS probe timeouts. The
 * limit is probed with one packet of new data, which is longer than the limit. The probe has
 * arrived if its bytes are acknowledged before anything is sent again.
 *
 * Pure functions; O(1) for each packet.
 */
#ifndef QUIC_MTU_H
#define QUIC_MTU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUIC_MTU_MIN 1200u       /* bytes; every path of QUIC carries them (RFC 9000, section 14) */
#define QUIC_MTU_NONE UINT16_MAX /* no limit of ours */
/* Three losses of the same bytes in a row are rare on a path that only loses. */
#define QUIC_MTU_PTOS 3u
/* Wait before a probe: at first short, as a false alarm costs a sixth of the rate; doubled by each
 * failed probe, which costs a lost packet, up to PMTU_RAISE_TIMER (RFC 8899, section 5.1.1). */
#define QUIC_MTU_WAIT_NS UINT64_C(1000000000)
#define QUIC_MTU_WAIT_MAX_NS UINT64_C(600000000000)

/* Packet sizes to probe, the most likely first, so that most connections need one probe: Ethernet,
 * PPPoE, common tunnels, the IPv6 minimum (each less 48 bytes of IPv6 and UDP). */
#define QUIC_MTU_SIZES 5u
extern const uint16_t quic_mtu_sizes[QUIC_MTU_SIZES];

/* Offsets are those of the stream's bytes that we send. */
struct quic_mtu {
    uint64_t acked;     /* bytes before it are acknowledged */
    uint64_t long_end;  /* after the last long packet */
    uint64_t probe_end; /* after the probe in flight */
    uint64_t since_ns;  /* the first long packet since the last progress; 0: none */
    uint64_t last_ns;   /* the last long packet */
    uint64_t raise_ns;  /* when a probe is due */
    uint64_t wait_ns;   /* after a probe that fails, twice as long */
    uint16_t limit;     /* of the next packet; QUIC_MTU_NONE: none */
    uint16_t size;      /* of the next probe, or of the one in flight */
    uint16_t failed;    /* size of the last probe, if it has failed; else QUIC_MTU_NONE */
    bool is_probing;    /* a probe is in flight */
};

void quic_mtu_init(struct quic_mtu *m);

static inline bool quic_mtu_has_limit(const struct quic_mtu *m)
{
    return m->limit != QUIC_MTU_NONE;
}

/*
 * The maximum of the next packet where there is a limit: the limit, or the size of a probe.
 * path_max: the library's maximum; unsent: bytes of the stream, as only a full packet probes.
 */
size_t quic_mtu_next(struct quic_mtu *m, size_t path_max, uint64_t unsent, uint64_t now_ns);
/* A packet of n bytes, no probe of the library's, was written. sent: the offset after the last byte
 * sent so far; is_repeat: the packet holds bytes that were sent before. */
void quic_mtu_wrote(struct quic_mtu *m, size_t n, uint64_t sent, bool is_repeat, uint64_t now_ns);
/* All bytes before the offset are acknowledged. */
void quic_mtu_acked(struct quic_mtu *m, uint64_t acked, uint64_t now_ns);

/* True if long packets are in flight. quic_mtu_check decides whether the path is stalled. */
static inline bool quic_mtu_has_long(const struct quic_mtu *m)
{
    return m->long_end > m->acked;
}

/* Limits the packets if the path is stalled. True: the limit has become QUIC_MTU_MIN. */
bool quic_mtu_check(struct quic_mtu *m, uint64_t pto_ns, uint64_t now_ns);
/* The system has refused a packet of n bytes, no probe of the library's, as too long. True:
 * likewise. */
bool quic_mtu_refused(struct quic_mtu *m, size_t n, uint64_t now_ns);

#endif
