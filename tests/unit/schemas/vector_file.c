/* SPDX-License-Identifier: MPL-2.0 */
#include "unit/schemas/vector_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void give_up(const char *what, const char *which)
{
    fprintf(stderr, "vectors: %s '%s'\n", what, which);
    abort();
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static uint8_t *from_hex(const char *hex, size_t *out_len)
{
    size_t len = strcmp(hex, "-") == 0 ? 0 : strlen(hex) / 2;
    uint8_t *bytes = malloc(len > 0 ? len : 1);
    if (bytes == NULL || (len > 0 && strlen(hex) % 2 != 0))
        give_up("bad hex", hex);
    for (size_t i = 0; i < len; i++) {
        int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            give_up("bad hex", hex);
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    *out_len = len;
    return bytes;
}

static void parse(char *line, struct vector *v)
{
    char *rest = line;
    *v = (struct vector){.line = line};
    v->kind = strsep(&rest, " ");
    v->name = strsep(&rest, " ");
    char *hex = strsep(&rest, " ");
    if (hex == NULL)
        give_up("short line", line);
    v->bytes = from_hex(hex, &v->len);
    while (rest != NULL) {
        char *value = strsep(&rest, " ");
        char *key = strsep(&value, "=");
        if (value == NULL || v->field_count == VECTOR_FIELDS_MAX)
            give_up("bad field", v->name);
        v->fields[v->field_count].key = key;
        v->fields[v->field_count++].value = value;
    }
}

size_t vector_file_each(const char *file, vector_fn *fn, void *ctx)
{
    char path[4096];
    const char *source = getenv("RELAY_SOURCE");
    snprintf(path, sizeof path, "%s/tests/vectors/%s", source != NULL ? source : ".", file);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        give_up("cannot open", path);

    char *line = NULL;
    size_t room = 0, count = 0;
    ssize_t len;
    while ((len = getline(&line, &room, f)) > 0) {
        if (line[len - 1] == '\n')
            line[len - 1] = '\0';
        if (line[0] == '#' || line[0] == '\0')
            continue;
        struct vector v;
        parse(line, &v);
        fn(&v, ctx);
        free(v.bytes);
        count++;
    }
    free(line);
    fclose(f);
    return count;
}

bool vector_has(const struct vector *v, const char *key)
{
    for (size_t i = 0; i < v->field_count; i++)
        if (strcmp(v->fields[i].key, key) == 0)
            return true;
    return false;
}

const char *vector_text(const struct vector *v, const char *key)
{
    for (size_t i = 0; i < v->field_count; i++)
        if (strcmp(v->fields[i].key, key) == 0)
            return v->fields[i].value;
    give_up("no such field", key);
}

bool vector_is_null(const struct vector *v, const char *key)
{
    return strcmp(vector_text(v, key), "null") == 0;
}

bool vector_bool(const struct vector *v, const char *key)
{
    return strcmp(vector_text(v, key), "true") == 0;
}

uint64_t vector_u64(const struct vector *v, const char *key)
{
    return strtoull(vector_text(v, key), NULL, 10);
}

int64_t vector_i64(const struct vector *v, const char *key)
{
    return strtoll(vector_text(v, key), NULL, 10);
}

uint8_t *vector_bytes(const struct vector *v, const char *key, size_t *out_len)
{
    return from_hex(vector_text(v, key), out_len);
}

void vector_fixed(const struct vector *v, const char *key, uint8_t *out, size_t len)
{
    size_t n;
    uint8_t *bytes = vector_bytes(v, key, &n);
    if (n != len)
        give_up("wrong length", key);
    memcpy(out, bytes, len);
    free(bytes);
}

const char *vector_element(const char *key, size_t i)
{
    static char name[64];
    snprintf(name, sizeof name, "%s%zu", key, i);
    return name;
}
