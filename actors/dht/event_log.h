/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The events of one community in order of number: of each record its last one. A record that has a
 * newer event leaves a hole; the log is compacted when more than half of it are holes. Pure.
 */
#ifndef DHT_EVENT_LOG_H
#define DHT_EVENT_LOG_H

#include <stdbool.h>

#include "dht/array.h"

struct dht_record;

/* A zeroed one is empty. */
struct dht_event_log {
    struct dht_array slots;
    uint32_t holes;
    bool is_unsorted; /* sorted before it is read; only what is loaded comes in another order */
};

void dht_event_log_free(struct dht_event_log *log);
void dht_event_log_add(struct dht_event_log *log, uint64_t number, struct dht_record *r);
/* r was added with this number. */
void dht_event_log_remove(struct dht_event_log *log, uint64_t number, const struct dht_record *r);
/* The first record whose number is above `after`; NULL: none. */
struct dht_record *dht_event_log_next(struct dht_event_log *log, uint64_t after);

#endif
