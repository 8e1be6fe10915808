/* SPDX-License-Identifier: MPL-2.0 */
#include "counters.h"

#include <stdatomic.h>

#include "insist.h"

void plugin_counters_init(struct plugin_counters *c, const struct relay_host *host,
                          const char *const *names, unsigned count)
{
    PLUGIN_INSIST(count <= PLUGIN_COUNTERS_MAX);
    *c = (struct plugin_counters){.count = count};
    for (unsigned i = 0; i < count; i++)
        c->shared[i] = host->counter(names[i]);
}

void plugin_counters_publish(struct plugin_counters *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        if (c->counted[i] == 0)
            continue;
        atomic_fetch_add_explicit(c->shared[i], c->counted[i], memory_order_relaxed);
        c->counted[i] = 0;
    }
}
