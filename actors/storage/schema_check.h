/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Checks the schema of a database before its tables are read. Neither this relay nor the published
 * one makes anything but tables and indexes. A crafted file with a view in place of a table, a
 * virtual table or a trigger runs code of its own inside our statements: a view may never end.
 */
#ifndef STORAGE_SCHEMA_CHECK_H
#define STORAGE_SCHEMA_CHECK_H

#include "storage/db.h"

/* RT_ERR_CORRUPT with a sentence that names the first entry that is neither table nor index. */
RT_MUST_CHECK rt_err schema_check(struct db *d, struct relay_error *err);

#endif
