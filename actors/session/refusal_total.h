/* SPDX-License-Identifier: MPL-2.0 */
/* How many peers were refused, for each reason. Relaxed atomics, any thread. */
#ifndef SESSION_REFUSAL_TOTAL_H
#define SESSION_REFUSAL_TOTAL_H

#include <stdint.h>

#include "wire_refusal.h"

void session_refusal_count(enum wire_refusal r);
uint64_t session_refusal_total(enum wire_refusal r);

#endif
