/* SPDX-License-Identifier: MPL-2.0 */
#include <stdlib.h>

#include "actor/worker.h"
#include "base/check.h"

struct rt_system *rt_system_new(uint16_t count, const struct rt_seams *seams)
{
    struct rt_system *sys;

    RT_REQUIRE(count > 0);
    sys = calloc(1, sizeof *sys + count * sizeof(struct rt_worker *));
    RT_INSIST(sys != NULL);
    sys->seams = *seams;
    sys->count = count;
    for (uint16_t i = 0; i < count; i++) {
        sys->workers[i] = aligned_alloc(RT_CACHE_LINE, sizeof(struct rt_worker));
        RT_INSIST(sys->workers[i] != NULL);
        rt_worker_init(sys->workers[i], sys, i);
    }
    return sys;
}

void rt_system_free(struct rt_system **sys)
{
    struct rt_system *old = *sys;

    *sys = NULL;
    if (!old)
        return;
    for (uint16_t i = 0; i < old->count; i++) {
        rt_worker_fini(old->workers[i]);
        free(old->workers[i]);
    }
    free(old);
}

uint16_t rt_system_count(const struct rt_system *sys)
{
    return sys->count;
}

struct rt_worker *rt_system_worker(struct rt_system *sys, uint16_t index)
{
    RT_REQUIRE(index < sys->count);
    return sys->workers[index];
}
