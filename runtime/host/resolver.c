/* SPDX-License-Identifier: MPL-2.0 */
#include "host/resolver.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/check.h"

struct lookup {
    uv_getaddrinfo_t req;
    struct rt_worker *worker;
    struct rt_resolve *question;
};

struct rt_resolve *rt_resolve_new(const char *host, uint16_t port, struct rt_addr reply_to)
{
    struct rt_resolve *q = rt_msg_new(RT_RESOLVE, sizeof *q);

    snprintf(q->host, sizeof q->host, "%s", host);
    q->port = port;
    q->msg.reply_to = reply_to;
    return q;
}

static void add_address(struct rt_resolve *q, const struct addrinfo *info)
{
    struct sockaddr_storage *addr = &q->addrs[q->count];

    if (q->count == RT_RESOLVE_ADDRS_MAX || info->ai_addrlen > sizeof *addr)
        return;
    if (info->ai_family != AF_INET && info->ai_family != AF_INET6)
        return;
    memcpy(addr, info->ai_addr, info->ai_addrlen);
    if (info->ai_family == AF_INET)
        ((struct sockaddr_in *)addr)->sin_port = htons(q->port);
    else
        ((struct sockaddr_in6 *)addr)->sin6_port = htons(q->port);
    q->count++;
}

static void answer(struct lookup *lookup, int status, const struct addrinfo *infos)
{
    struct rt_resolve *q = lookup->question;

    for (const struct addrinfo *info = infos; info; info = info->ai_next)
        add_address(q, info);
    if (q->count > 0)
        q->err = RT_ERR_OK;
    else if (status == 0 || status == UV_EAI_NONAME || status == UV_EAI_NODATA)
        q->err = RT_ERR_NOT_FOUND;
    else
        q->err = RT_ERR_SYSTEM;
    rt_msg_reply(lookup->worker, &q->msg);
    free(lookup);
}

static void on_addresses(uv_getaddrinfo_t *req, int status, struct addrinfo *infos)
{
    answer(req->data, status, infos);
    uv_freeaddrinfo(infos);
}

static void resolve_uv(void *ctx, struct rt_worker *w, struct rt_resolve *q)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
    struct lookup *lookup = calloc(1, sizeof *lookup);
    int status;

    (void)ctx;
    RT_INSIST(lookup != NULL);
    lookup->worker = w;
    lookup->question = q;
    lookup->req.data = lookup;
    status = uv_getaddrinfo(rt_worker_loop(w), &lookup->req, on_addresses, q->host, NULL, &hints);
    if (status != 0)
        answer(lookup, status, NULL);
}

const struct rt_resolver rt_resolver_uv = {.resolve = resolve_uv};
