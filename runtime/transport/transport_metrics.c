/* SPDX-License-Identifier: MPL-2.0 */
#include "transport/transport_metrics.h"

RT_METRIC_TABLE(rt_transport_metrics, RT_TRANSPORT_METRICS);
