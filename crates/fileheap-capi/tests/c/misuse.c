/* What must be an error and is no crash: NULL, closed, ended and invented handles, bad pointers. */

#include <pthread.h>

#include "expect.h"

static fheap *heap;

/* Every function, on a handle that is none. */
static void on(fheap *none) {
    fheap_txn *txn = (fheap_txn *)1;
    fheap_root root = FHEAP_ROOT_INIT;
    fheap_vector vector = FHEAP_VECTOR_INIT;
    fheap_stats stats = FHEAP_STAT_INIT;
    fheap_check_report report = FHEAP_CHECK_INIT;
    char name[FHEAP_NAME_BYTES];
    unsigned char uuid[16];
    FAILS(FHEAP_CLOSED, fheap_close(none));
    FAILS(FHEAP_CLOSED, fheap_release(none));
    FAILS(FHEAP_CLOSED, fheap_begin(none, 0, 0, &txn));
    EXPECT(txn == NULL);
    FAILS(FHEAP_CLOSED, fheap_begin_read(none, 0, &txn));
    EXPECT(fheap_alloc(none, 1) == NULL && fheap_last_status() == FHEAP_CLOSED);
    EXPECT(fheap_alloc_aligned(none, 16, 1) == NULL && fheap_calloc(none, 1, 1) == NULL);
    EXPECT(fheap_realloc(none, NULL, 1) == NULL && fheap_realloc(none, name, 1) == NULL);
    EXPECT(fheap_alloc_direct(none, 1, 0, NULL) == NULL);
    FAILS(FHEAP_CLOSED, fheap_free(none, name));
    FAILS(FHEAP_CLOSED, fheap_touch(none, name, 1));
    FAILS(FHEAP_CLOSED, fheap_enlist(none, name));
    FAILS(FHEAP_CLOSED, fheap_open_direct(none, name));
    EXPECT(fheap_usable_bytes(none, name) == 0 && fheap_is_direct(none, name) == 0);
    EXPECT(fheap_resize_in_place(none, name, 1) == 0);
    FAILS(FHEAP_CLOSED, fheap_bind(none, "a", &root));
    FAILS(FHEAP_CLOSED, fheap_rebind(none, "a", &root, NULL));
    FAILS(FHEAP_CLOSED, fheap_rename(none, "a", "b"));
    FAILS(FHEAP_CLOSED, fheap_unbind(none, "a", NULL));
    FAILS(FHEAP_CLOSED, fheap_lookup(none, "a", &root));
    FAILS(FHEAP_CLOSED, fheap_next_name(none, NULL, name, &root));
    FAILS(FHEAP_CLOSED, fheap_find_vector(none, 1, &vector));
    FAILS(FHEAP_CLOSED, fheap_stat(none, &stats));
    FAILS(FHEAP_CLOSED, fheap_check(none, &report));
    FAILS(FHEAP_CLOSED, fheap_sync(none));
    FAILS(FHEAP_CLOSED, fheap_checkpoint(none));
    FAILS(FHEAP_CLOSED, fheap_trim(none, NULL));
    FAILS(FHEAP_CLOSED, fheap_backup(none, "nowhere"));
    FAILS(FHEAP_CLOSED, fheap_uuid(none, uuid));
    EXPECT(fheap_base(none) == NULL && fheap_recorded_base(none) == 0);
    EXPECT(fheap_path(none, name, sizeof name) == 0 && fheap_is_writable(none) == 0);
    EXPECT(fheap_resolve(none, 4096) == NULL && fheap_adopt(none, name) == 0);
    EXPECT(fheap_is_at_recorded_base(none) == 0);
}

static void transactions_that_are_none(fheap_txn *none) {
    FAILS(FHEAP_CLOSED, fheap_commit(none));
    FAILS(FHEAP_CLOSED, fheap_commit_and_continue(none));
    FAILS(FHEAP_CLOSED, fheap_abort(none));
    FAILS(FHEAP_CLOSED, fheap_set_durability(none, FHEAP_POWER));
    EXPECT(fheap_txn_number(none) == 0);
}

