/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Shared by the tests of the vectors: compare with the bytes of a vector, make structs of its
 * fields.
 */
#ifndef TEST_VECTOR_CHECK_H
#define TEST_VECTOR_CHECK_H

#include "unit/schemas/vector_file.h"
#include "wire_hello.h"
#include "wire_peer.h"

#define PEERS_MAX 16
#define VECTOR_OUT_BYTES (400u * 1024u)

/* The output of encoders; start() is a writer over all of it. */
extern uint8_t out[VECTOR_OUT_BYTES];
struct wire_writer start(void);

/* Each fails the test and names the vector. */
void assert_bytes(const struct vector *v, const uint8_t *got, size_t got_len, const uint8_t *want,
                  size_t want_len);
void assert_written(const struct vector *v, const struct wire_writer *w); /* the vector itself */
void assert_field(const struct vector *v, const struct wire_writer *w, const char *key);
/* Decoding the vector and writing it out again gives it once more. */
void assert_recodes(const struct vector *v, const char *codec);

struct wire_capabilities capabilities_of(const struct vector *v);
/* The peers of list `key`, decoded, without `raw`; returns how many. */
size_t peers_of(const struct vector *v, const char *key, struct wire_peer peers[PEERS_MAX]);

#endif
