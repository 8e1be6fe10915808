/* SPDX-License-Identifier: MPL-2.0 */
/* Reads tests/vectors (format: its README). The directory is found through RELAY_SOURCE. */
#ifndef TEST_VECTOR_FILE_H
#define TEST_VECTOR_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VECTOR_FIELDS_MAX 64

struct vector {
    char *line; /* everything below points into it, or is malloc'ed */
    const char *kind, *name;
    uint8_t *bytes;
    size_t len;
    struct {
        const char *key, *value;
    } fields[VECTOR_FIELDS_MAX];
    size_t field_count;
};

typedef void vector_fn(const struct vector *v, void *ctx);

/* Calls fn for each vector of the file; returns how many. Aborts when the file cannot be read. */
size_t vector_file_each(const char *file, vector_fn *fn, void *ctx);

bool vector_has(const struct vector *v, const char *key);
/* A field's value; abort when it is not there. */
const char *vector_text(const struct vector *v, const char *key);
bool vector_is_null(const struct vector *v, const char *key);
bool vector_bool(const struct vector *v, const char *key);
uint64_t vector_u64(const struct vector *v, const char *key);
int64_t vector_i64(const struct vector *v, const char *key);
/* Hex; *out_len bytes, malloc'ed. */
uint8_t *vector_bytes(const struct vector *v, const char *key, size_t *out_len);
void vector_fixed(const struct vector *v, const char *key, uint8_t *out, size_t len);
/* Element i of list `key`: its key, in a static buffer. */
const char *vector_element(const char *key, size_t i);

#endif
