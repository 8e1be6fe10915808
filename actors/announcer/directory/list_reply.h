/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Encodes the reply to a RelayListRequest (message 461): our own announcement first, then listed
 * relays drawn at random. Pure.
 */
#ifndef ANNOUNCER_LIST_REPLY_H
#define ANNOUNCER_LIST_REPLY_H

#include "announcer/directory/relay_list.h"

/*
 * own: our announcement in the dialect's form; NULL: none. At most max_count announcements, and at
 * most LIM_PAYLOAD_MAX bytes. Returns the payload; owner NULL: no memory.
 */
struct relay_slice list_reply_encode(struct relay_list *list, const struct relay_slice *own,
                                     enum wire_dialect dialect, uint16_t max_count, uint64_t now_s);

#endif
