/* SPDX-License-Identifier: MPL-2.0 */
/* What other actors may ask of the storage actor. Every request owes an answer. */
#ifndef STORAGE_MSG_H
#define STORAGE_MSG_H

#include "actor/actor.h"

#define STORAGE_KIND(n) (RT_KIND_BASE(5) | (n))

enum storage_kind {
    STORAGE_FLUSH = STORAGE_KIND(1) | RT_KIND_OWES,  /* struct storage_flush */
    STORAGE_FLUSHED = STORAGE_KIND(2),               /* the same block, back */
    STORAGE_SECRET = STORAGE_KIND(3) | RT_KIND_OWES, /* struct storage_secret_ask */
    STORAGE_SECRET_TOLD = STORAGE_KIND(4),           /* the same block, back */
};

#define STORAGE_NAME_MAX 64u
#define STORAGE_SECRET_MAX 64u

/* Moves the write-ahead log into the database, so that the file alone holds everything. */
struct storage_flush {
    struct rt_msg msg;
    rt_err result; /* back */
};

/* The secret of that name, made if it is not there: see storage_secret. Wiped when it is freed. */
struct storage_secret_ask {
    struct rt_msg msg;
    char name[STORAGE_NAME_MAX + 1];
    uint8_t len;                        /* 1 to STORAGE_SECRET_MAX */
    rt_err result;                      /* back */
    uint8_t secret[STORAGE_SECRET_MAX]; /* back: len bytes */
};

struct storage_flush *storage_flush_new(void);
struct storage_secret_ask *storage_secret_ask_new(const char *name, uint8_t len);

#endif
