/* SPDX-License-Identifier: MPL-2.0 */
#include "host/interfaces.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static bool is_link_local(const struct sockaddr_storage *addr)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)addr;

    if (addr->ss_family == AF_INET)
        return ntohl(v4->sin_addr.s_addr) >> 16 == 0xa9fe;
    return IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)addr)->sin6_addr);
}

rt_err rt_interfaces_list(struct rt_interface *out, size_t cap, size_t *out_count)
{
    struct ifaddrs *all;
    size_t count = 0;

    if (getifaddrs(&all) != 0)
        return RT_ERR_SYSTEM;
    for (struct ifaddrs *i = all; i && count < cap; i = i->ifa_next) {
        struct rt_interface *entry = &out[count];
        size_t len;

        if (!i->ifa_addr || !(i->ifa_flags & IFF_UP))
            continue;
        if (i->ifa_addr->sa_family == AF_INET)
            len = sizeof(struct sockaddr_in);
        else if (i->ifa_addr->sa_family == AF_INET6)
            len = sizeof(struct sockaddr_in6);
        else
            continue;
        memset(entry, 0, sizeof *entry);
        memcpy(&entry->addr, i->ifa_addr, len);
        snprintf(entry->name, sizeof entry->name, "%s", i->ifa_name);
        entry->is_loopback = (i->ifa_flags & IFF_LOOPBACK) != 0;
        entry->is_link_local = is_link_local(&entry->addr);
        count++;
    }
    freeifaddrs(all);
    *out_count = count;
    return RT_ERR_OK;
}
