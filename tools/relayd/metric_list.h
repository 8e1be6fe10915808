/* SPDX-License-Identifier: MPL-2.0 */
/* The counters of all rooms, in the order in which the relay reports them. */
#ifndef METRIC_LIST_H
#define METRIC_LIST_H

#include "base/metric.h"

#define METRIC_TABLES 8u

extern const struct rt_metric_table *const metric_tables[METRIC_TABLES];

#endif
