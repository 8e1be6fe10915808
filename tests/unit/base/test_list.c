/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: pushing at both ends keeps the order. Popping takes the first node and leaves it unlinked.
 * Unlinking works at any position, and twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/list.h"

struct item {
    int n;
    struct rt_list node;
};

static int pop(struct rt_list *head)
{
    struct rt_list *node = rt_list_pop_front(head);

    if (!node)
        return -1;
    assert_true(rt_list_empty(node));
    return RT_CONTAINER_OF(node, struct item, node)->n;
}

static void test_order(void **state)
{
    struct item items[4] = {{.n = 0}, {.n = 1}, {.n = 2}, {.n = 3}};
    struct rt_list head;

    (void)state;
    rt_list_init(&head);
    assert_true(rt_list_empty(&head));
    assert_null(rt_list_pop_front(&head));
    for (int i = 0; i < 4; i++)
        rt_list_init(&items[i].node);
    rt_list_push_back(&head, &items[1].node);
    rt_list_push_back(&head, &items[2].node);
    rt_list_push_front(&head, &items[0].node);
    rt_list_push_back(&head, &items[3].node);
    assert_false(rt_list_empty(&head));
    rt_list_unlink(&items[2].node);
    rt_list_unlink(&items[2].node);
    assert_int_equal(pop(&head), 0);
    assert_int_equal(pop(&head), 1);
    assert_int_equal(pop(&head), 3);
    assert_int_equal(pop(&head), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order)};

    return cmocka_run_group_tests_name("base/list", tests, NULL, NULL);
}
