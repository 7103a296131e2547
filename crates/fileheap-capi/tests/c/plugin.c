/* The library loaded at run time, by a process that has threads already, as an interpreter would:
 * plugin LIBRARY FOLDER */

#include <dlfcn.h>
#include <fileheap.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *library, *path;
static int loaded[2], answer[2];

#define WANT(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: expected %s\n", __FILE__, __LINE__, #condition);               \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)
/* A function of the library, of the type that the header gives it. */
#define FIND(handle, name)                                                                         \
    void *name##_at = dlsym(handle, #name);                                                        \
    __typeof__(&name) name##_ = NULL;                                                              \
    WANT(name##_at != NULL);                                                                       \
    memcpy(&name##_, &name##_at, sizeof name##_at)

static void work(void *handle) {
    FIND(handle, fheap_open_or_create);
    FIND(handle, fheap_begin);
    FIND(handle, fheap_alloc);
    FIND(handle, fheap_commit);
    FIND(handle, fheap_close);
    fheap_options options = FHEAP_OPTIONS_INIT;
    options.limit_bytes = (uint64_t)512 << 20;
    options.durability = FHEAP_BACKGROUND; /* with a thread of the library's own */
    fheap *heap = NULL;
    fheap_txn *txn = NULL;
    WANT(fheap_open_or_create_(path, &options, NULL, &heap) == FHEAP_OK);
    WANT(fheap_begin_(heap, 0, FHEAP_FOREVER, &txn) == FHEAP_OK);
    for (int i = 0; i < 1000; ++i) WANT(fheap_alloc_(heap, 64) != NULL);
    WANT(fheap_commit_(txn) == FHEAP_OK && fheap_close_(heap) == FHEAP_OK);
}

/* Born before the library was there. */
static void *older(void *unused) {
    void *handle = NULL;
    WANT(read(loaded[0], &handle, sizeof handle) == sizeof handle);
    work(handle);
    WANT(write(answer[1], "", 1) == 1);
    return unused;
}

int main(int count, char **words) {
    WANT(count == 3 && chdir(words[2]) == 0);
    library = words[1];
    path = "plugin.heap";
    WANT(pipe(loaded) == 0 && pipe(answer) == 0);
    for (int round = 0; round < 3; ++round) {
        pthread_t thread;
        char byte = 0;
        WANT(pthread_create(&thread, NULL, older, NULL) == 0);
        void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
        if (handle == NULL) fprintf(stderr, "%s\n", dlerror());
        WANT(handle != NULL);
        work(handle);
        WANT(write(loaded[1], &handle, sizeof handle) == sizeof handle);
        WANT(read(answer[0], &byte, 1) == 1);
        WANT(dlclose(handle) == 0);
        /* What the thread leaves behind is cleared up though nobody holds the library. */
        WANT(pthread_join(thread, NULL) == 0);
    }
    return 0;
}
