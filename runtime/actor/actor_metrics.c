/* SPDX-License-Identifier: MPL-2.0 */
#include "actor/actor_metrics.h"

RT_METRIC_TABLE(rt_actor_metrics, RT_ACTOR_METRICS);
