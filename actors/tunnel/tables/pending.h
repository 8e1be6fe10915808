/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The requests of one link: those that wait for their turn, and those that are written and not yet
 * answered. Pure: no I/O, no clock (times are arguments, monotonic ns), no messages sent.
 *
 * A request is *waiting*, then *written*, then out: answered, expired, cancelled or taken. The
 * caller owns it throughout and gets it back exactly once, from the function that takes it out. A
 * written request whose requester died stays as a tombstone (is_cancelled), because replies are
 * matched by order alone.
 *
 * Turns. Requesters are distinguished by key. Each key has a *tag*, its position in a virtual clock
 * that counts the bytes served to each key. The turn goes to the key with the smallest tag, and the
 * clock advances to that tag. A turn costs PENDING_TURN_BYTES at once and the bytes of the reply
 * when it arrives, so a key that got more than its share waits until the others have caught up. A
 * key that returns after a pause starts one turn after the clock: debt outlasts a pause, credit
 * does not, and newcomers cannot delay a key without limit. Between two keys that always have a
 * request waiting, the service (bytes and turns) differs by no more than the window holds.
 *
 * Window. A written request cannot be dropped or reordered any more. The window limits them so that
 * a reply takes about PENDING_TARGET_NS at most. A slower reply shrinks the window in
 * proportion, once per window. Answers within half that time grow it by one each, while it is the
 * limit.
 *
 * Memory: about 70 bytes while idle. The first request creates the tables (about 1.2 KiB, and 80
 * bytes per key), which stay until pending_trim, so that a steady flow allocates nothing.
 */
#ifndef TUNNEL_PENDING_H
#define TUNNEL_PENDING_H

#include "base/seams.h"
#include "tunnel/tables/pending_request.h"

#define PENDING_TURN_BYTES 4096u     /* cost of a turn, without the reply */
#define PENDING_TARGET_NS (1 * RT_S) /* from written to answered, about the maximum */
#define PENDING_DEBTORS_MAX 64u      /* keys remembered for their debt; the oldest is dropped */
#define PENDING_RESERVE_MIN (16u * 1024u) /* memory reserved for a reply, bytes */
#define PENDING_RESERVE_MAX (1024u * 1024u)

struct pending_tables;

struct pending {
    struct rt_list waiting; /* by deadline */
    struct rt_list written; /* by the order of the replies to come */
    struct pending_tables *tables;
    uint64_t turn_clock; /* bytes */
    uint64_t shrunk_ns;  /* when the window last shrank */
    uint32_t waiting_count, written_count;
    uint32_t window;
    uint32_t reply_bytes; /* recent size of replies */
};

void pending_init(struct pending *p);
/* No request may be waiting or written. */
void pending_fini(struct pending *p);
/* Frees the tables, and the debts in them, if no request is waiting or written. */
void pending_trim(struct pending *p);

/*
 * Adds r as waiting, by its key, requester and deadline_ns. Returns NULL, or a request that is
 * out again for lack of room:
 *  - r itself, if its key has LIM_QUEUED_PER_KEY waiting or the queue LIM_QUEUED_PER_TUNNEL;
 *  - in a full queue, the newest request of the key with the most waiting, if that key has at least
 *    two more than r's key.
 */
struct pending_request *pending_add(struct pending *p, struct pending_request *r);

/* A request is waiting and the window has room. */
static inline bool pending_can_write(const struct pending *p)
{
    return p->waiting_count > 0 && p->written_count < p->window;
}

/* Moves the request whose turn it is to written and returns it. Requires pending_can_write. */
struct pending_request *pending_write(struct pending *p, uint64_t now_ns);

/* A reply of this size arrived. Returns its request, now out. NULL: no request is written. */
struct pending_request *pending_answered(struct pending *p, uint32_t bytes, uint64_t now_ns);

/*
 * The requester at this address has left. Returns one of its waiting requests, now out; call until
 * NULL. Its written requests stay, as tombstones if drop_written. Sets *out_found if it had any
 * request.
 */
struct pending_request *pending_cancel(struct pending *p, struct rt_addr requester,
                                       bool drop_written, bool *out_found);

/* The next waiting request whose deadline has passed (now out), or NULL. */
struct pending_request *pending_expired(struct pending *p, uint64_t now_ns);
/* The earliest deadline of the waiting requests; UINT64_MAX: none. */
uint64_t pending_next_deadline(const struct pending *p);

/* The request that the next reply belongs to, or NULL; it stays in. */
struct pending_request *pending_oldest_written(const struct pending *p);

/* When the link ends: the next waiting request by deadline, the next written one by order, now out;
 * NULL: none left. */
struct pending_request *pending_take_waiting(struct pending *p);
struct pending_request *pending_take_written(struct pending *p);

/* Bytes to reserve for the next reply, from the recent size of replies: PENDING_RESERVE_MIN to
 * PENDING_RESERVE_MAX. */
uint32_t pending_reserve(const struct pending *p);

#endif
