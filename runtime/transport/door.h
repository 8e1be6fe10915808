/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The door: admission of connections, before any handshake work and in constant memory. One per
 * relay, shared by its workers; relaxed atomics only.
 */
#ifndef RT_DOOR_H
#define RT_DOOR_H

#include <sys/socket.h>

#include "base/sketch.h"
#include "transport/conn.h"

/* An address prefix: IPv4 /32 (also of an IPv4 address inside an IPv6 one, base/ip.h), IPv6 /56.
 * Comparable by bytes. */
struct rt_prefix {
    uint8_t bytes[8]; /* family marker (4 or 6), then 4 or 7 bytes of address */
    bool is_loopback; /* 127/8, also mapped, or ::1 */
};
void rt_prefix_of(const struct sockaddr *addr, struct rt_prefix *out);

/* Admits one connection of the prefix, or counts and logs the limit that refuses it. rt_door_leave
 * gives a success back. */
bool rt_door_enter(struct rt_door *d, const struct rt_prefix *p);
void rt_door_leave(struct rt_door *d, const struct rt_prefix *p);

/* Half-open connections one worker may hold. */
uint32_t rt_door_half_open_max(const struct rt_door *d);

#endif
