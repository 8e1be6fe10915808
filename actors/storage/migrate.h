/* SPDX-License-Identifier: MPL-2.0 */
/* Brings a database to our version of the schema (schemas/state.sql). */
#ifndef STORAGE_MIGRATE_H
#define STORAGE_MIGRATE_H

#include <stdbool.h>

#include "storage/db.h"

#define STORAGE_SCHEMA_VERSION 3

/* RT_ERR_BAD_VERSION: written by a later relay. Touches nothing. */
RT_MUST_CHECK rt_err migrate_check(struct db *d, struct relay_error *err);
/* Within the caller's transaction; does nothing to a database that is up to date. *out_is_first: it
 * was not ours before. */
RT_MUST_CHECK rt_err migrate_run(struct db *d, bool *out_is_first, struct relay_error *err);

#endif
