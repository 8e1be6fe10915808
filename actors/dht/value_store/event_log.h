/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The events of one community in order of number, with the last event of each record. A record's
 * newer event leaves a hole in the old slot. The log is compacted when more than half of the slots
 * are holes. Pure.
 */
#ifndef DHT_EVENT_LOG_H
#define DHT_EVENT_LOG_H

#include <stdbool.h>

#include "dht/value_store/array.h"

struct dht_record;

/* A zeroed struct is empty. */
struct dht_event_log {
    struct dht_array slots;
    uint32_t holes;
    bool is_unsorted; /* to be sorted before a read; only loading adds events out of order */
};

void dht_event_log_free(struct dht_event_log *log);
void dht_event_log_add(struct dht_event_log *log, uint64_t number, struct dht_record *r);
/* Removes r, which was added with this number. */
void dht_event_log_remove(struct dht_event_log *log, uint64_t number, const struct dht_record *r);
/* The first record with a number above `after`; NULL: none. */
struct dht_record *dht_event_log_next(struct dht_event_log *log, uint64_t after);

#endif
