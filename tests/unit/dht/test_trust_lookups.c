/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: simulated sessions with a bootstrap peer that is the whole network. Soon after the key is
 * pinned, its rotation and its revocation are looked up, then once a day. A rotation that the peer
 * or our own store holds is followed. The records of the new key are looked up, and the peer is
 * accepted with this key. A revocation voids the pin: one warning is logged and the peer is
 * refused. The revocation of a configured key only causes a warning. Found records are saved and
 * count after a restart. There are no look-ups without a reachable peer or after DHT_STOP.
 */
#include "actor_world.h"
#include "trust_support.h"

#include "base/log.h"
#include "dht/dht_limits.h"
#include "wire_dht.h"
#include "wire_envelope.h"

#define STEP_NS (100 * RT_MS)
#define HELD_MAX 8u

/* -- the peer -- */

static uint32_t shown; /* the number of the key it uses */
static uint32_t held_count;
static struct trust_record held[HELD_MAX]; /* its replies to look-ups */
static uint32_t rotations_asked[TRUST_KEYS], revocations_asked[TRUST_KEYS];

static void count_question(const uint8_t target[32])
{
    uint8_t key[32];

    for (uint32_t i = 0; i < TRUST_KEYS; i++) {
        wire_rotation_key(trust_pub(i), key);
        rotations_asked[i] += memcmp(key, target, 32) == 0;
        wire_revocation_key(trust_pub(i), key);
        revocations_asked[i] += memcmp(key, target, 32) == 0;
    }
}

static void give_value(struct dial *d)
{
    struct wire_store s = {.ttl_secs = 100};
    uint8_t bytes[1024], target[32];
    struct wire_writer w;
    bool fits, has_value = false;

    assert_int_equal(wire_find_value_decode(d->payload, d->len, target), RT_ERR_OK);
    count_question(target);
    for (uint32_t i = 0; i < held_count && !has_value; i++) {
        has_value = memcmp(held[i].key, target, 32) == 0;
        s.value = (struct wire_bytes){held[i].bytes, held[i].len};
    }
    memcpy(s.key, target, 32);
    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_find_value_reply(&w, has_value ? &s : NULL, NULL, 0);
    fake_reply(d, WIRE_FIND_VALUE, 0, bytes, (uint32_t)wire_writer_len(&w, &fits));
    assert_true(fits);
}

/* True: something was done. */
static bool serve_one(void)
{
    uint8_t bytes[64];
    struct wire_writer w;
    bool fits;

    for (struct dial *d = fake_dials; d; d = d->next) {
        if (!d->is_ready) {
            fake_ready(d, trust_pub(shown));
            return true;
        }
        if (!d->has_request)
            continue;
        wire_writer_init(&w, bytes, sizeof(bytes));
        wire_write_find_node_reply(&w, NULL, 0);
        if (d->type == WIRE_FIND_VALUE)
            give_value(d);
        else
            fake_reply(d, d->type, 0, bytes, (uint32_t)wire_writer_len(&w, &fits));
        return true;
    }
    return false;
}

static void serve(uint64_t ns)
{
    for (uint64_t step = ns > 1000 * STEP_NS ? RT_S : STEP_NS, passed = 0; passed < ns;
         passed += step) {
        world_pass(step);
        while (serve_one())
            world_run();
    }
}

/* -- the log -- */

static char lines[64][RT_LOG_LINE_MAX + 2];
static uint32_t line_count;

static void on_line(void)
{
}

/* The number of log lines with this text since the test began. */
static uint32_t logged(const char *text)
{
    uint32_t count = 0;

    while (line_count < 64 && rt_log_ring_take(lines[line_count], RT_LOG_LINE_MAX + 2) > 0)
        line_count++;
    for (uint32_t i = 0; i < line_count; i++)
        count += strstr(lines[i], text) != NULL;
    return count;
}

/* -- the disk -- */

static uint32_t row_count;
static struct trust_record rows[HELD_MAX];
static uint32_t pins_len;
static uint8_t pins[512];

static void drop_row(const uint8_t key[32])
{
    for (uint32_t i = 0; i < row_count; i++)
        if (memcmp(rows[i].key, key, 32) == 0)
            rows[i] = rows[--row_count];
}

