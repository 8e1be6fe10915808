/* SPDX-License-Identifier: MPL-2.0 */
/* Requirements on tcp_tls beyond the laws: tests for test_tcp_tls.c to list. */
#ifndef CF_TCP_TLS_TESTS_H
#define CF_TCP_TLS_TESTS_H

/* X(function, description) */
#define TCP_TLS_TEST_LIST(X)                                                                       \
    X(tls_silent_peer, "a silent peer raises no event until the host closes it")                   \
    X(tls_garbage, "garbage instead of TLS ends as a failed handshake")                            \
    X(tls_leaves_early, "a peer that leaves during the handshake is not a failed handshake")       \
    X(tls_old_version, "TLS 1.2 is refused with an alert")                                         \
    X(tls_parameters, "TLS 1.3, AES-128-GCM, X25519, Ed25519; no ALPN, no ticket")                 \
    X(tls_split_everywhere, "records may arrive in any pieces")                                    \
    X(tls_half_close, "after a half-close the answer is still delivered")                          \
    X(tls_close_notify, "close_notify, FIN, and at most a second of waiting")                      \
    X(tls_reset, "a reset ends the connection after earlier input was delivered")                  \
    X(tls_garbage_later, "garbage after the handshake ends as a protocol error")                   \
    X(tls_key_update, "key updates are accepted between records")                                  \
    X(tls_quick_acknowledgement, "half a message is acknowledged at once")                         \
    X(tls_dual_stack, "the IPv6 wildcard takes IPv4 too")                                          \
    X(tls_shared_port, "listeners of all workers share a port, strangers do not")                  \
    X(tls_error_texts, "each refusal has an error text")                                           \
    X(tls_inherited, "an inherited socket is used, and closed with the listener")                  \
    X(tls_out_of_descriptors, "without descriptors peers are refused, not left waiting")           \
    X(tls_idle_holds_nothing, "idle connections hold no buffers")

#define X(function, text) void function(void **state);
TCP_TLS_TEST_LIST(X)
#undef X

#endif
