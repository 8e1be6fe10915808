/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The registry of message kinds. A room that defines messages has one line in RT_MSG_ROOMS; its
 * position is its number, so no two rooms share a kind. The kinds themselves are an enum in the
 * room's X_msg.h.
 *
 * A kind is the room's number, a bit for requests, a bit for replies, and a number within the room.
 * A request and its reply have the same number, so the kind of the reply follows from the kind of
 * the request.
 */
#ifndef RT_MSG_KINDS_H
#define RT_MSG_KINDS_H

#include <stdbool.h>
#include <stdint.h>

#define RT_MSG_ROOMS(X)                                                                            \
    X(HOST)      /* runtime/host */                                                                \
    X(CONN)      /* runtime/transport/conn */                                                      \
    X(SESSION)   /* actors/session */                                                              \
    X(TUNNEL)    /* actors/tunnel: links */                                                        \
    X(SLOTS)     /* actors/tunnel: the slots authority */                                          \
    X(DHT)       /* actors/dht */                                                                  \
    X(STORAGE)   /* actors/storage */                                                              \
    X(ANNOUNCER) /* actors/announcer */                                                            \
    X(RELAY)     /* actors/relay */                                                                \
    X(LOADGEN)   /* tools/loadgen */                                                               \
    X(TEST)      /* unit tests and benchmarks */

enum rt_msg_room {
#define X(room) RT_MSG_ROOM_##room,
    RT_MSG_ROOMS(X)
#undef X
        RT_MSG_ROOM_COUNT,
};

#define RT_KIND_ROOM_SHIFT 8
#define RT_KIND_IS_REQUEST 0x8000u
#define RT_KIND_IS_REPLY 0x80u

_Static_assert((RT_MSG_ROOM_COUNT - 1) << RT_KIND_ROOM_SHIFT < RT_KIND_IS_REQUEST,
               "a room's number must not reach the request bit");

/* n: 0 to 127. A request owes its sender a reply, a notification owes none. */
#define RT_NOTIFY_KIND(room, n) (RT_MSG_ROOM_##room << RT_KIND_ROOM_SHIFT | (n))
#define RT_REQUEST_KIND(room, n) (RT_NOTIFY_KIND(room, n) | RT_KIND_IS_REQUEST)
#define RT_REPLY_KIND(room, n) (RT_NOTIFY_KIND(room, n) | RT_KIND_IS_REPLY)

static inline bool rt_kind_is_request(uint16_t kind)
{
    return (kind & RT_KIND_IS_REQUEST) != 0;
}

static inline bool rt_kind_is_reply(uint16_t kind)
{
    return (kind & RT_KIND_IS_REPLY) != 0;
}

/* The kind of the reply to a request of this kind. */
static inline uint16_t rt_kind_of_reply(uint16_t request)
{
    return (uint16_t)((request & ~RT_KIND_IS_REQUEST) | RT_KIND_IS_REPLY);
}

#endif
