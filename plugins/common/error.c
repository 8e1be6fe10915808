/* SPDX-License-Identifier: MPL-2.0 */
#include "error.h"

#include <ctype.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

void plugin_addr_text(const struct sockaddr *addr, socklen_t len, char *out, size_t cap)
{
    char host[64], port[8];

    if (getnameinfo(addr, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        snprintf(out, cap, "an address of family %d", (int)addr->sa_family);
    else
        snprintf(out, cap, addr->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

int plugin_error_set(struct relay_error *err, const char *plugin, const char *what,
                     const struct sockaddr *addr, socklen_t len, int error)
{
    const char *why = strerror(error);
    char text[80];

    plugin_addr_text(addr, len, text, sizeof(text));
    snprintf(err->text, sizeof(err->text), "%s: %s %s: %c%s", plugin, what, text, tolower(*why),
             why + 1);
    return -1;
}

int plugin_check_host(const struct relay_host *host, struct relay_worker *w, const char *plugin,
                      struct relay_error *err)
{
    if (host->size < sizeof(*host))
        snprintf(err->text, sizeof(err->text), "%s: the host's table is older than this plugin",
                 plugin);
    else if (!host->loop(w))
        snprintf(err->text, sizeof(err->text), "%s: this worker has no event loop", plugin);
    else
        return 0;
    return -1;
}
