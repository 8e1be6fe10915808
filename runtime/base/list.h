/* SPDX-License-Identifier: MPL-2.0 */
/*
 * An intrusive, circular, doubly linked list. A head is a node of its own; an unlinked node points
 * at itself, so that unlinking twice is harmless. Owner: the owner of the structs around the nodes.
 */
#ifndef RT_LIST_H
#define RT_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct rt_list {
    struct rt_list *next, *prev;
};

static inline void rt_list_init(struct rt_list *l)
{
    l->next = l->prev = l;
}

static inline bool rt_list_empty(const struct rt_list *l)
{
    return l->next == l;
}

static inline void rt_list_unlink(struct rt_list *n)
{
    n->next->prev = n->prev;
    n->prev->next = n->next;
    rt_list_init(n);
}

/* n must be unlinked. */
static inline void rt_list_push_back(struct rt_list *head, struct rt_list *n)
{
    n->prev = head->prev;
    n->next = head;
    head->prev->next = n;
    head->prev = n;
}

static inline void rt_list_push_front(struct rt_list *head, struct rt_list *n)
{
    rt_list_push_back(head->next, n);
}

/* The first node, unlinked; NULL when empty. */
static inline struct rt_list *rt_list_pop_front(struct rt_list *head)
{
    struct rt_list *n = head->next;

    if (n == head)
        return NULL;
    rt_list_unlink(n);
    return n;
}

#endif
