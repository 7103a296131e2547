/* fmalloc's functions: two files, several threads, sync and undo, what must not be touched. */

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmalloc.h>

#include "expect.h"

static struct fm_info *first, *second;

static struct fm_info *open_file(const char *path, bool *init) {
    struct fm_options options = FM_OPTIONS_INIT;
    options.limit_bytes = (uint64_t)512 << 20;
    options.durability = FHEAP_PROCESS;
    struct fm_info *info = fmalloc_init_with(path, init, &options);
    EXPECT(info != NULL && info->mem != NULL);
    return info;
}

static int lies_in(const void *block, const struct fm_info *info) {
    return fheap_base_of(block) == fheap_base_of(info->mem);
}

static void *on_a_thread(void *info) {
    void *there = fmalloc(100); /* no target named: the file opened last */
    EXPECT(there != NULL && lies_in(there, second));
    fmalloc_set_target(info);
    for (int i = 0; i < 5000; ++i) {
        char *block = fmalloc((size_t)i % 500);
        EXPECT(block != NULL && lies_in(block, info));
        memset(block, i, (size_t)i % 500);
        if (i % 3) ffree(block);
    }
    ffree(there);
    return NULL;
}

static void undo_and_sync(void) {
    long *numbers = (long *)(first->mem + PAGE_SIZE);
    fmalloc_set_target(first);
    numbers[0] = 1;
    OK(fmalloc_sync(first));
    numbers[0] = 2;
    OK(fmalloc_undo(first));
    EXPECT(numbers[0] == 1);
    char *block = frealloc(NULL, 10);
    block = frealloc(block, 100000);
    EXPECT(block != NULL && lies_in(block, first));
    ffree(block);
    ffree(block); /* twice: an error, no harm */
    EXPECT(fheap_last_status() == FHEAP_BAD_POINTER);
    ffree(&block);
    ffree(NULL);
    block = frealloc(NULL, 0); /* as glibc does it */
    EXPECT(block != NULL && frealloc(block, 0) == NULL);
    EXPECT(frealloc(block, 10) == NULL && fheap_last_status() == FHEAP_BAD_POINTER);
    char *zeros = fcalloc(10, 10);
    EXPECT(zeros != NULL && zeros[99] == 0);
    EXPECT(fcalloc(SIZE_MAX, 2) == NULL && fmalloc(SIZE_MAX) == NULL);
}

static int ready[2], go[2];

/* Never calls the library, but could be storing. */
static void *stores(void *unused) {
    char byte = 0;
    EXPECT(write(ready[1], "", 1) == 1 && read(go[0], &byte, 1) == 1);
    return unused;
}

