/* SPDX-License-Identifier: MPL-2.0 */
/*
 * seeds DIR: writes the first inputs of the fuzz targets, one directory for each target. Every
 * vector of moderate length is written, as it is and in unusual forms, for the groups whose
 * decoders accept it. The inputs of `frame` are envelopes with their length in front, alone and
 * inside a RelayStream.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "fuzz/groups.h"
#include "unit/schemas/codec.h"
#include "unit/schemas/odd.h"
#include "unit/schemas/vector_file.h"
#include "wire_envelope.h"
#include "wire_relay.h"

#define SEED_BYTES_MAX 4096u

static const char *root;

static void write_seed(const char *group, const char *name, unsigned form, const uint8_t *bytes,
                       size_t len)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s/%s.%u", root, group, name, form);
    FILE *f = fopen(path, "we");
    RT_INSIST(f != NULL && fwrite(bytes, 1, len, f) == len && fclose(f) == 0);
}

static void write_frame_seeds(const struct vector *v)
{
    uint8_t frame[SEED_BYTES_MAX + 256];
    struct wire_relay_stream m = {.slot_id = UINT64_MAX, .kind = WIRE_KIND_CONTENT};
    wire_length_write(frame, (uint32_t)v->len);
    memcpy(frame + WIRE_LENGTH_BYTES, v->bytes, v->len);
    write_seed("frame", v->name, 0, frame, WIRE_LENGTH_BYTES + v->len);
    size_t n = wire_relay_stream_frame_head(frame, 7, 0, &m, (uint32_t)v->len);
    memcpy(frame + n, v->bytes, v->len);
    write_seed("frame", v->name, 1, frame, n + v->len);
}

static void write_forms(const char *group, const struct vector *v, const struct codec *c,
                        const uint8_t *canonical, size_t len)
{
    static uint8_t odd[32 * SEED_BYTES_MAX];
    write_seed(group, v->name, 0, v->bytes, v->len);
    for (unsigned form = 1; form <= ODD_CHUNKS; form *= 2)
        write_seed(group, v->name, form, odd,
                   odd_write(canonical, len, c->tag_len, form, NULL, odd, sizeof odd));
}

static void each(const struct vector *v, void *ctx)
{
    (void)ctx;
    if (v->len > SEED_BYTES_MAX)
        return;
    for (size_t g = 0; g < fuzz_group_count; g++) {
        for (const char *const *codec = fuzz_groups[g].codecs; *codec != NULL; codec++) {
            uint8_t *canonical;
            size_t len;
            const struct codec *c = codec_by_name(*codec);
            if (codec_recode(c, v->bytes, v->len, &canonical, &len) != RT_ERR_OK)
                continue;
            write_forms(fuzz_groups[g].name, v, c, canonical, len);
            if (strcmp(*codec, "envelope") == 0)
                write_frame_seeds(v);
            free(canonical);
        }
    }
}

static void make_directory(const char *group)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", root, group);
    RT_INSIST(mkdir(path, 0777) == 0 || errno == EEXIST);
}

int main(int argc, char **argv)
{
    static const char *const files[] = {"hello.txt", "envelope.txt", "payload.txt", "value.txt",
                                        "state.txt", "decode.txt",   "version2.txt"};
    if (argc != 2) {
        fprintf(stderr, "usage: seeds DIR\n");
        return 2;
    }
    root = argv[1];
    RT_INSIST(mkdir(root, 0777) == 0 || errno == EEXIST);
    make_directory("frame");
    for (size_t g = 0; g < fuzz_group_count; g++)
        make_directory(fuzz_groups[g].name);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        vector_file_each(files[i], each, NULL);
    return 0;
}
