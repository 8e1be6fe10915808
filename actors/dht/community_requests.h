/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Requests of peers about communities: DHT_REQUEST with an operation from DHT_COMMUNITY_STATUS on
 * (dht_msg.h). Pages are written at once. Searches wait in a queue and run one after another, one
 * slice per heavy job, each for at most LIM_SEARCH_NS. A network may have LIM_SEARCHES_PER_NET in
 * the queue. Thread: worker 0.
 */
#ifndef DHT_COMMUNITY_REQUESTS_H
#define DHT_COMMUNITY_REQUESTS_H

#include "base/list.h"
#include "dht/context.h"
#include "dht/dht_limits.h"
#include "dht/dht_msg.h"
#include "dht/value_store/value_store.h"

struct community_requests {
    struct dht_context *context;
    struct dht_value_store *values;
    struct rt_list searches; /* the first is under way */
    uint32_t search_count;
    struct rt_job job;
};

void community_requests_init(struct community_requests *c, struct dht_context *context,
                             struct dht_value_store *values);
/* Frees the searches that wait, with their requests. */
void community_requests_fini(struct community_requests *c);

/* Takes the request, and answers it: a search on a later turn, all others at once. */
void community_requests_serve(struct community_requests *c, struct dht_request *a);

#endif
