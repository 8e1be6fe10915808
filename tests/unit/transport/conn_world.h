/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A fake transport plugin that records the calls of the room, consumers that record their events,
 * and a virtual clock. The test plays the network.
 */
#ifndef TEST_CONN_WORLD_H
#define TEST_CONN_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/budget.h"
#include "base/metric.h"
#include "transport/conn.h"

struct relay_conn {
    void *user;
    bool is_paused, is_closed;
    enum relay_close how;
    uint32_t pauses;
    size_t sent_bytes;
    struct relay_vec held[8]; /* output that does not leave */
    uint32_t held_count;
    bool keeps_output;
};

#define SEEN_MAX 64

struct consumer {
    struct rt_conn *conn;
    uint32_t frames, discarded, eofs, drains, endings, received;
    uint32_t lens[SEEN_MAX];
    uint8_t first[SEEN_MAX];
    bool was_owned[SEEN_MAX];
    bool holds;
    enum rt_conn_end how;
    uint32_t frames_at_eof;
};

extern struct consumer consumers[64];
extern uint32_t consumer_count;
extern struct rt_worker *worker;

int setup_with(uint32_t half_open_max, uint32_t per_prefix_max);
int setup(void **state);    /* cmocka's */
int teardown(void **state); /* checks that nothing is left */

/* Lets time pass, then turns the worker until it has nothing to do. */
void turn(uint64_t advance_ns);
/* A peer connects; NULL: refused at the door. */
struct relay_conn *admit(const char *ip);
/* The plugin says closed; c is gone. */
void plugin_closed(struct relay_conn *c, enum relay_end end);
/* Bytes of one frame whose body counts up from first; returns their number. */
size_t put_frame(uint8_t *out, uint32_t len, uint8_t first);
/* Hands over bytes in pieces of at most `piece`. Returns what went in before a pause; *out_wants is
 * data's last answer. */
size_t deliver(struct relay_conn *c, const uint8_t *bytes, size_t len, size_t piece,
               bool *out_wants);

#endif
