/* Everything once: open, allocate, name, commit, abort, read, extents, upkeep. */

#include "expect.h"

static const char *folder;

static void allocations(fheap *heap) {
    fheap_txn *txn = NULL;
    OK(fheap_begin(heap, 0, FHEAP_FOREVER, &txn));
    EXPECT(fheap_txn_number(txn) > 0);
    for (size_t bytes = 0; bytes < 200000; bytes = bytes * 2 + 1) {
        unsigned char *block = fheap_alloc(heap, bytes);
        EXPECT(block != NULL && (uintptr_t)block % 16 == 0);
        EXPECT(fheap_usable_bytes(heap, block) >= bytes);
        memset(block, 0x5a, bytes);
        block = fheap_realloc(heap, block, bytes * 3 + 1);
        EXPECT(block != NULL && (bytes == 0 || block[bytes - 1] == 0x5a));
        OK(fheap_free(heap, block));
    }
    for (size_t align = 1; align <= 1 << 16; align *= 2) {
        void *block = fheap_alloc_aligned(heap, align, 100);
        EXPECT(block != NULL && (uintptr_t)block % align == 0);
        OK(fheap_free(heap, block));
    }
    char *zeros = fheap_calloc(heap, 1000, 7);
    for (int i = 0; i < 7000; ++i) EXPECT(zeros[i] == 0);
    EXPECT(fheap_resize_in_place(heap, zeros, 100) == 1);
    OK(fheap_free(heap, zeros));
    OK(fheap_free(heap, NULL));
    uint64_t offset = fheap_adopt(heap, fheap_alloc(heap, 8));
    EXPECT(offset != 0 && fheap_of(fheap_resolve(heap, offset)) == heap);
    EXPECT(fheap_base_of(fheap_resolve(heap, offset)) == fheap_base(heap));
    OK(fheap_free_near(fheap_resolve(heap, offset)));
    EXPECT(fheap_is_inside(fheap_base(heap)) == 1 && fheap_is_inside(&txn) == 0);
    void *near = fheap_alloc_near(fheap_base(heap), 64, 100, 0);
    EXPECT(near != NULL && (uintptr_t)near % 64 == 0);
    OK(fheap_free_near(near));
    OK(fheap_abort(txn));
}

static void names(fheap *heap) {
    fheap_txn *txn = NULL;
    OK(fheap_begin(heap, 0, 0, &txn));
    char *text = fheap_alloc(heap, 32);
    strcpy(text, "kept");
    fheap_root root = FHEAP_ROOT_INIT, found = FHEAP_ROOT_INIT;
    root.kind = 7;
    root.fingerprint = 99;
    root.offset = fheap_adopt(heap, text);
    root.bytes = 32;
    OK(fheap_bind(heap, "text", &root));
    OK(fheap_lookup(heap, "text", &found));
    EXPECT(found.offset == root.offset && found.kind == 7 && found.fingerprint == 99);
    EXPECT(found.size == sizeof found);
    OK(fheap_bind(heap, "other", &root));
    OK(fheap_rename(heap, "other", "third"));
    OK(fheap_rebind(heap, "third", &root, &found));
    char name[FHEAP_NAME_BYTES];
    OK(fheap_next_name(heap, NULL, name, NULL));
    EXPECT(strcmp(name, "text") == 0);
    OK(fheap_next_name(heap, name, name, &found));
    EXPECT(strcmp(name, "third") == 0 && found.bytes == 32);
    FAILS(FHEAP_NOT_FOUND, fheap_next_name(heap, name, name, &found));
    OK(fheap_unbind(heap, "third", NULL));
    OK(fheap_commit_and_continue(txn));
    strcpy(text, "undone");
    EXPECT(fheap_alloc(heap, 100000) != NULL);
    OK(fheap_abort(txn));
    FAILS(FHEAP_CLOSED, fheap_abort(txn));
    OK(fheap_lookup(heap, "text", &found));
    EXPECT(strcmp((char *)fheap_resolve(heap, found.offset), "kept") == 0);
    FAILS(FHEAP_NOT_FOUND, fheap_lookup(heap, "third", &found));
}

static void tracked(fheap *heap) {
    fheap_txn *txn = NULL;
    fheap_root root = FHEAP_ROOT_INIT;
    OK(fheap_begin(heap, FHEAP_TRACKED, 1000, &txn));
    OK(fheap_set_durability(txn, FHEAP_PROCESS));
    OK(fheap_lookup(heap, "text", &root));
    char *text = fheap_resolve(heap, root.offset);
    OK(fheap_touch(heap, text, 8));
    strcpy(text, "told");
    FAILS(FHEAP_BAD_POINTER, fheap_touch(heap, &txn, 8));
    OK(fheap_commit(txn));
    OK(fheap_begin_read(heap, FHEAP_FOREVER, &txn));
    EXPECT(strcmp(text, "told") == 0 && fheap_txn_number(txn) > 0);
    OK(fheap_commit(txn));
}

