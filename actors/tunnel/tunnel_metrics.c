/* SPDX-License-Identifier: MPL-2.0 */
#include "tunnel/tunnel_metrics.h"

RT_METRIC_TABLE(tunnel_metrics, TUNNEL_METRICS);
