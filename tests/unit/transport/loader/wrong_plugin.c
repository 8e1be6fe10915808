/* SPDX-License-Identifier: MPL-2.0 */
/* A plugin that serves nothing, with the fault its build asks for (-DWRONG_...). */
#include "abi/relay_transport.h"

static int worker_init(const struct relay_host *host, struct relay_worker *w, void **out_state,
                       struct relay_error *err)
{
    (void)host, (void)w, (void)out_state, (void)err;
    return -1;
}

static void worker_fini(void *state)
{
    (void)state;
}

static int listen_on(void *state, const struct relay_listen *spec, struct relay_listener **out,
                     struct sockaddr_storage *out_bound, struct relay_error *err)
{
    (void)state, (void)spec, (void)out, (void)out_bound, (void)err;
    return -1;
}

static void unlisten(struct relay_listener *l)
{
    (void)l;
}

static int dial(void *state, const struct sockaddr *addr, socklen_t addr_len, void *user,
                struct relay_conn **out, struct relay_error *err)
{
    (void)state, (void)addr, (void)addr_len, (void)user, (void)out, (void)err;
    return -1;
}

static void send_vec(struct relay_conn *c, struct relay_vec *v)
{
    (void)c, (void)v;
}

static void on_conn(struct relay_conn *c)
{
    (void)c;
}

static void close_conn(struct relay_conn *c, enum relay_close how)
{
    (void)c, (void)how;
}

static void peer(const struct relay_conn *c, struct sockaddr_storage *out)
{
    (void)c, (void)out;
}

#ifdef WRONG_UNDEFINED
void undefined_function(void);
#endif

static const struct relay_transport table = {
#ifdef WRONG_MAGIC
    .magic = 0x600df00d,
#else
    .magic = RELAY_TRANSPORT_MAGIC,
#endif
#ifdef WRONG_ABI
    .abi_minor = RELAY_ABI_MINOR + 1,
#else
    .abi_minor = RELAY_ABI_MINOR,
#endif
#ifdef WRONG_BUILD
    .build = RELAY_BUILD_KIND == RELAY_BUILD_TSAN ? RELAY_BUILD_PLAIN : RELAY_BUILD_TSAN,
#else
    .build = RELAY_BUILD_KIND,
#endif
#ifdef WRONG_SIZE
    .size = sizeof(struct relay_transport) + 8,
#elif defined(WRONG_OLDER_SIZE)
    .size = sizeof(struct relay_transport) - 8,
#else
    .size = sizeof(struct relay_transport),
#endif
#ifdef WRONG_NAME
    .name = "../etc",
#else
    .name = "wrong",
#endif
#ifdef WRONG_SCHEMES
    .schemes = "",
#else
    .schemes = "wrong wronger",
#endif
    .worker_init = worker_init,
    .worker_fini = worker_fini,
    .listen = listen_on,
    .unlisten = unlisten,
    .dial = dial,
    .send = send_vec,
    .pause = on_conn,
#ifndef WRONG_VERB
    .resume = on_conn,
#endif
    .close = close_conn,
    .peer = peer,
};

#ifdef WRONG_SYMBOL
#define relay_transport_v1 relay_transport_v0
#endif

__attribute__((visibility("default"))) const struct relay_transport *relay_transport_v1(void);

const struct relay_transport *relay_transport_v1(void)
{
#ifdef WRONG_UNDEFINED
    undefined_function();
#endif
#ifdef WRONG_NULL
    return table.magic ? NULL : &table;
#else
    return &table;
#endif
}
