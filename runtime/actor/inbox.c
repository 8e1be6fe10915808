/* SPDX-License-Identifier: MPL-2.0 */
#include "actor/inbox.h"

#include <ck_pr.h>

void rt_inbox_init(struct rt_inbox *in)
{
    in->head = NULL;
    in->is_raised = 0;
}

bool rt_inbox_push(struct rt_inbox *in, struct rt_msg *m)
{
    struct rt_msg *head = ck_pr_load_ptr(&in->head);

    /* Release, not only store: what the sender read through m it must have read before m goes. */
    ck_pr_fence_release();
    do {
        m->next = head;
    } while (!ck_pr_cas_ptr_value(&in->head, head, m, &head));
    /* The push before the swap: who finds the flag raised leaves its message to a drain that comes
     * after the lowering, and both sides' read-modify-writes put the two in order. */
    ck_pr_fence_atomic();
    return ck_pr_fas_uint(&in->is_raised, 1) == 0;
}

struct rt_msg *rt_inbox_drain(struct rt_inbox *in, struct rt_msg **out_last)
{
    struct rt_msg *m, *oldest = NULL;

    /* A look first: an empty inbox costs no exclusive access to its cache line. */
    if (!ck_pr_load_ptr(&in->head))
        return NULL;
    m = ck_pr_fas_ptr(&in->head, NULL);
    /* Pairs with the release in push: the messages' bytes are read after the swap. */
    ck_pr_fence_acquire();
    *out_last = m;
    while (m) {
        struct rt_msg *older = m->next;

        m->next = oldest;
        oldest = m;
        m = older;
    }
    return oldest;
}

void rt_inbox_raise(struct rt_inbox *in)
{
    ck_pr_store_uint(&in->is_raised, 1);
}

void rt_inbox_lower(struct rt_inbox *in)
{
    ck_pr_fas_uint(&in->is_raised, 0);
    /* Lowered before the drain looks: full, as the drain's look is a plain load. */
    ck_pr_fence_memory();
}
