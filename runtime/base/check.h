/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Assertions, always compiled in. RT_REQUIRE checks the caller, RT_INSIST our own state. A failed
 * one prints the place and aborts. No input from the network, a file or the environment may reach
 * one.
 */
#ifndef RT_CHECK_H
#define RT_CHECK_H

_Noreturn void rt_check_failed(const char *kind, const char *expr, const char *file, int line);

#define RT_REQUIRE(expr) ((expr) ? (void)0 : rt_check_failed("REQUIRE", #expr, __FILE__, __LINE__))
#define RT_INSIST(expr) ((expr) ? (void)0 : rt_check_failed("INSIST", #expr, __FILE__, __LINE__))

/* The struct that `member` of type `type` lies in. */
#define RT_CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#endif