static void put_row(const uint8_t key[32], const struct relay_slice *value)
{
    struct trust_record *r;

    drop_row(key);
    assert_true(row_count < HELD_MAX && value->len <= sizeof(r->bytes));
    r = &rows[row_count++];
    memcpy(r->key, key, 32);
    memcpy(r->bytes, value->ptr, value->len);
    r->len = value->len;
}

static void put_pins(const struct relay_slice *p)
{
    assert_true(p->len <= sizeof(pins));
    memcpy(pins, p->ptr, p->len);
    pins_len = p->len;
}

static void on_write(const struct storage_write *w)
{
    switch (w->msg.kind) {
    case STORAGE_PUT_PINS:
        put_pins(&w->payload);
        break;
    case STORAGE_PUT_IDENTITY_RECORD:
        put_row(w->row_key, &w->payload);
        break;
    case STORAGE_DROP_IDENTITY_RECORD:
        drop_row(w->row_key);
        break;
    default:
        break;
    }
}

static void load(void)
{
    uint8_t copy[sizeof(pins)];

    rt_log_configure(RELAY_LOG_INFO, RT_LOG_TEXT); /* the world logs errors only */
    rt_log_ring_start(on_line);
    memcpy(copy, pins, pins_len);
    if (pins_len > 0)
        dht_load_pins(world_system, copy, pins_len);
    for (uint32_t i = row_count; i-- > 0;) {
        struct trust_record r = rows[i];

        dht_load_identity(world_system, r.key, r.bytes, r.len);
    }
}

static void start(void **state, const uint8_t *written_key)
{
    if (written_key)
        (void)actor_begin_with_written_key(state, written_key);
    else
        (void)actor_begin_with_bootstrap(state);
}

/* Restarts the relay with the saved state. */
static void restart(const uint8_t *written_key)
{
    (void)logged(""); /* empties the ring */
    rt_log_ring_stop();
    (void)actor_end(NULL);
    line_count = 0;
    start(NULL, written_key);
}

static int begin(void **state)
{
    (void)trust_setup(state);
    actor_store = on_write;
    actor_load = load;
    row_count = pins_len = 0;
    memset(rotations_asked, 0, sizeof(rotations_asked));
    memset(revocations_asked, 0, sizeof(revocations_asked));
    held_count = shown = line_count = 0;
    memset(lines, 0, sizeof(lines));
    start(state, NULL);
    return 0;
}

static int end(void **state)
{
    rt_log_ring_stop();
    return actor_end(state);
}

/* Sends a STORE as a peer of dialect C. */
static void store_here(struct trust_record r)
{
    struct dht_request *a = dht_request_new(DHT_STORE);

    a->dialect = WIRE_DIALECT_C;
    a->peer_dialects = WIRE_DIALECT_BIT(WIRE_DIALECT_C);
    a->origin = test_node(0x0b000901, 9);
    a->ttl_secs = LIM_VALUE_TTL_MAX_S;
    memcpy(a->key, r.key, 32);
    a->payload = rt_slice_copy(r.bytes, r.len);
    a = actor_ask(&a->msg);
    assert_int_equal(a->refusal, WIRE_REFUSAL_NONE);
}

/* -- tests -- */

static void test_records_of_a_pin_are_looked_up_daily(void **state)
{
    (void)state;
    serve(30 * RT_S);
    assert_int_equal(logged("its key is pinned"), 1);
    assert_int_equal(rotations_asked[0], 1);
    assert_int_equal(revocations_asked[0], 1);
    serve(86000 * RT_S);
    assert_int_equal(rotations_asked[0], 1);
    serve(500 * RT_S);
    assert_int_equal(rotations_asked[0], 2);
    assert_int_equal(revocations_asked[0], 2);
}

static void test_a_rotation_that_is_found_is_followed(void **state)
{
    (void)state;
    held[held_count++] = trust_rotation(0, 1, 1);
    held[held_count++] = trust_rotation(1, 2, 1);
    serve(60 * RT_S);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(rotations_asked[i], 1);
        assert_int_equal(revocations_asked[i], 1);
    }
    assert_int_equal(logged("its new key is accepted too"), 2);
    shown = 2;
    serve(3600 * RT_S);
    assert_int_equal(logged("another key"), 0);
    shown = 3;
    serve(3600 * RT_S);
    assert_true(logged("another key") > 0);
}

