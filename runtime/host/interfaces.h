/* SPDX-License-Identifier: MPL-2.0 */
/* The addresses of the host's network interfaces. */
#ifndef RT_INTERFACES_H
#define RT_INTERFACES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/err.h"

struct rt_interface {
    char name[16];
    struct sockaddr_storage addr; /* AF_INET or AF_INET6, port 0 */
    bool is_loopback;
    bool is_link_local; /* 169.254.0.0/16, fe80::/10 */
};

/* Up to cap addresses of interfaces that are up, in the system's order; *out_count of them. Any
 * thread. */
RT_MUST_CHECK rt_err rt_interfaces_list(struct rt_interface *out, size_t cap, size_t *out_count);

#endif