static void extents(fheap *heap) {
    fheap_txn *txn = NULL;
    size_t usable = 0;
    OK(fheap_begin(heap, 0, FHEAP_FOREVER, &txn));
    char *extent = fheap_alloc_direct(heap, 100000, 1, &usable);
    EXPECT(extent != NULL && usable >= 100000 && extent[99999] == 0);
    EXPECT(fheap_is_direct(heap, extent) == 1);
    fheap_root root = FHEAP_ROOT_INIT;
    root.offset = fheap_adopt(heap, extent);
    root.bytes = usable;
    OK(fheap_bind(heap, "extent", &root));
    OK(fheap_commit(txn));
    extent[5] = 5; /* at once in the file */
    OK(fheap_begin(heap, 0, FHEAP_FOREVER, &txn));
    OK(fheap_open_direct(heap, extent));
    OK(fheap_enlist(heap, extent));
    extent[5] = 6;
    OK(fheap_abort(txn));
    EXPECT(extent[5] == 5);
}

static void upkeep(fheap *heap) {
    fheap_stats stats = FHEAP_STAT_INIT;
    OK(fheap_stat(heap, &stats));
    EXPECT(stats.size == sizeof stats && stats.name_count == 2 && stats.direct_count == 1);
    fheap_check_report report = FHEAP_CHECK_INIT;
    OK(fheap_check(heap, &report));
    EXPECT(report.finding_count == 0 && report.live_count >= 4);
    EXPECT(fheap_finding(0, NULL) == NULL);
    OK(fheap_sync(heap));
    OK(fheap_checkpoint(heap));
    fheap_trim_report trimmed = FHEAP_TRIM_INIT;
    OK(fheap_trim(heap, &trimmed));
    OK(fheap_backup(heap, in_folder(folder, "copy.heap")));
    FAILS(FHEAP_ALREADY_EXISTS, fheap_backup(heap, in_folder(folder, "copy.heap")));
    FAILS(FHEAP_BUSY, fheap_compact(in_folder(folder, "basics.heap"), NULL, NULL));
}

static void text_is(const char *path, const fheap_options *options) {
    fheap *heap = NULL;
    OK(fheap_open(path, options, &heap));
    fheap_root root = FHEAP_ROOT_INIT;
    OK(fheap_lookup(heap, "text", &root));
    EXPECT(strcmp((char *)fheap_resolve(heap, root.offset), "told") == 0);
    OK(fheap_close(heap));
}

int main(int count, char **arguments) {
    EXPECT(count == 2);
    folder = arguments[1];
    fheap_options options = small_heap();
    fheap *heap = NULL, *again = NULL;
    const char *path = in_folder(folder, "basics.heap");
    int is_new = -1;
    OK(fheap_open_or_create(path, &options, &is_new, &heap));
    EXPECT(is_new == 1 && fheap_is_writable(heap) && fheap_base(heap) != NULL);
    char shown[4096];
    EXPECT(fheap_path(heap, shown, sizeof shown) == strlen(shown) + 1);
    unsigned char uuid[16], copied[16];
    OK(fheap_uuid(heap, uuid));
    allocations(heap);
    names(heap);
    tracked(heap);
    extents(heap);
    upkeep(heap);
    /* Two handles, one heap. */
    OK(fheap_open(path, &options, &again));
    EXPECT(again != heap && fheap_base(again) == fheap_base(heap));
    OK(fheap_close(heap));
    EXPECT(fheap_base(heap) == NULL && fheap_base(again) != NULL);
    /* The copy beside it. */
    OK(fheap_open(in_folder(folder, "copy.heap"), &options, &heap));
    OK(fheap_uuid(heap, copied));
    EXPECT(memcmp(uuid, copied, 16) == 0 && fheap_base(heap) != fheap_base(again));
    OK(fheap_close(heap));
    OK(fheap_close(again));
    fheap_compact_report compacted = FHEAP_COMPACT_INIT;
    OK(fheap_compact(path, NULL, &compacted));
    EXPECT(compacted.after_bytes <= compacted.before_bytes);
    fheap_check_report repaired = FHEAP_CHECK_INIT;
    OK(fheap_repair(path, 0, &repaired));
    EXPECT(repaired.finding_count == 0);
    text_is(path, &options);
    options.flags = FHEAP_READ_ONLY;
    text_is(path, &options);
    EXPECT(strcmp(fheap_version(), "0.1.0") == 0);
    return 0;
}
