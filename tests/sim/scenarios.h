/* SPDX-License-Identifier: MPL-2.0 */
/* The list of scenarios; each is described above its function. */
#ifndef SIM_SCENARIOS_H
#define SIM_SCENARIOS_H

#include "harness.h"

/* X(name) */
#define SIM_SCENARIO_LIST(X)                                                                       \
    /* scenarios_tunnel.c */                                                                       \
    X(many)                                                                                        \
    X(storm)                                                                                       \
    X(silent_node)                                                                                 \
    X(slow_node)                                                                                   \
    X(queue_deadline)                                                                              \
    X(vanishing)                                                                                   \
    X(half_close)                                                                                  \
    X(oversize_answer)                                                                             \
    X(fair_turns)                                                                                  \
    X(two_relays)                                                                                  \
    X(stalls)                                                                                      \
    X(unknown_slot)                                                                                \
    /* scenarios_links.c */                                                                        \
    X(newest_link)                                                                                 \
    X(fourth_link)                                                                                 \
    X(silent_link)                                                                                 \
    X(roaming)                                                                                     \
    /* scenarios_hostile.c */                                                                      \
    X(bad_hello)                                                                                   \
    X(half_open)                                                                                   \
    X(bad_request)                                                                                 \
    X(bad_inner)                                                                                   \
    X(bad_frame)                                                                                   \
    X(unasked_frame)                                                                               \
    X(slow_writers)                                                                                \
    /* scenarios_limits.c */                                                                       \
    X(prefix_limit)                                                                                \
    X(relay_rate)                                                                                  \
    X(other_rates)                                                                                 \
    X(max_tunnels)                                                                                 \
    X(slow_readers)                                                                                \
    X(unread_answers)                                                                              \
    /* scenarios_life.c */                                                                         \
    X(shutdown)                                                                                    \
    X(idle)                                                                                        \
    X(temporary_slots)                                                                             \
    /* scenarios_dht.c */                                                                          \
    X(network_of_two)                                                                              \
    X(announced)                                                                                   \
    X(restart)                                                                                     \
    /* scenario_chaos.c */                                                                         \
    X(chaos)

#define X(name) void scenario_##name(struct sim *s);
SIM_SCENARIO_LIST(X)
#undef X

#endif
