/* SPDX-License-Identifier: MPL-2.0 */
/* Table relay_secrets: named random bytes. */
#ifndef STORAGE_TABLE_SECRETS_H
#define STORAGE_TABLE_SECRETS_H

#include "base/seams.h"
#include "storage/db.h"

/*
 * The secret of that name, drawn and stored when it is not there; within the caller's transaction.
 * RT_ERR_MISMATCH with a sentence: it is there with another length. len <= STORAGE_SECRET_MAX.
 */
RT_MUST_CHECK rt_err table_secrets_get(struct db *d, const struct rt_seams *seams, const char *name,
                                       uint8_t *out, size_t len, struct relay_error *err);

#endif
