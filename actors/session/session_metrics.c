/* SPDX-License-Identifier: MPL-2.0 */
#include "session/session_metrics.h"

RT_METRIC_TABLE(session_metrics, SESSION_METRICS);