/* What names stand for is allocated, or nowhere. */
static void roots(const char *block) {
    fheap_root root = FHEAP_ROOT_INIT;
    const uint64_t offset = fheap_adopt(heap, block);
    root.bytes = 100;
    OK(fheap_bind(heap, "nowhere", &root));
    const uint64_t bad[] = {12345, 1, 4096, offset + 1, offset + 16, offset + 4096,
                            (uint64_t)1 << 40, UINT64_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
        root.offset = bad[i];
        FAILS(FHEAP_BAD_POINTER, fheap_bind(heap, "dangling", &root));
        EXPECT(fheap_last_offset() == bad[i] && fheap_last_path() != NULL);
        FAILS(FHEAP_BAD_POINTER, fheap_rebind(heap, "nowhere", &root, NULL));
    }
    FAILS(FHEAP_NOT_FOUND, fheap_lookup(heap, "dangling", NULL));
    root.offset = offset;
    root.bytes = fheap_usable_bytes(heap, block) + 1;
    FAILS(FHEAP_BAD_POINTER, fheap_bind(heap, "dangling", &root));
    root.bytes -= 1;
    OK(fheap_bind(heap, "here", &root));
    OK(fheap_unbind(heap, "here", NULL));
    OK(fheap_rebind(heap, "nowhere", &root, NULL));
    OK(fheap_unbind(heap, "nowhere", &root));
    EXPECT(root.offset == offset);
}

static void pointers(void) {
    fheap_txn *txn = NULL;
    int local = 0;
    OK(fheap_begin(heap, 0, 0, &txn));
    char *block = fheap_alloc(heap, 100);
    FAILS(FHEAP_BAD_POINTER, fheap_free(heap, block + 16));
    FAILS(FHEAP_BAD_POINTER, fheap_free(heap, block + 1));
    FAILS(FHEAP_BAD_POINTER, fheap_free(heap, &local));
    FAILS(FHEAP_BAD_POINTER, fheap_free(heap, fheap_base(heap)));
    FAILS(FHEAP_BAD_POINTER, fheap_free_near(&local));
    EXPECT(fheap_realloc(heap, &local, 10) == NULL);
    EXPECT(fheap_alloc_near(&local, 16, 10, 0) == NULL);
    roots(block);
    OK(fheap_free(heap, block));
    FAILS(FHEAP_BAD_POINTER, fheap_free(heap, block));
    EXPECT(fheap_usable_bytes(heap, block) == 0);
    EXPECT(fheap_alloc(heap, SIZE_MAX) == NULL);
    EXPECT(fheap_last_status() == FHEAP_LIMIT_REACHED);
    EXPECT(fheap_alloc(heap, (size_t)1 << 34) == NULL);
    EXPECT(fheap_calloc(heap, SIZE_MAX / 2, 3) == NULL);
    const size_t odd[] = {0, 3, (size_t)1 << 63, SIZE_MAX};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; ++i) {
        EXPECT(fheap_alloc_aligned(heap, odd[i], 10) == NULL);
        EXPECT(fheap_last_status() == FHEAP_INVALID_ARGUMENT);
    }
    EXPECT(fheap_alloc_aligned(heap, (size_t)1 << 40, 10) == NULL);
    EXPECT(fheap_alloc_direct(heap, SIZE_MAX, 1, NULL) == NULL);
    EXPECT(fheap_last_status() == FHEAP_LIMIT_REACHED);
    FAILS(FHEAP_BAD_POINTER, fheap_touch(heap, block, SIZE_MAX));
    EXPECT(fheap_alloc_near(fheap_base(heap), 16, 10, 64) == NULL);
    FAILS(FHEAP_INVALID_ARGUMENT, fheap_bind(heap, NULL, NULL));
    FAILS(FHEAP_INVALID_ARGUMENT, fheap_bind(heap, "x", NULL));
    fheap_root reserved = FHEAP_ROOT_INIT;
    reserved.reserved = 1;
    FAILS(FHEAP_INVALID_ARGUMENT, fheap_bind(heap, "x", &reserved));
    FAILS(FHEAP_INVALID_ARGUMENT, fheap_lookup(heap, "", NULL));
    FAILS(FHEAP_INVALID_ARGUMENT, fheap_lookup(heap, "\xff\xfe", NULL));
    FAILS(FHEAP_INVALID_ARGUMENT, fheap_set_durability(txn, 77));
    FAILS(FHEAP_NESTED, fheap_begin(heap, 0, FHEAP_FOREVER, (fheap_txn *[1]){NULL}));
    FAILS(FHEAP_BUSY, fheap_close(heap));
    OK(fheap_abort(txn));
    EXPECT(fheap_alloc(heap, 1) == NULL && fheap_last_status() == FHEAP_INVALID_ARGUMENT);
    transactions_that_are_none(txn);
}

