/* Threads open and close heaps all at once, and the process forks meanwhile: every handle that is
 * handed out is good until it is closed, the last one closes the heap, and no child hangs. */

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "expect.h"

enum { THREADS = 3, OPENINGS = 300, CHILDREN = 30 };

static fheap_options options;
static char *paths[2];
static fheap *parents;
static atomic_int done;

/* Others do the same with the same two files: nobody gets a heap that another one just closed. */
static void *open_and_close(void *number) {
    for (size_t i = 0; i < OPENINGS; ++i) {
        fheap *heap = NULL;
        fheap_stats stats = FHEAP_STAT_INIT;
        OK(fheap_open(paths[(i + (size_t)(uintptr_t)number) % 2], &options, &heap));
        EXPECT(fheap_is_at_recorded_base(heap));
        OK(fheap_stat(heap, &stats));
        OK(fheap_close(heap));
    }
    return NULL;
}

/* Works in the heap that children inherit. */
static void *work(void *unused) {
    (void)unused;
    while (!atomic_load(&done)) {
        fheap_txn *txn = NULL;
        OK(fheap_begin(parents, 0, FHEAP_FOREVER, &txn));
        EXPECT(fheap_alloc(parents, 100) != NULL);
        OK(fheap_abort(txn));
        fheap_lookup(parents, "nothing", NULL);
    }
    return NULL;
}

/* A lock that nobody gives back would hang it. */
static void in_child(int number) {
    fheap *heap = NULL;
    fheap_txn *txn = NULL;
    fheap_stats stats = FHEAP_STAT_INIT;
    alarm(60);
    FAILS(FHEAP_FORKED_CHILD, fheap_lookup(parents, "nothing", NULL));
    FAILS(FHEAP_FORKED_CHILD, fheap_stat(parents, &stats));
    FAILS(FHEAP_FORKED_CHILD, fheap_begin_read(parents, FHEAP_FOREVER, &txn));
    FAILS(FHEAP_FORKED_CHILD, fheap_sync(parents));
    if (number % 2 == 0) OK(fheap_close(parents));
    OK(fheap_open(paths[number % 2], &options, &heap));
    OK(fheap_begin(heap, 0, FHEAP_FOREVER, &txn));
    EXPECT(fheap_alloc(heap, 16) != NULL);
    OK(fheap_commit(txn));
    OK(fheap_close(heap));
    exit(0);
}

static void *close_one(void *heap) { return (void *)(uintptr_t)fheap_close(heap); }

/* Two handles closed at once while a transaction is open: one of them must be the last. */
static void the_last_handle_waits_for_the_transaction(void) {
    for (int round = 0; round < 50; ++round) {
        fheap *both[2] = {NULL, NULL};
        fheap_txn *txn = NULL;
        pthread_t threads[2];
        void *said[2];
        for (int i = 0; i < 2; ++i) OK(fheap_open(paths[0], &options, &both[i]));
        OK(fheap_begin(both[0], 0, FHEAP_FOREVER, &txn));
        for (int i = 0; i < 2; ++i) {
            EXPECT(pthread_create(&threads[i], NULL, close_one, both[i]) == 0);
        }
        for (int i = 0; i < 2; ++i) EXPECT(pthread_join(threads[i], &said[i]) == 0);
        int busy = (uintptr_t)said[0] == FHEAP_BUSY ? 0 : 1;
        EXPECT((uintptr_t)said[busy] == FHEAP_BUSY && (uintptr_t)said[!busy] == FHEAP_OK);
        OK(fheap_abort(txn));
        OK(fheap_close(both[busy]));
    }
}

/* Released, a heap goes with its transaction. */
static void released(void) {
    fheap *heap = NULL;
    fheap_txn *txn = NULL;
    OK(fheap_open(paths[0], &options, &heap));
    OK(fheap_begin(heap, 0, FHEAP_FOREVER, &txn));
    OK(fheap_release(heap));
    FAILS(FHEAP_BUSY, fheap_compact(paths[0], NULL, NULL));
    OK(fheap_commit(txn));
    OK(fheap_compact(paths[0], NULL, NULL));
    OK(fheap_open(paths[0], &options, &heap));
    OK(fheap_begin_read(heap, FHEAP_FOREVER, &txn));
    OK(fheap_release(heap));
    OK(fheap_abort(txn));
    OK(fheap_compact(paths[0], NULL, NULL));
    OK(fheap_open(paths[0], &options, &heap));
    OK(fheap_release(heap));
    FAILS(FHEAP_CLOSED, fheap_release(heap));
    FAILS(FHEAP_CLOSED, fheap_release(NULL));
}

int main(int count, char **arguments) {
    EXPECT(count == 2);
    options = small_heap();
    options.durability = FHEAP_PROCESS;
    for (int i = 0; i < 2; ++i) {
        fheap *heap = NULL;
        paths[i] = strdup(in_folder(arguments[1], i == 0 ? "one.heap" : "other.heap"));
        OK(fheap_create(paths[i], &options, &heap));
        OK(fheap_close(heap));
    }
    the_last_handle_waits_for_the_transaction();
    released();
    OK(fheap_create(in_folder(arguments[1], "parents.heap"), &options, &parents));
    pthread_t threads[THREADS], worker;
    EXPECT(pthread_create(&worker, NULL, work, NULL) == 0);
    for (uintptr_t i = 0; i < THREADS; ++i) {
        EXPECT(pthread_create(&threads[i], NULL, open_and_close, (void *)i) == 0);
    }
    for (int i = 0; i < CHILDREN; ++i) {
        pid_t child = fork();
        EXPECT(child >= 0);
        if (child == 0) in_child(i);
        int status = 0;
        EXPECT(waitpid(child, &status, 0) == child && status == 0);
    }
    for (int i = 0; i < THREADS; ++i) EXPECT(pthread_join(threads[i], NULL) == 0);
    atomic_store(&done, 1);
    EXPECT(pthread_join(worker, NULL) == 0);
    OK(fheap_close(parents));
    for (int i = 0; i < 2; ++i) {
        fheap *heap = NULL;
        fheap_check_report report = FHEAP_CHECK_INIT;
        OK(fheap_open(paths[i], &options, &heap));
        OK(fheap_check(heap, &report));
        EXPECT(report.finding_count == 0);
        OK(fheap_close(heap));
        free(paths[i]);
    }
    return 0;
}
