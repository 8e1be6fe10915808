/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The process around a relay: one thread with a libuv loop for each network worker, one that may
 * block for storage, one for control. Everything is created on the main thread before any other
 * runs, and released there after all have ended.
 */
#ifndef RELAYD_DAEMON_H
#define RELAYD_DAEMON_H

#include "config/config.h"

/* Runs a relay until a signal ends it; the exit code. */
int daemon_run(const struct cfg *cfg);

#endif
