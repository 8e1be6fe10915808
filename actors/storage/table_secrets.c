/* SPDX-License-Identifier: MPL-2.0 */
#include "storage/table_secrets.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "crypto/crypto.h"
#include "storage/storage_msg.h"

#define GET "SELECT value FROM relay_secrets WHERE name = ?1"
#define INSERT "INSERT INTO relay_secrets(name, value) VALUES(?1, ?2)"

rt_err table_secrets_get(struct db *d, const struct rt_seams *seams, const char *name, uint8_t *out,
                         size_t len, struct relay_error *err)
{
    uint8_t value[STORAGE_SECRET_MAX];
    size_t found = len;
    rt_err e;

    RT_REQUIRE(len > 0 && len <= sizeof(value));
    e = db_get_blob(d, GET, name, value, sizeof(value), &found, err);
    if (e == RT_ERR_NOT_FOUND) {
        seams->random(seams->ctx, value, len);
        e = db_put_blob(d, INSERT, name, value, len, err);
    } else if (!e && found != len) {
        snprintf(err->text, sizeof(err->text),
                 "the secret %.64s in %.100s has %zu bytes, not the %zu asked for", name,
                 db_path(d), found, len);
        e = RT_ERR_MISMATCH;
    }
    if (!e)
        memcpy(out, value, len);
    rt_wipe(value, sizeof(value));
    return e;
}
