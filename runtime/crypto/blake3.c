/* SPDX-License-Identifier: MPL-2.0 */
/* BLAKE3, hash and derive_key modes, 32 bytes out: portable, the message in one piece. */
#include "crypto.h"

#include <string.h>

#define CHUNK_BYTES 1024u
#define BLOCK_BYTES 64u

enum {
    CHUNK_START = 1,
    CHUNK_END = 2,
    PARENT = 4,
    ROOT = 8,
    DERIVE_KEY_CONTEXT = 32,
    DERIVE_KEY_MATERIAL = 64,
};

static const uint32_t initial_key[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

/* The index of the message word that moves to place i in the next round. */
static const uint8_t permutation[16] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};

/* A compression not yet done: of a node of the tree that may still turn out to be the root. */
struct node {
    uint32_t cv[8];
    uint8_t block[BLOCK_BYTES];
    uint64_t counter;
    uint32_t block_len;
    uint32_t flags;
};

static uint32_t load32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void store_words(uint8_t *out, const uint32_t words[8])
{
    for (int i = 0; i < 32; i++)
        out[i] = (uint8_t)(words[i / 4] >> (8 * (i % 4)));
}

static inline uint32_t rotate(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static inline void mix(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d, uint32_t x, uint32_t y)
{
    *a += *b + x;
    *d = rotate(*d ^ *a, 16);
    *c += *d;
    *b = rotate(*b ^ *c, 12);
    *a += *b + y;
    *d = rotate(*d ^ *a, 8);
    *c += *d;
    *b = rotate(*b ^ *c, 7);
}

static void mix_round(uint32_t s[16], const uint32_t m[16])
{
    mix(&s[0], &s[4], &s[8], &s[12], m[0], m[1]);
    mix(&s[1], &s[5], &s[9], &s[13], m[2], m[3]);
    mix(&s[2], &s[6], &s[10], &s[14], m[4], m[5]);
    mix(&s[3], &s[7], &s[11], &s[15], m[6], m[7]);
    mix(&s[0], &s[5], &s[10], &s[15], m[8], m[9]);
    mix(&s[1], &s[6], &s[11], &s[12], m[10], m[11]);
    mix(&s[2], &s[7], &s[8], &s[13], m[12], m[13]);
    mix(&s[3], &s[4], &s[9], &s[14], m[14], m[15]);
}

static void compress(const struct node *n, uint32_t extra_flags, uint32_t out[8])
{
    uint32_t s[16], m[16], next[16];
    memcpy(s, n->cv, 32);
    memcpy(s + 8, initial_key, 16);
    s[12] = (uint32_t)n->counter;
    s[13] = (uint32_t)(n->counter >> 32);
    s[14] = n->block_len;
    s[15] = n->flags | extra_flags;
    for (int i = 0; i < 16; i++)
        m[i] = load32(n->block + 4 * i);
    for (int round = 0; round < 7; round++) {
        mix_round(s, m);
        for (int i = 0; i < 16; i++)
            next[i] = m[permutation[i]];
        memcpy(m, next, sizeof m);
    }
    for (int i = 0; i < 8; i++)
        out[i] = s[i] ^ s[i + 8];
}

/* A chunk, at most CHUNK_BYTES: all its blocks but the last are compressed. */
static struct node chunk_node(const uint32_t key[8], const uint8_t *in, size_t len,
                              uint64_t counter, uint32_t mode)
{
    struct node n = {.counter = counter, .flags = mode | CHUNK_START};
    memcpy(n.cv, key, sizeof n.cv);
    while (len > BLOCK_BYTES) {
        memcpy(n.block, in, BLOCK_BYTES);
        n.block_len = BLOCK_BYTES;
        compress(&n, 0, n.cv);
        n.flags = mode;
        in += BLOCK_BYTES;
        len -= BLOCK_BYTES;
    }
    memset(n.block, 0, sizeof n.block);
    if (len > 0)
        memcpy(n.block, in, len);
    n.block_len = (uint32_t)len;
    n.flags |= CHUNK_END;
    return n;
}

/* Recursion is as deep as the logarithm of the length. */
static struct node tree_node(const uint32_t key[8], const uint8_t *in, size_t len, uint64_t counter,
                             uint32_t mode)
{
    if (len <= CHUNK_BYTES)
        return chunk_node(key, in, len, counter, mode);

    size_t left_len = CHUNK_BYTES; /* the largest power of two that leaves something */
    while (left_len < len - left_len)
        left_len *= 2;
    struct node left = tree_node(key, in, left_len, counter, mode);
    struct node right =
        tree_node(key, in + left_len, len - left_len, counter + left_len / CHUNK_BYTES, mode);

    struct node parent = {.block_len = BLOCK_BYTES, .flags = mode | PARENT};
    uint32_t cv[8];
    memcpy(parent.cv, key, sizeof parent.cv);
    compress(&left, 0, cv);
    store_words(parent.block, cv);
    compress(&right, 0, cv);
    store_words(parent.block + 32, cv);
    return parent;
}

static void hash(const uint32_t key[8], const void *in, size_t len, uint32_t mode, uint32_t out[8])
{
    struct node root = tree_node(key, in, len, 0, mode);
    compress(&root, ROOT, out);
}

void rt_blake3(const void *in, size_t len, uint8_t out[32])
{
    uint32_t words[8];
    hash(initial_key, in, len, 0, words);
    store_words(out, words);
}

void rt_blake3_derive_key(const char *context, const void *in, size_t len, uint8_t out[32])
{
    uint32_t key[8], words[8];
    hash(initial_key, context, strlen(context), DERIVE_KEY_CONTEXT, key);
    hash(key, in, len, DERIVE_KEY_MATERIAL, words);
    store_words(out, words);
}
