/* SPDX-License-Identifier: MPL-2.0 */
#include "storage/storage_metrics.h"

RT_METRIC_TABLE(storage_metrics, STORAGE_METRICS);
