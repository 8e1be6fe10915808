/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A worker's inbox: pushed by any thread, drained by its worker. inbox.c is the only lock-free file
 * of the daemon.
 *
 * A stack with one swap to take all of it: there is no pop of single nodes, so no ABA, and a node
 * may be freed as soon as it was drained. Reversing a batch gives FIFO per sender.
 *
 * Invariant of waking: while is_raised is 1, the consumer will lower it and then drain before it
 * sleeps. So a thread that finds the flag raised need not wake the consumer, and a thread that
 * raises it (0 -> 1) must.
 */
#ifndef RT_INBOX_H
#define RT_INBOX_H

#include <stdbool.h>

#include "actor/actor.h"

struct rt_inbox {
    struct rt_msg *head;    /* newest first */
    unsigned int is_raised; /* shares the head's cache line, which a pusher owns anyway */
};

void rt_inbox_init(struct rt_inbox *in);

/* Any thread; m moves in. True: the caller must wake the consumer. */
bool rt_inbox_push(struct rt_inbox *in, struct rt_msg *m);

/* The consumer only, as all below. */

/* Everything pushed so far, oldest first, linked by next, and its last; NULL when empty. */
struct rt_msg *rt_inbox_drain(struct rt_inbox *in, struct rt_msg **out_last);
/* The consumer is running and needs no wake-up: it will lower the flag and drain once more. */
void rt_inbox_raise(struct rt_inbox *in);
/* From here on a push wakes. Drain after this, before sleeping. */
void rt_inbox_lower(struct rt_inbox *in);

#endif
