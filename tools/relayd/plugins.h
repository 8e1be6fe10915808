/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The transport plugins: which there are, and the host services each is given. A transport whose
 * listener is turned off is loaded too, to dial with.
 */
#ifndef RELAYD_PLUGINS_H
#define RELAYD_PLUGINS_H

#include "base/err.h"
#include "config/config.h"
#include "relay/relay.h"

#define PLUGINS_COUNT 2u /* by enum cfg_scheme */

struct storage;

struct plugins {
    const struct cfg *cfg;
    struct storage *storage; /* keeps the plugins' secrets */
    bool has_services;
    struct relay_transport_config transports[PLUGINS_COUNT];
};

/* Loads all plugins for a system of cfg->workers network workers. p is zeroed and has a fixed
 * address; cfg and storage outlive it. */
RT_MUST_CHECK rt_err plugins_load(struct plugins *p, const struct cfg *cfg, struct storage *storage,
                                  struct rt_system *system, struct relay_error *err);
/* After relay_start: posts of the plugins reach their states. */
void plugins_connect(struct plugins *p, const struct relay *r);
/* Before the workers end: nothing more is posted to them. */
void plugins_close(struct plugins *p);
/* After relay_finish, before relay_free. */
void plugins_fini(struct plugins *p);

#endif
