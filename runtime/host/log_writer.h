/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The one thread that writes the log: drains the ring (base/log.h) to standard error. Whatever a
 * slow terminal or a full pipe costs, it costs this thread; lines that the ring then lost are
 * reported in a line of their own.
 */
#ifndef RT_LOG_WRITER_H
#define RT_LOG_WRITER_H

#include "base/err.h"

/* From here on rt_log goes through the ring. Once per process at a time. */
RT_MUST_CHECK rt_err rt_log_writer_start(void);
/* Writes what is left, waiting for standard error one second at most, and ends the thread; later
 * lines are written directly. After all other threads have ended. */
void rt_log_writer_stop(void);

#endif
