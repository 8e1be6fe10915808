/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A fake of runtime/transport/conn for the rooms above it: records what its consumer does with a
 * connection. The test plays the network through `ops`.
 */
#ifndef TEST_FAKE_CONN_H
#define TEST_FAKE_CONN_H

#include "transport/conn.h"

struct rt_conn {
    struct rt_worker *worker;
    const struct rt_conn_ops *ops;
    void *user;
    uint32_t frame_max, keep_max;
    uint64_t idle_ns;
    bool is_held, is_closed, is_ended, is_authenticated, expects_more;
    bool keeps_output; /* the peer does not read: nothing leaves */
    enum relay_close how;
    size_t unsent;
    uint8_t *sent; /* all that was written */
    size_t sent_len, sent_cap, sent_read;
};

#endif
