/* What the test programs say when something is not as it must be. */

#ifndef EXPECT_H
#define EXPECT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fileheap.h>

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: expected %s; last error: %d %s\n", __FILE__, __LINE__,         \
                    #condition, (int)fheap_last_status(), fheap_last_error());                     \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#define OK(call) EXPECT((call) == FHEAP_OK)
#define FAILS(status, call)                                                                        \
    do {                                                                                           \
        EXPECT((call) == (status));                                                                \
        EXPECT(fheap_last_status() == (status) && fheap_last_error()[0] != 0);                     \
    } while (0)

/* A path in the folder that the program was given. */
static inline const char *in_folder(const char *folder, const char *name) {
    static char paths[4][4096];
    static int next = 0;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* Small enough for tools that know every address: valgrind, sanitizers. */
static inline fheap_options small_heap(void) {
    fheap_options options = FHEAP_OPTIONS_INIT;
    options.limit_bytes = (uint64_t)512 << 20;
    return options;
}

#endif
