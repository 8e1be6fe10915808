/* SPDX-License-Identifier: MPL-2.0 */
#include "base/base_metrics.h"

RT_METRIC_TABLE(rt_base_metrics, RT_BASE_METRICS);
