/* SPDX-License-Identifier: MPL-2.0 */
#include "metric_list.h"

#include "actor/actor_metrics.h"
#include "announcer/announcer_metrics.h"
#include "base/base_metrics.h"
#include "dht/dht_metrics.h"
#include "session/session_metrics.h"
#include "storage/storage_metrics.h"
#include "transport/transport_metrics.h"
#include "tunnel/tunnel_metrics.h"

const struct rt_metric_table *const metric_tables[METRIC_TABLES] = {
    &rt_transport_metrics, &session_metrics,   &tunnel_metrics,   &dht_metrics,
    &storage_metrics,      &announcer_metrics, &rt_actor_metrics, &rt_base_metrics,
};
