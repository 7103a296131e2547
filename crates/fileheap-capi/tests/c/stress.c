/* Threads allocate, resize and free in one transaction, blocks of others too, while one commits:
 * every block keeps its pattern, and nothing is lost or found at the end. */

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "expect.h"

enum { THREADS = 4, SLOTS = 2000 };

static fheap *heap;
static _Atomic(unsigned char *) slots[SLOTS];
static long rounds = 60000;
/* Held by who stores; by the committer alone. */
static pthread_rwlock_t at_rest = PTHREAD_RWLOCK_INITIALIZER;

static unsigned long next(unsigned long *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* A block begins with its length and is filled with what follows from its address's offset. */
static void fill(unsigned char *block, size_t bytes) {
    memcpy(block, &bytes, sizeof bytes);
    memset(block + sizeof bytes, (int)(bytes % 251), bytes - sizeof bytes);
}

static size_t verify(const unsigned char *block) {
    size_t bytes = 0;
    memcpy(&bytes, block, sizeof bytes);
    EXPECT(bytes >= 16 && bytes <= 300000);
    for (size_t i = sizeof bytes; i < bytes; ++i) EXPECT(block[i] == bytes % 251);
    return bytes;
}

static void *work(void *number) {
    unsigned long state = 88172645463325252ul + (unsigned long)(uintptr_t)number * 7919;
    for (long round = 0; round < rounds; ++round) {
        unsigned long chance = next(&state);
        pthread_rwlock_rdlock(&at_rest);
        size_t bytes = 16 + (chance % 100 < 97 ? next(&state) % 1000 : next(&state) % 200000);
        /* Taken out of its slot, a block is ours alone, whoever made it. */
        unsigned char *block = atomic_exchange(&slots[next(&state) % SLOTS], NULL);
        if (block != NULL) {
            size_t old = verify(block);
            EXPECT(fheap_usable_bytes(heap, block) >= old);
            if (chance % 7 != 0) {
                OK(fheap_free(heap, block));
                block = NULL;
            } else {
                block = fheap_realloc(heap, block, bytes);
                EXPECT(block != NULL);
            }
        }
        if (block == NULL) block = fheap_alloc(heap, bytes);
        EXPECT(block != NULL && (uintptr_t)block % 16 == 0);
        fill(block, bytes);
        unsigned char *before = atomic_exchange(&slots[next(&state) % SLOTS], block);
        if (before != NULL) {
            verify(before);
            OK(fheap_free(heap, before));
        }
        pthread_rwlock_unlock(&at_rest);
    }
    return NULL;
}

static void *commit_often(void *txn) {
    for (int i = 0; i < 40; ++i) {
        pthread_rwlock_wrlock(&at_rest);
        OK(fheap_commit_and_continue(txn));
        pthread_rwlock_unlock(&at_rest);
        sched_yield();
    }
    return NULL;
}

int main(int count, char **arguments) {
    EXPECT(count >= 2);
    if (count == 3) rounds = atol(arguments[2]);
    fheap_options options = small_heap();
    options.durability = FHEAP_PROCESS;
    fheap_txn *txn = NULL;
    OK(fheap_create(in_folder(arguments[1], "stress.heap"), &options, &heap));
    OK(fheap_begin(heap, 0, FHEAP_FOREVER, &txn));
    pthread_t threads[THREADS], committer;
    for (uintptr_t i = 0; i < THREADS; ++i) {
        EXPECT(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
    }
    EXPECT(pthread_create(&committer, NULL, commit_often, txn) == 0);
    for (int i = 0; i < THREADS; ++i) EXPECT(pthread_join(threads[i], NULL) == 0);
    EXPECT(pthread_join(committer, NULL) == 0);
    unsigned long live = 0;
    for (int i = 0; i < SLOTS; ++i) {
        if (slots[i] != NULL) {
            verify(slots[i]);
            ++live;
        }
    }
    OK(fheap_commit(txn));
    fheap_check_report report = FHEAP_CHECK_INIT;
    OK(fheap_check(heap, &report));
    EXPECT(report.finding_count == 0);
    EXPECT(report.live_count - report.catalog_count == live);
    OK(fheap_begin(heap, 0, FHEAP_FOREVER, &txn));
    for (int i = 0; i < SLOTS; ++i) OK(fheap_free(heap, slots[i]));
    OK(fheap_commit(txn));
    OK(fheap_check(heap, &report));
    EXPECT(report.finding_count == 0 && report.live_count == report.catalog_count);
    OK(fheap_close(heap));
    return 0;
}
