/* SPDX-License-Identifier: MPL-2.0 */
/* Values of the DHT; and of a manifest, the bytes its signature and its id are made of. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "fuzz/groups.h"
#include "wire_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_manifest(uint8_t *buf, size_t len)
{
    struct wire_manifest m;
    if (wire_manifest_decode(buf, len, &m) != RT_ERR_OK)
        return;
    size_t cap = WIRE_MANIFEST_ENCODED_MAX(len);
    uint8_t *scratch = malloc(cap);
    uint8_t id[2][32];
    struct wire_writer w;
    RT_INSIST(scratch != NULL);
    wire_writer_init(&w, scratch, cap);
    wire_write_manifest_signed(&w, &m);
    RT_INSIST(w.pos <= cap);
    RT_INSIST(wire_manifest_id(&m, scratch, cap, id[0]) == RT_ERR_OK);
    RT_INSIST(wire_manifest_decode(buf, len, &m) == RT_ERR_OK);
    RT_INSIST(wire_manifest_id(&m, scratch, cap, id[1]) == RT_ERR_OK);
    RT_INSIST(memcmp(id[0], id[1], 32) == 0);
    (void)wire_manifest_is_consistent(&m);
    free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    RT_INSIST(copy != NULL);
    memcpy(copy, data, size);
    enum wire_value_kind kind = wire_value_kind(copy, size);
    RT_INSIST(memcmp(copy, data, size) == 0);
    if (kind == WIRE_VALUE_MANIFEST && size < 65536)
        try_manifest(copy, size);
    free(copy);
    fuzz_group_run("value", data, size);
    return 0;
}
