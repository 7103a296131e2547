/* Fork: a child leaves its parent's heap and transaction alone, and opens heaps of its own, even
 * when it was born while other threads were inside of the library. */

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmalloc.h>

#include "expect.h"

static fheap *heap;
static const char *own_path;
static fheap_options options;
static atomic_int done;

/* Runs in a child, which must end well and soon: a lock that nobody gives back would hang it. */
static void in_child(void (*work)(void)) {
    pid_t child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
        alarm(60);
        work();
        _exit(0);
    }
    int status = 0;
    EXPECT(waitpid(child, &status, 0) == child);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static fheap_txn *parents;
static char *block;

static void leave_alone(void) {
    fheap_txn *txn = NULL;
    EXPECT(fheap_alloc(heap, 16) == NULL && fheap_last_status() == FHEAP_FORKED_CHILD);
    /* What is as large is mapped straight to the file. */
    EXPECT(fheap_alloc(heap, (size_t)200 << 20) == NULL);
    FAILS(FHEAP_FORKED_CHILD, fheap_free(heap, block));
    FAILS(FHEAP_FORKED_CHILD, fheap_free_near(block));
    FAILS(FHEAP_FORKED_CHILD, fheap_begin(heap, 0, FHEAP_FOREVER, &txn));
    FAILS(FHEAP_FORKED_CHILD, fheap_lookup(heap, "x", NULL));
    FAILS(FHEAP_FORKED_CHILD, fheap_commit_and_continue(parents));
    FAILS(FHEAP_FORKED_CHILD, fheap_commit(parents));
    FAILS(FHEAP_FORKED_CHILD, fheap_abort(parents));
    EXPECT(fheap_txn_number(parents) == 0);
}

static void *allocate_once(void *own) {
    EXPECT(fheap_alloc(own, 16) != NULL);
    return NULL;
}

/* Heaps of its own, from several threads. */
static void open_own(void) {
    fheap *own = NULL;
    fheap_txn *txn = NULL;
    OK(fheap_open_or_create(own_path, &options, NULL, &own));
    OK(fheap_begin(own, 0, FHEAP_FOREVER, &txn));
    pthread_t thread;
    EXPECT(pthread_create(&thread, NULL, allocate_once, own) == 0);
    EXPECT(fheap_alloc(own, 16) != NULL);
    EXPECT(pthread_join(thread, NULL) == 0);
    OK(fheap_commit(txn));
    OK(fheap_close(own));
}

static void *look_up(void *unused) {
    (void)unused;
    while (!atomic_load(&done)) {
        fheap_lookup(heap, "nothing", NULL);
        fheap_is_inside(&done);
    }
    return NULL;
}

int main(int count, char **arguments) {
    EXPECT(count == 2);
    options = small_heap();
    options.durability = FHEAP_PROCESS;
    own_path = strdup(in_folder(arguments[1], "own.heap"));
    OK(fheap_create(in_folder(arguments[1], "parent.heap"), &options, &heap));
    OK(fheap_begin(heap, 0, FHEAP_FOREVER, &parents));
    block = fheap_alloc(heap, 100);
    EXPECT(block != NULL);
    in_child(leave_alone);
    in_child(open_own);
    EXPECT(fheap_usable_bytes(heap, block) >= 100);
    OK(fheap_commit(parents));
    pthread_t threads[3];
    for (int i = 0; i < 3; ++i) EXPECT(pthread_create(&threads[i], NULL, look_up, NULL) == 0);
    for (int i = 0; i < 40; ++i) in_child(open_own);
    atomic_store(&done, 1);
    for (int i = 0; i < 3; ++i) EXPECT(pthread_join(threads[i], NULL) == 0);
    fheap_check_report report = FHEAP_CHECK_INIT;
    OK(fheap_check(heap, &report));
    EXPECT(report.finding_count == 0 && report.live_count == report.catalog_count + 1);
    OK(fheap_close(heap));
    free((void *)own_path);
    return 0;
}