static void test_a_rotation_that_is_stored_here_is_followed(void **state)
{
    (void)state;
    serve(30 * RT_S);
    store_here(trust_rotation(1, 2, 1)); /* of a key in no chain, so far */
    store_here(trust_rotation(0, 1, 1));
    serve(30 * RT_S);
    assert_int_equal(logged("its new key is accepted too"), 2);
    assert_int_equal(rotations_asked[2], 1);
    shown = 2;
    serve(3600 * RT_S);
    assert_int_equal(logged("another key"), 0);
}

static void test_a_revocation_voids_the_pin(void **state)
{
    (void)state;
    held[held_count++] = trust_rotation(0, 1, 1);
    serve(60 * RT_S);
    store_here(trust_revocation(1));
    assert_int_equal(logged("ADDR@KEY"), 1);
    serve(3600 * RT_S);
    for (shown = 0; shown < 3; shown++)
        serve(3600 * RT_S);
    assert_int_equal(logged("ADDR@KEY"), 1);
    assert_int_equal(logged("bootstrap peer reached"), 1); /* the first time only */
    store_here(trust_rotation(0, 4, 2));                   /* a branch without the revoked key */
    shown = 4;
    serve(3600 * RT_S);
    assert_int_equal(logged("bootstrap peer reached"), 2);
}

static void test_saved_records_count_after_a_restart(void **state)
{
    (void)state;
    held[held_count++] = trust_rotation(0, 1, 1);
    held[held_count++] = trust_revocation(1);
    serve(60 * RT_S);
    assert_int_equal(row_count, 2);
    held_count = 0; /* the network has no records any more */
    restart(NULL);
    assert_int_equal(logged("ADDR@KEY"), 1);
    serve(3600 * RT_S);
    assert_int_equal(logged("bootstrap peer reached"), 0);
    assert_int_equal(logged("ADDR@KEY"), 1);
    assert_int_equal(row_count, 2);
    pins_len = 0; /* the operator removes the pin */
    restart(NULL);
    assert_int_equal(row_count, 0);
    serve(3600 * RT_S);
    assert_int_equal(logged("its key is pinned"), 1);
}

static void test_a_written_key(void **state)
{
    (void)state;
    restart(trust_pub(0));
    held[held_count++] = trust_rotation(0, 1, 1);
    held[held_count++] = trust_revocation(0);
    serve(3600 * RT_S);
    assert_int_equal(logged("replace it with the peer's new key"), 1);
    assert_int_equal(logged("bootstrap peer reached"), 1);
    shown = 1;
    serve(3600 * RT_S);
    assert_true(logged("another key") > 0);
    restart(trust_pub(0));
    assert_int_equal(logged("replace it with the peer's new key"), 1);
    assert_int_equal(row_count, 2);
    restart(NULL);
    assert_int_equal(row_count, 0);
}

static void test_no_reachable_peer(void **state)
{
    struct rt_msg *stop;

    (void)state;
    serve(5 * RT_S);
    assert_true(pins_len > 0);
    rotations_asked[0] = revocations_asked[0] = 0;
    restart(NULL);
    world_pass(600 * RT_S); /* the peer does not answer */
    assert_int_equal(rotations_asked[0], 0);
    serve(900 * RT_S);
    assert_int_equal(rotations_asked[0], 1);
    assert_int_equal(revocations_asked[0], 1);
    stop = rt_msg_new(DHT_STOP, sizeof(*stop));
    rt_send(world_worker(), dht_addr(world_worker()), stop);
    serve(200000 * RT_S);
    assert_int_equal(rotations_asked[0], 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_records_of_a_pin_are_looked_up_daily),
        TEST(test_a_rotation_that_is_found_is_followed),
        TEST(test_a_rotation_that_is_stored_here_is_followed),
        TEST(test_a_revocation_voids_the_pin),
        TEST(test_saved_records_count_after_a_restart),
        TEST(test_a_written_key),
        TEST(test_no_reachable_peer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
