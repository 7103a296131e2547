// fmalloc's demo: a linked list whose head lives in the file's application area. Run it again and
// again; each run prints what the earlier ones left and adds to it.
//
//     list FILE [count]

#include <cstdio>
#include <cstdlib>

#include <fmalloc.hpp> // the only line that differs from the same program for fmalloc

struct node {
    fm_ptr<struct node> next;
    unsigned long value;
};

struct area {
    fm_ptr<struct node> head;
    unsigned long count;
};

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: list FILE [count]\n");
        return 2;
    }
    bool init = false;
    struct fm_info *fi = fmalloc_init(argv[1], &init);
    if (!fi) {
        fprintf(stderr, "%s\n", fheap_last_error());
        return 1;
    }
    fmalloc_set_target(fi);
    struct area *area = (struct area *)((unsigned long)fi->mem + PAGE_SIZE);
    if (init) {
        area->head = NULL;
        area->count = 0;
        printf("new list\n");
    }
    unsigned long sum = 0, seen = 0;
    for (fm_ptr<struct node> n = area->head; n; n = n->next) {
        sum += n->value;
        seen++;
    }
    if (seen != area->count) {
        fprintf(stderr, "found %lu nodes, expected %lu\n", seen, area->count);
        return 1;
    }
    printf("found %lu nodes, sum %lu\n", seen, sum);
    for (int i = 0; i < (argc > 2 ? atoi(argv[2]) : 10); i++) {
        struct node *n = (struct node *)fmalloc(sizeof(struct node));
        if (!n) return 1;
        n->value = area->count;
        n->next = area->head;
        area->head = n;
        area->count++;
    }
    return 0; // committed at exit
}
