/* The program of docs/C.md: counts how often it was run. readme FILE */

#include <stdio.h>

#include <fileheap.h>

static int run(const char *file) {
    fheap *heap;
    fheap_txn *txn;
    fheap_root root = FHEAP_ROOT_INIT;
    if (fheap_open_or_create(file, NULL, NULL, &heap) != FHEAP_OK) {
        puts(fheap_last_error());               /* what, in which file and where, what to do */
        return 1;
    }
    fheap_begin(heap, 0, FHEAP_FOREVER, &txn);
    if (fheap_lookup(heap, "runs", &root) == FHEAP_NOT_FOUND) {
        long *none = fheap_alloc(heap, sizeof *none);
        *none = 0;                              /* an ordinary store */
        root.offset = fheap_adopt(heap, none);  /* offsets last, addresses do not */
        root.bytes = sizeof *none;
        fheap_bind(heap, "runs", &root);
    }
    long *runs = fheap_resolve(heap, root.offset);
    *runs += 1;
    fheap_status done = fheap_commit(txn);      /* all of it, and on the disk */
    if (done != FHEAP_OK) puts(fheap_last_error());
    printf("run %ld\n", *runs);
    fheap_close(heap);
    return done != FHEAP_OK;
}

int main(int count, char **words) {
    if (count < 2) {
        fprintf(stderr, "usage: readme FILE\n");
        return 2;
    }
    return run(words[1]);
}
