/* SPDX-License-Identifier: MPL-2.0 */
/* Limits of the log and of the sketches. */
#ifndef RT_BASE_LIMITS_H
#define RT_BASE_LIMITS_H

#define LIM_LOG_RING_BYTES (256u * 1024u) /* bytes of log lines waiting for the writer */
#define LIM_SKETCH_WIDTH (1u << 14)       /* cells per row of a sketch by key or by prefix */

#endif