static void *on_another_thread(void *reading) {
    FAILS(FHEAP_CLOSED, fheap_abort(reading));
    fheap_txn *txn = NULL;
    FAILS(FHEAP_BUSY, fheap_begin(heap, 0, 10, &txn));
    return NULL;
}

static void readers(void) {
    fheap_txn *reading = NULL, *txn = NULL;
    OK(fheap_begin_read(heap, 0, &reading));
    FAILS(FHEAP_NESTED, fheap_begin(heap, 0, FHEAP_FOREVER, &txn));
    pthread_t other;
    EXPECT(pthread_create(&other, NULL, on_another_thread, reading) == 0);
    EXPECT(pthread_join(other, NULL) == 0);
    FAILS(FHEAP_CLOSED, fheap_set_durability(reading, FHEAP_POWER));
    OK(fheap_abort(reading));
}

static void structs(const char *path) {
    fheap *opened = (fheap *)1;
    struct {
        fheap_options options;
        uint64_t later;
    } longer = {FHEAP_OPTIONS_INIT, 0};
    longer.options.size = sizeof longer;
    OK(fheap_open(path, &longer.options, &opened));
    OK(fheap_close(opened));
    longer.later = 1;
    FAILS(FHEAP_UNSUPPORTED, fheap_open(path, &longer.options, &opened));
    EXPECT(opened == NULL);
    fheap_options options = FHEAP_OPTIONS_INIT;
    options.size = 0;
    FAILS(FHEAP_INVALID_ARGUMENT, fheap_open(path, &options, &opened));
    options.size = offsetof(fheap_options, capture); /* an earlier version's */
    OK(fheap_open(path, &options, &opened));
    OK(fheap_close(opened));
    options.size = sizeof options;
    options.flags = 1u << 20;
    FAILS(FHEAP_INVALID_ARGUMENT, fheap_open(path, &options, &opened));
    FAILS(FHEAP_INVALID_ARGUMENT, fheap_open(path, NULL, NULL));
    FAILS(FHEAP_INVALID_ARGUMENT, fheap_open(NULL, NULL, &opened));
    /* The answer goes no further than the caller's struct. */
    struct {
        size_t size;
        uint64_t file_bytes, untouched;
    } shorter = {16, 0, 77};
    OK(fheap_stat(heap, (fheap_stats *)&shorter));
    EXPECT(shorter.file_bytes > 0 && shorter.untouched == 77);
}

static void foreign(const char *path) {
    FILE *file = fopen(path, "w+");
    EXPECT(file != NULL && fputs("a letter, not a heap", file) > 0 && fflush(file) == 0);
    fheap *opened = NULL;
    FAILS(FHEAP_NOT_A_HEAP, fheap_open(path, NULL, &opened));
    EXPECT(strcmp(fheap_last_path(), path) == 0);
    FAILS(FHEAP_NOT_A_HEAP, fheap_open_or_create(path, NULL, NULL, &opened));
    FAILS(FHEAP_ALREADY_EXISTS, fheap_create(path, NULL, &opened));
    char text[64] = "";
    rewind(file);
    EXPECT(fgets(text, sizeof text, file) && strcmp(text, "a letter, not a heap") == 0);
    fclose(file);
    FAILS(FHEAP_NOT_FOUND, fheap_open("/nonexistent/x.heap", NULL, &opened));
    FAILS(FHEAP_NOT_A_FILE, fheap_open("/", NULL, &opened));
}

int main(int count, char **arguments) {
    EXPECT(count == 2);
    fheap_options options = small_heap();
    const char *path = in_folder(arguments[1], "misuse.heap");
    OK(fheap_last_status());
    EXPECT(fheap_last_error()[0] == 0 && fheap_last_path() == NULL && fheap_last_offset() == 0);
    on(NULL);
    transactions_that_are_none(NULL);
    OK(fheap_create(path, &options, &heap));
    on((fheap *)((uintptr_t)heap + 2));
    on((fheap *)((uintptr_t)heap + ((size_t)1 << 40)));
    on((fheap *)&options);
    on((fheap *)UINTPTR_MAX);
    transactions_that_are_none((fheap_txn *)&options);
    pointers();
    readers();
    structs(path);
    foreign(in_folder(arguments[1], "letter.txt"));
    fheap *closed = heap;
    OK(fheap_close(closed));
    on(closed);
    OK(fheap_open(path, &options, &heap)); /* the same place in the table, perhaps */
    EXPECT(heap != closed);
    on(closed);
    OK(fheap_close(heap));
    return 0;
}
