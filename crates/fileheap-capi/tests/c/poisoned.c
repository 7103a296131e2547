/* A disk that fails to sync: the commit says so, nothing is written any more, the heap can be closed
 * and opened anew, and is as it was. By the library's own calls of fdatasync, which end up here. */

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmalloc.h>

#include "expect.h"

static int fails;

int fdatasync(int file) {
    if (fails) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, file);
}

static void heap(const char *path) {
    fheap_options options = small_heap();
    fheap *heap = NULL;
    fheap_txn *txn = NULL;
    OK(fheap_create(path, &options, &heap));
    OK(fheap_begin(heap, 0, FHEAP_FOREVER, &txn));
    long *number = fheap_alloc(heap, sizeof *number);
    EXPECT(number != NULL);
    *number = 1;
    fheap_root root = FHEAP_ROOT_INIT;
    root.offset = fheap_adopt(heap, number);
    OK(fheap_bind(heap, "number", &root));
    OK(fheap_commit_and_continue(txn));
    *number = 2;
    fails = 1;
    FAILS(FHEAP_POISONED, fheap_commit(txn));
    FAILS(FHEAP_CLOSED, fheap_abort(txn));
    FAILS(FHEAP_POISONED, fheap_begin(heap, 0, FHEAP_FOREVER, &txn));
    EXPECT(txn == NULL && *number == 1);
    fails = 0;
    FAILS(FHEAP_POISONED, fheap_begin(heap, 0, FHEAP_FOREVER, &txn));
    fheap_close(heap);
    FAILS(FHEAP_CLOSED, fheap_close(heap));
    OK(fheap_open(path, &options, &heap));
    OK(fheap_begin(heap, 0, FHEAP_FOREVER, &txn));
    OK(fheap_lookup(heap, "number", &root));
    /* What the disk has: with the commit that failed, or without. */
    number = fheap_resolve(heap, root.offset);
    EXPECT(*number == 1 || *number == 2);
    OK(fheap_commit(txn));
    OK(fheap_close(heap));
}

static void file(const char *path) {
    struct fm_options options = FM_OPTIONS_INIT;
    options.limit_bytes = (uint64_t)512 << 20;
    struct fm_info *info = fmalloc_init_with(path, NULL, &options);
    EXPECT(info != NULL);
    long *number = (long *)(info->mem + PAGE_SIZE);
    *number = 1;
    OK(fmalloc_sync(info));
    *number = 2;
    fails = 1;
    FAILS(FHEAP_POISONED, fmalloc_sync(info));
    EXPECT(fmalloc_sync(info) != FHEAP_OK && fmalloc_close(info) != FHEAP_OK && info->mem != NULL);
    fails = 0;
    FAILS(FHEAP_POISONED, fmalloc_undo(info));
    FAILS(FHEAP_POISONED, fmalloc_undo(info));
    EXPECT(fmalloc(10) == NULL);
    fmalloc_close(info);
    EXPECT(info->mem == NULL);
    info = fmalloc_init_with(path, NULL, &options);
    EXPECT(info != NULL);
    number = (long *)(info->mem + PAGE_SIZE);
    EXPECT(*number == 1 || *number == 2);
    OK(fmalloc_close(info));
}

int main(int count, char **arguments) {
    EXPECT(count == 2);
    heap(in_folder(arguments[1], "poisoned.heap"));
    file(in_folder(arguments[1], "poisoned.fm"));
    return 0;
}
