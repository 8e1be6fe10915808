/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The input of fuzz_quic: one byte of options, then records. Each record is one send of datagrams.
 *
 *     record = flags (1 byte)  length (2, big-endian)  segment (2, where QUIC_RECORD_JOINED)  bytes
 */
#ifndef QUIC_RECORDS_H
#define QUIC_RECORDS_H

#define QUIC_OPTION_RETRY 0x01 /* every address has to be proven */

#define QUIC_RECORD_FROM 0x03    /* which of the peers sends it */
#define QUIC_RECORD_JOINED 0x04  /* many datagrams of `segment` bytes, as the kernel joins them */
#define QUIC_RECORD_PATCHED 0x08 /* to the connection id the server gave that peer last */
#define QUIC_RECORD_LATER 0x30   /* time passes before it; see fuzz_quic.c */

#define QUIC_RECORD_HEAD 3u
#define QUIC_PEERS 4u

#endif
