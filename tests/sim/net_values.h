/* SPDX-License-Identifier: MPL-2.0 */
/* Values of every kind for simulated networks: valid, signed, with the dialects that accept them.
 */
#ifndef SIM_NET_VALUES_H
#define SIM_NET_VALUES_H

#include "network.h"

/* Makes a value of the kind, issued at now_s. number: its subject, with keys of its own; a hint and
 * CommunityMembers of the same number share a key. seq: the version. Manifests and announcements
 * are not among the kinds. */
void net_value_make(enum wire_value_kind kind, uint32_t number, uint64_t seq, uint64_t now_s,
                    struct net_value *out);

#endif