/* While another thread could be storing nothing is committed by itself. */
static void threads_hold_it_back(const char *path) {
    EXPECT(pipe(ready) == 0 && pipe(go) == 0);
    if (fork() == 0) {
        struct fm_options options = FM_OPTIONS_INIT;
        options.commit_bytes = 1 << 20;
        options.limit_bytes = (uint64_t)512 << 20;
        options.durability = FHEAP_BACKGROUND; /* the library's own thread does not count */
        struct fm_info *info = fmalloc_init_with(path, NULL, &options);
        pthread_t thread;
        char byte = 0;
        if (info == NULL || pthread_create(&thread, NULL, stores, NULL) != 0) _exit(2);
        if (read(ready[0], &byte, 1) != 1) _exit(3);
        long *count = (long *)(info->mem + PAGE_SIZE);
        for (count[0] = 0; count[0] < 64; ++count[0]) {
            if (fmalloc(65536) == NULL) _exit(4);
        }
        OK(fmalloc_undo(info));
        if (count[0] != 0) _exit(5);
        if (write(go[1], "", 1) != 1 || pthread_join(thread, NULL) != 0) _exit(6);
        /* On a busy machine a thread is to be seen for a while after its end, and the library's
         * own has no name at first. */
        for (int i = 0; i < 1000 && count[0] == 0; ++i) {
            for (count[0] = 0; count[0] < 64; ++count[0]) {
                if (fmalloc(65536) == NULL) _exit(7);
            }
            OK(fmalloc_undo(info));
            usleep(5000);
        }
        _exit(count[0] == 0 ? 8 : 0);
    }
    int status = 0;
    EXPECT(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Without a target threads allocate in the file opened last that is still open. */
static void the_last_file_is_the_target(char *folder) {
    struct fm_info *files[5];
    char name[16];
    for (int i = 0; i < 5; ++i) {
        snprintf(name, sizeof name, "last%d.fm", i);
        files[i] = open_file(in_folder(folder, name), NULL);
    }
    for (int i = 4; i >= 0; --i) {
        void *block = fmalloc(16);
        EXPECT(block != NULL && lies_in(block, files[i]));
        OK(fmalloc_close(files[i]));
    }
}

/* What is committed without a word: what was allocated before `commit_bytes` were exceeded. */
static void commits_by_itself(const char *path) {
    if (fork() == 0) {
        struct fm_options options = FM_OPTIONS_INIT;
        options.commit_bytes = 1 << 20;
        options.limit_bytes = (uint64_t)512 << 20;
        struct fm_info *info = fmalloc_init_with(path, NULL, &options);
        if (info == NULL) _exit(2);
        long *count = (long *)(info->mem + PAGE_SIZE);
        for (int i = 0; i < 64; ++i) {
            if (fmalloc(65536) == NULL) _exit(3);
            *count = i + 1;
        }
        _exit(0); /* like a kill: nothing of the library runs */
    }
    int status = 0;
    EXPECT(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    bool init = true;
    struct fm_info *info = open_file(path, &init);
    long count = *(long *)(info->mem + PAGE_SIZE);
    EXPECT(!init && count >= 16 && count < 64);
    OK(fmalloc_close(info));
}

int main(int count, char **arguments) {
    EXPECT(count == 2);
    bool init = false;
    EXPECT(fmalloc(1) == NULL && fheap_last_status() == FHEAP_CLOSED);
    EXPECT(frealloc(NULL, 1) == NULL && fmalloc_init(NULL, &init) == NULL);
    commits_by_itself(in_folder(arguments[1], "self.fm"));
    threads_hold_it_back(in_folder(arguments[1], "held.fm"));
    the_last_file_is_the_target(arguments[1]);
    first = open_file(in_folder(arguments[1], "first.fm"), &init);
    EXPECT(init);
    second = open_file(in_folder(arguments[1], "second.fm"), &init);
    EXPECT(init && first->mem != second->mem);
    for (int i = 0; i < PAGE_SIZE; ++i) EXPECT(first->mem[PAGE_SIZE + i] == 0);
    pthread_t threads[2];
    EXPECT(pthread_create(&threads[0], NULL, on_a_thread, first) == 0);
    EXPECT(pthread_create(&threads[1], NULL, on_a_thread, second) == 0);
    EXPECT(pthread_join(threads[0], NULL) == 0 && pthread_join(threads[1], NULL) == 0);
    undo_and_sync();
    uint64_t offset = fheap_adopt(fheap_of(first->mem), first->mem);
    OK(fmalloc_close(first));
    EXPECT(first->mem == NULL);
    FAILS(FHEAP_CLOSED, fmalloc_close(first));
    FAILS(FHEAP_CLOSED, fmalloc_sync(first));
    FAILS(FHEAP_CLOSED, fmalloc_sync(NULL));
    fmalloc_set_target(first);
    EXPECT(fheap_last_status() == FHEAP_CLOSED);
    first = open_file(in_folder(arguments[1], "first.fm"), &init);
    EXPECT(!init && *(long *)(first->mem + PAGE_SIZE) == 1);
    EXPECT(fheap_adopt(fheap_of(first->mem), first->mem) == offset);
    fheap_check_report report = FHEAP_CHECK_INIT;
    OK(fmalloc_close(first));
    fheap *heap = NULL;
    OK(fheap_open(in_folder(arguments[1], "first.fm"), NULL, &heap));
    OK(fheap_check(heap, &report));
    EXPECT(report.finding_count == 0);
    OK(fheap_close(heap));
    const char *letter = in_folder(arguments[1], "letter.txt");
    FILE *file = fopen(letter, "w");
    EXPECT(file != NULL && fputs("foreign", file) > 0 && fclose(file) == 0);
    EXPECT(fmalloc_init(letter, &init) == NULL && fheap_last_status() == FHEAP_NOT_A_HEAP);
    file = fopen(letter, "r");
    char text[32] = "";
    EXPECT(file != NULL && fgets(text, sizeof text, file) && strcmp(text, "foreign") == 0);
    fclose(file);
    return 0; /* `second` is committed on the way out */
}
