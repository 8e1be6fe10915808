/* SPDX-License-Identifier: MPL-2.0 */
#include "storage/schema_check.h"

#include <stdio.h>

/* SQLite goes by the text of an entry, not by its type and name, and stores the text with this
 * start. The text of an index that a constraint makes is NULL. The published relays have one
 * virtual table, search_fts, which this relay does not use. */
#define FOREIGN                                                                                    \
    "SELECT sql, name FROM sqlite_master WHERE sql IS NOT NULL AND sql NOT LIKE 'CREATE TABLE %'"  \
    " AND sql NOT LIKE 'CREATE INDEX %' AND sql NOT LIKE 'CREATE UNIQUE INDEX %'"                  \
    " AND sql NOT LIKE 'CREATE VIRTUAL TABLE search_fts USING fts5(%' LIMIT 1"

rt_err schema_check(struct db *d, struct relay_error *err)
{
    struct db_stmt st = {0};
    bool has_row = false;
    rt_err e = db_prepare(d, FOREIGN, &st, err);

    if (!e)
        e = db_next(&st, &has_row, err);
    if (!e && has_row) {
        const char *sql = db_column_text(&st, 0), *name = db_column_text(&st, 1);
        char what[49];

        snprintf(what, sizeof(what), "%.11s of %.16s is not a table", sql ? sql : "entry",
                 name ? name : "no name");
        e = db_damaged(d, what, err);
    }
    db_stmt_fini(&st);
    return e;
}
