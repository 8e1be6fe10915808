/* SPDX-License-Identifier: MPL-2.0 */
#include "storage/table_metadata.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "crypto/crypto.h"
#include "wire_cbor.h"

#define GET "SELECT payload FROM metadata WHERE key = ?1"
#define INSERT "INSERT INTO metadata(key, payload) VALUES(?1, ?2)"
#define PUT INSERT " ON CONFLICT(key) DO UPDATE SET payload = excluded.payload"
#define PINS "pinned_bootstrap_keys"
#define NODE_KEY_MAX 128u /* CBOR array of 32 integers: at most 66 bytes */

static rt_err refuse_encrypted(struct db *d, struct relay_error *err)
{
    size_t len;
    uint8_t payload[1024];
    rt_err e = db_get_blob(d, GET, "encrypted_node_key", payload, sizeof(payload), &len, err);

    if (e == RT_ERR_NOT_FOUND)
        return e;
    snprintf(err->text, sizeof(err->text),
             "the identity in %.100s is locked with a passphrase: unlock it with the program that "
             "locked it",
             db_path(d));
    return RT_ERR_CORRUPT;
}

rt_err table_metadata_node_key(struct db *d, uint8_t out_seed[32], struct relay_error *err)
{
    uint8_t payload[NODE_KEY_MAX], seed[32];
    struct wire_reader r;
    size_t len = 0;
    rt_err e = db_get_blob(d, GET, "node_key", payload, sizeof(payload), &len, err);

    if (e == RT_ERR_NOT_FOUND)
        return refuse_encrypted(d, err);
    if (e)
        return e;
    wire_reader_init(&r, payload, len);
    wire_read_fixed(&r, seed, sizeof(seed));
    if (r.err || r.pos != r.end)
        e = db_damaged(d, "its node_key cannot be read", err);
    else
        memcpy(out_seed, seed, sizeof(seed));
    rt_wipe(payload, sizeof(payload));
    rt_wipe(seed, sizeof(seed));
    return e;
}

rt_err table_metadata_set_node_key(struct db *d, const uint8_t seed[32], struct relay_error *err)
{
    uint8_t payload[NODE_KEY_MAX];
    struct wire_writer w;
    bool fits;
    size_t len;
    rt_err e;

    wire_writer_init(&w, payload, sizeof(payload));
    wire_write_int_array(&w, seed, 32);
    len = wire_writer_len(&w, &fits);
    RT_INSIST(fits);
    e = db_put_blob(d, INSERT, "node_key", payload, len, err);
    rt_wipe(payload, sizeof(payload));
    return e;
}

rt_err table_metadata_pins(struct db *d, storage_pins_fn *fn, void *ctx, struct relay_error *err)
{
    struct db_stmt st = {0};
    bool has_row = false;
    rt_err e = db_prepare(d, GET, &st, err);

    if (e)
        return e;
    db_bind_text(&st, 1, PINS);
    e = db_next(&st, &has_row, err);
    if (!e && has_row) {
        size_t len = 0;
        const void *payload = db_column_blob(&st, 0, &len);
        uint8_t *copy = malloc(len + 1);

        RT_INSIST(copy);
        if (payload) {
            memcpy(copy, payload, len);
            fn(ctx, copy, len);
        } else {
            e = db_damaged(d, "its " PINS " cannot be read", err);
        }
        free(copy);
    }
    db_stmt_fini(&st);
    return e;
}

rt_err table_metadata_set_pins(struct db *d, const void *payload, size_t len,
                               struct relay_error *err)
{
    return db_put_blob(d, PUT, PINS, payload, len, err);
}
