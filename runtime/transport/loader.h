/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Loads transport plugins: dlopen(RTLD_NOW | RTLD_LOCAL), checks, one clear sentence for whatever
 * is refused. Libraries stay loaded for the life of the process (never dlclose).
 */
#ifndef RT_LOADER_H
#define RT_LOADER_H

#include "abi/relay_transport.h"
#include "base/err.h"

/*
 * Loads the library at path and checks symbol, magic, ABI, size, build kind, name, schemes and that
 * no verb is missing. *out lives as long as the process.
 */
RT_MUST_CHECK rt_err rt_loader_open(const char *path, const struct relay_transport **out,
                                    struct relay_error *err);

/* The same checks on a table that is linked in (tests, simulation). */
RT_MUST_CHECK rt_err rt_loader_check(const struct relay_transport *t, const char *where,
                                     struct relay_error *err);

/*
 * Finds "NAME.so": beside the binary (EXE_DIR/plugins), then in the installed place
 * (EXE_DIR/../LIBDIR/scp2p-relay/plugins and the configured prefix).
 */
RT_MUST_CHECK rt_err rt_loader_find(const char *name, char *out_path, size_t cap,
                                    struct relay_error *err);

#endif
