/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The requests of one link: who waits, whose turn it is, what was written and is not answered yet.
 * Pure: no I/O, no clock (time is an argument, monotonic ns), no messages; tunnel.c acts on it.
 *
 * A request is *waiting*, then *written*, then out: answered, expired, cancelled or taken away.
 * While it is in here it belongs to the caller all the same, who gets it back exactly once, through
 * the one function that takes it out. A written request whose requester died stays as a tombstone
 * (is_cancelled), because answers are matched by order alone.
 *
 * Turns. Requesters are told apart by key. Each key has a *tag*, in bytes: where it stands in a
 * virtual clock of the bytes the link has served to each. A turn goes to the key with the smallest
 * tag and moves the clock there; it costs PENDING_TURN_BYTES at once and the answer's bytes when
 * the answer comes, so whoever got more than its share waits until the others have caught up. Who
 * comes back after a pause starts one turn behind the clock: debt outlasts a pause, credit does
 * not, and newcomers cannot push anybody back for ever. Hence, between two keys that both always
 * wait, what was served (bytes and turns) differs by no more than what the window holds.
 *
 * Window. Written requests can be neither dropped nor reordered any more, so there are only so many
 * that an answer takes PENDING_TARGET_NS at most: a slower answer shrinks the window in proportion,
 * once per window; answers in half that time let it grow by one each while it is what limits.
 *
 * Memory: about 70 bytes while idle; the tables are made by the first request and stay (about 1.2
 * KiB and 80 bytes per key) until pending_trim, so that a steady flow allocates nothing.
 */
#ifndef TUNNEL_PENDING_H
#define TUNNEL_PENDING_H

#include "tunnel/tunnel_msg.h"

#define PENDING_TURN_BYTES 4096u          /* what a turn costs besides the answer's bytes */
#define PENDING_TARGET_NS (1 * RT_S)      /* written to answered, at most about so long */
#define PENDING_DEBTORS_MAX 64u           /* keys remembered for what they owe, oldest out */
#define PENDING_RESERVE_MIN (16u * 1024u) /* memory reserved for an answer, bytes */
#define PENDING_RESERVE_MAX (1024u * 1024u)

struct pending_tables;

struct pending {
    struct rt_list waiting; /* by deadline */
    struct rt_list written; /* by the order of the answers to come */
    struct pending_tables *tables;
    uint64_t turn_clock; /* bytes */
    uint64_t shrunk_ns;  /* when the window last shrank */
    uint32_t waiting_count, written_count;
    uint32_t window;
    uint32_t answer_bytes; /* what answers weigh lately */
};

void pending_init(struct pending *p);
/* Nothing may be waiting or written. */
void pending_fini(struct pending *p);
/* Gives the tables back when nothing is waiting or written; forgets who owes. */
void pending_trim(struct pending *p);

/*
 * r begins to wait, by its requester, reply_to and deadline_ns. Returns NULL, or the request that
 * has no place (out again): r itself, over LIM_QUEUED_PER_KEY or in a queue of
 * LIM_QUEUED_PER_TUNNEL; or, in a full queue, the newest one of the key that waits with the most,
 * if that has at least two more than r's.
 */
struct tunnel_request *pending_add(struct pending *p, struct tunnel_request *r);

/* Somebody waits and the window has room. */
static inline bool pending_can_write(const struct pending *p)
{
    return p->waiting_count > 0 && p->written_count < p->window;
}

/* The request whose turn it is: now written. pending_can_write must hold. */
struct tunnel_request *pending_write(struct pending *p, uint64_t now_ns);

/* An answer of so many bytes has come: for this request, now out. NULL: nothing was asked. */
struct tunnel_request *pending_answered(struct pending *p, uint32_t bytes, uint64_t now_ns);

/*
 * The requester at that address has left. Returns a request of its that waited (now out); call
 * until NULL. Its written ones stay, as tombstones if drop_written. *out_found becomes true if
 * there was anything of its.
 */
struct tunnel_request *pending_cancel(struct pending *p, struct rt_addr requester,
                                      bool drop_written, bool *out_found);

/* The next waiting request whose deadline has passed (now out), or NULL. */
struct tunnel_request *pending_expired(struct pending *p, uint64_t now_ns);
/* The earliest deadline of those waiting; UINT64_MAX: none. */
uint64_t pending_next_deadline(const struct pending *p);

/* The one whose answer is to come next, or NULL; it stays in. */
struct tunnel_request *pending_oldest_written(const struct pending *p);

/* The link ends: the next waiting one by deadline, the next written one by order; NULL: no more. */
struct tunnel_request *pending_take_waiting(struct pending *p);
struct tunnel_request *pending_take_written(struct pending *p);

/* Bytes to reserve for the next answer: PENDING_RESERVE_MIN to _MAX, by what answers weigh lately.
 */
uint32_t pending_reserve(const struct pending *p);

#endif
