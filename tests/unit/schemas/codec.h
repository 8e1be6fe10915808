/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Every message and value behind one interface, for tests and fuzzers: decode it, and write the
 * canonical encoding. Messages that the relay only decodes are encoded by this file.
 */
#ifndef TEST_CODEC_H
#define TEST_CODEC_H

#include "wire_cbor.h"

struct codec {
    const char *name;
    int type;             /* message type of a request, -1: not one */
    const char *optional; /* keys that may be missing, " key key " */
    /* Decodes buf; on success writes the canonical encoding. */
    rt_err (*recode)(uint8_t *buf, size_t len, struct wire_writer *w);
    size_t tag_len; /* bytes before the CBOR: 1 in tagged values, else 0 */
};

extern const struct codec codecs[];
extern const size_t codec_count;

const struct codec *codec_by_name(const char *name); /* aborts when there is none */
const struct codec *codec_by_type(int type);         /* NULL: not decoded by the relay */

/*
 * Recodes a copy of in, of its exact size on the heap, so that a sanitizer sees a read beyond it.
 * *out: malloc'ed canonical encoding. Checked as well: that the input, compacted in place by the
 * first decoding, decodes to the same again (but for runs of 64 KiB and more), and that the
 * canonical encoding does. Aborts when one does not.
 */
rt_err codec_recode(const struct codec *c, const uint8_t *in, size_t len, uint8_t **out,
                    size_t *out_len);

#endif
