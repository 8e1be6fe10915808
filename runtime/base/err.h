/* SPDX-License-Identifier: MPL-2.0 */
/*
 * rt_err: the one error type of the daemon. 0 is success; every other value says what kind of thing
 * went wrong, never where: the caller that knows the place writes the sentence (struct relay_error,
 * or the log). Functions that return rt_err leave their out-parameters untouched on failure.
 */
#ifndef RT_ERR_H
#define RT_ERR_H

#define RT_MUST_CHECK __attribute__((warn_unused_result))
#define RT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* X(name, text) */
#define RT_ERR_LIST(X)                                                                             \
    X(OK, "success")                                                                               \
    X(NO_MEMORY, "memory limit reached")                                                           \
    X(MALFORMED, "malformed")                                                                      \
    X(TRUNCATED, "ends too early")                                                                 \
    X(TOO_LARGE, "too large")                                                                      \
    X(BAD_SIGNATURE, "signature does not verify")                                                  \
    X(BAD_VERSION, "version not supported")                                                        \
    X(MISMATCH, "not the expected value")                                                          \
    X(NOT_FOUND, "not found")                                                                      \
    X(REFUSED, "refused")                                                                          \
    X(TIMEOUT, "timed out")                                                                        \
    X(CORRUPT, "stored data is corrupt")                                                           \
    X(SYSTEM, "operating system error")

typedef enum rt_err {
#define X(name, text) RT_ERR_##name,
    RT_ERR_LIST(X)
#undef X
} rt_err;

/* A static text for e; never NULL. */
const char *rt_err_text(rt_err e);

#endif
