/* Threads allocate while the transaction ends and the heap is closed under them: they get errors,
 * never memory of a transaction that is gone, and nothing crashes. */

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "expect.h"

static _Atomic(fheap *) current;
static atomic_int done;
static atomic_long got, refused;

static void *allocate(void *unused) {
    (void)unused;
    while (!atomic_load(&done)) {
        fheap *heap = atomic_load(&current);
        void *block = fheap_alloc(heap, 64);
        if (block != NULL) {
            /* Neither freed nor stored to: the transaction, or the heap, may be gone by now. */
            atomic_fetch_add(&got, 1);
        } else {
            fheap_status why = fheap_last_status();
            EXPECT(why == FHEAP_CLOSED || why == FHEAP_INVALID_ARGUMENT);
            atomic_fetch_add(&refused, 1);
        }
    }
    return NULL;
}

int main(int count, char **arguments) {
    EXPECT(count == 2);
    fheap_options options = small_heap();
    options.durability = FHEAP_PROCESS;
    const char *path = in_folder(arguments[1], "ending.heap");
    pthread_t threads[3];
    for (int i = 0; i < 3; ++i) EXPECT(pthread_create(&threads[i], NULL, allocate, NULL) == 0);
    for (int round = 0; round < 60; ++round) {
        fheap *heap = NULL;
        fheap_txn *txn = NULL;
        OK(fheap_open_or_create(path, &options, NULL, &heap));
        atomic_store(&current, heap);
        for (int i = 0; i < 3; ++i) {
            OK(fheap_begin(heap, 0, FHEAP_FOREVER, &txn));
            /* Now and then somebody allocates before the end. */
            long before = atomic_load(&got);
            for (int turn = 0; turn < 1000 && atomic_load(&got) == before; ++turn) sched_yield();
            OK(round % 16 == 0 ? fheap_commit(txn) : fheap_abort(txn));
        }
        OK(fheap_close(heap));
    }
    atomic_store(&done, 1);
    for (int i = 0; i < 3; ++i) EXPECT(pthread_join(threads[i], NULL) == 0);
    EXPECT(atomic_load(&got) > 0 && atomic_load(&refused) > 0);
    fheap *heap = NULL;
    fheap_check_report report = FHEAP_CHECK_INIT;
    OK(fheap_open(path, &options, &heap));
    OK(fheap_check(heap, &report));
    EXPECT(report.finding_count == 0);
    OK(fheap_close(heap));
    return 0;
}
