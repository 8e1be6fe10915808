/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the linker wraps malloc, calloc, realloc and free (see CMakeLists.txt), so the test counts
 * allocations and bytes in use. An idle tunnel costs at most IDLE_BYTES_MAX in this room. A steady
 * flow of small requests allocates only message blocks. The tables of the first request are freed
 * after a while.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <malloc.h>
#include <string.h>

#include <cmocka.h>

#include "room.h"
#include "tunnel/tunnel_metrics.h"

#define NODES 1000u
#define IDLE_BYTES_MAX 900u
#define CHUNK_HEAD 8u /* glibc's, per block */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void __wrap_free(void *p);

static size_t heap_bytes, heap_calls;

static void *count_in(void *p)
{
    heap_bytes += malloc_usable_size(p) + CHUNK_HEAD;
    heap_calls++;
    return p;
}

static void count_out(void *p)
{
    if (p)
        heap_bytes -= malloc_usable_size(p) + CHUNK_HEAD;
}

void *__wrap_malloc(size_t size)
{
    return count_in(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return count_in(__real_calloc(count, size));
}

void *__wrap_realloc(void *p, size_t size)
{
    count_out(p);
    return count_in(__real_realloc(p, size));
}

void __wrap_free(void *p)
{
    count_out(p);
    __real_free(p);
}

static void test_an_idle_tunnel_is_small(void **state)
{
    struct peer *peers[NODES];
    size_t before;

    room_end(state);
    room_start(NODES, 1);
    for (uint32_t i = 0; i < NODES; i++) {
        peers[i] = peer_new((uint16_t)(i % ROOM_WORKERS), 0);
        memcpy(peers[i]->key, &i, sizeof(i));
        peer_connect(peers[i]);
    }
    before = heap_bytes;
    for (uint32_t i = 0; i < NODES; i++) {
        peer_begin_register(peers[i], 0);
        room_run();
    }
    print_message("%zu bytes per idle tunnel with %u workers\n", (heap_bytes - before) / NODES,
                  ROOM_WORKERS);
    assert_true(heap_bytes > before);
    assert_true((heap_bytes - before) / NODES <= IDLE_BYTES_MAX);
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNELS), NODES);
}

static void test_a_steady_flow_allocates_the_blocks_only(void **state)
{
    struct peer *node = node_new(1, 10), *askers[8];
    size_t before;

    (void)state;
    for (uint8_t i = 0; i < 8; i++)
        askers[i] = peer_new(i % 3, (uint8_t)(50 + i));
    for (uint32_t id = 1; id <= 200; id++) {
        before = heap_calls;
        node->conn->sent_len = node->conn->sent_read = 0;
        peer_request(askers[id % 8], node->slot_id, id, 100);
        node_sends(node, 200, 1);
        assert_answered(askers[id % 8], id, 200, 1);
        if (id > 50)
            assert_int_equal(heap_calls - before, 1);
    }
}

static void test_the_tables_of_the_first_request_are_freed(void **state)
{
    struct peer *node = node_new(1, 10), *asker = peer_new(2, 50);
    size_t before = heap_bytes, used;

    (void)state;
    peer_request(asker, node->slot_id, 1, 100);
    node_sends(node, 200, 1);
    used = heap_bytes - before;
    assert_true(used > 1000);
    room_pass(30 * RT_S);
    assert_true(heap_bytes - before <= used - 1000);
    peer_request(asker, node->slot_id, 2, 100);
    node_sends(node, 200, 2);
    assert_answered(asker, 2, 200, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_begin, room_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_idle_tunnel_is_small),
        TEST(test_a_steady_flow_allocates_the_blocks_only),
        TEST(test_the_tables_of_the_first_request_are_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
