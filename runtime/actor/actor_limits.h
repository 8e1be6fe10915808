/* SPDX-License-Identifier: MPL-2.0 */
/* Limits of a worker's turn and of the number of workers. */
#ifndef RT_ACTOR_LIMITS_H
#define RT_ACTOR_LIMITS_H

#include "base/seams.h"

#define LIM_WORKERS_MAX 64u
#define LIM_WORKERS_DEFAULT_MAX 16u /* one per core, but no more than this by default */
#define LIM_WORKER_LOCALS 16u       /* rooms that keep state per worker */

#define LIM_TURN_NS (1 * RT_MS)      /* a worker's turn, before it looks at the network again */
#define LIM_TURN_STEPS 4096u         /* ... and its timers and messages: time may stand still */
#define LIM_TURN_JOBS_NS (2 * RT_MS) /* heavy jobs after the messages of a turn */
#define LIM_TURN_JOBS 64u            /* ... and their number, likewise */

#endif
