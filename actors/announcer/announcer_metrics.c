/* SPDX-License-Identifier: MPL-2.0 */
#include "announcer/announcer_metrics.h"

RT_METRIC_TABLE(announcer_metrics, ANNOUNCER_METRICS);
