/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/dht_metrics.h"

RT_METRIC_TABLE(dht_metrics, DHT_METRICS);
