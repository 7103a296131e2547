/* Handles: R's grip on an open heap, and what can be asked of one. */
#include "fileheap.h"

#include <pthread.h>
#include <string.h>

/* After the engine's own handler, which it installs when it opens its first heap. */
static void watch_forks(void) {
    static int watching;
    if (!watching) pthread_atfork(NULL, NULL, fh_after_fork);
    watching = 1;
}

static SEXP tag(void) { return Rf_install("fileheap_handle"); }

static void free_handle(SEXP handle) {
    const fh_heap *heap = R_ExternalPtrAddr(handle);
    R_ClearExternalPtr(handle);
    if (heap) fh_heap_free(heap);
}

SEXP fh_new_handle(const fh_heap *heap) {
    SEXP handle = PROTECT(R_MakeExternalPtr(NULL, tag(), R_NilValue));
    R_RegisterCFinalizerEx(handle, free_handle, TRUE);
    R_SetExternalPtrAddr(handle, (void *) heap);
    UNPROTECT(1);
    return handle;
}

static int is_handle(SEXP x) { return TYPEOF(x) == EXTPTRSXP && R_ExternalPtrTag(x) == tag(); }

const fh_heap *fh_heap_of(SEXP handle) {
    if (!is_handle(handle))
        fh_stop("handle", "expected a runtime made by open_fmalloc(), found something else");
    const fh_heap *heap = R_ExternalPtrAddr(handle);
    if (!heap)
        fh_stop("closed", "this runtime was closed by cleanup_fmalloc(), or comes from another "
                          "session; open the heap again with open_fmalloc()");
    return heap;
}

SEXP C_open(SEXP path, SEXP limit, SEXP mode, SEXP read_only) {
    fh_fault fault;
    const fh_heap *heap = NULL;
    int is_new = 0;
    const char *file = R_ExpandFileName(Rf_translateChar(STRING_ELT(path, 0)));
    SEXP result = PROTECT(Rf_allocVector(VECSXP, 2));
    SEXP handle = PROTECT(fh_new_handle(NULL));
    if (fh_open(file, (uint64_t) Rf_asReal(limit), (uint32_t) Rf_asInteger(mode),
                Rf_asLogical(read_only), &heap, &is_new, &fault))
        fh_raise(&fault);
    R_SetExternalPtrAddr(handle, (void *) heap);
    watch_forks();
    SET_VECTOR_ELT(result, 0, handle);
    SET_VECTOR_ELT(result, 1, Rf_ScalarLogical(is_new));
    UNPROTECT(2);
    return result;
}

/* For references: never makes a file, for writing if that is allowed. */
SEXP C_open_existing(SEXP path) {
    fh_fault fault;
    const fh_heap *heap = NULL;
    const char *file = R_ExpandFileName(Rf_translateChar(STRING_ELT(path, 0)));
    SEXP handle = PROTECT(fh_new_handle(NULL));
    if (fh_open_existing(file, &heap, &fault)) fh_raise(&fault);
    R_SetExternalPtrAddr(handle, (void *) heap);
    watch_forks();
    UNPROTECT(1);
    return handle;
}

SEXP C_mode(SEXP handle) { return Rf_ScalarInteger((int) fh_mode(fh_heap_of(handle))); }

SEXP C_close(SEXP handle) {
    if (fh_in_transaction(fh_heap_of(handle)))
        fh_stop("in_use", "a transaction of this heap is open: end with_transaction() first");
    free_handle(handle);
    return R_NilValue;
}

SEXP C_is_open(SEXP handle) {
    return Rf_ScalarLogical(is_handle(handle) && R_ExternalPtrAddr(handle) != NULL);
}

SEXP C_path(SEXP handle) {
    char path[4096];
    fh_path(fh_heap_of(handle), path, sizeof path);
    return Rf_mkString(path);
}

static const char *figure_names[] = {
    "uuid",       "file_bytes", "disk_bytes", "live_bytes",   "free_bytes",
    "largest_free_bytes", "own_bytes", "log_bytes", "names", "records",
    "processes",  "live_vectors", "fragmentation", "mode", "writable", "in_transaction", ""};

SEXP C_figures(SEXP handle) {
    fh_fault fault;
    fh_figures_t told;
    if (fh_figures(fh_heap_of(handle), &told, &fault)) fh_raise(&fault);
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, figure_names));
    SEXP uuid = Rf_allocVector(RAWSXP, 16);
    SET_VECTOR_ELT(list, 0, uuid);
    memcpy(RAW(uuid), told.uuid, 16);
    double numbers[] = {
        (double) told.file_bytes, (double) told.disk_bytes, (double) told.live_bytes,
        (double) told.free_bytes, (double) told.largest_free_bytes, (double) told.own_bytes,
        (double) told.log_bytes, (double) told.names, (double) told.records,
        (double) told.processes, (double) told.live_vectors, told.fragmentation};
    int count = (int) (sizeof numbers / sizeof numbers[0]);
    for (int i = 0; i < count; i++) SET_VECTOR_ELT(list, 1 + i, Rf_ScalarReal(numbers[i]));
    SET_VECTOR_ELT(list, 1 + count,
                   Rf_mkString(told.mode == FH_SCRATCH ? "scratch" : "persistent"));
    SET_VECTOR_ELT(list, 2 + count, Rf_ScalarLogical(told.writable != 0));
    SET_VECTOR_ELT(list, 3 + count, Rf_ScalarLogical(told.in_transaction != 0));
    UNPROTECT(1);
    return list;
}

/* Records as a list of columns of numbers, for the data frame that R makes of them. */
SEXP C_records(SEXP handle) {
    enum { PAGE = 1024, COLUMNS = 9 };
    fh_fault fault;
    const fh_heap *heap = fh_heap_of(handle);
    fh_record *page = (fh_record *) R_alloc(PAGE, sizeof(fh_record));
    uint64_t count = 0, total = 0, after = 0;
    do {
        if (fh_records(heap, after, page, PAGE, &count, &fault)) fh_raise(&fault);
        total += count;
        if (count) after = page[count - 1].id;
    } while (count == PAGE);
    SEXP list = PROTECT(Rf_allocVector(VECSXP, COLUMNS));
    for (int i = 0; i < COLUMNS; i++) {
        SEXP column = Rf_allocVector(REALSXP, (R_xlen_t) total);
        SET_VECTOR_ELT(list, i, column);
        for (R_xlen_t row = 0; row < (R_xlen_t) total; row++) REAL(column)[row] = NA_REAL;
    }
    uint64_t row = 0;
    after = 0;
    while (row < total) {
        if (fh_records(heap, after, page, PAGE, &count, &fault)) fh_raise(&fault);
        if (!count) break;
        after = page[count - 1].id;
        for (uint64_t i = 0; i < count && row < total; i++, row++) {
            const fh_record *it = page + i;
            double values[COLUMNS] = {
                (double) it->id, (double) it->generation, it->state, it->element,
                (double) it->length, (double) it->payload_offset, (double) it->payload_bytes,
                (double) (it->flags & 0xffffffffu), (double) (it->flags >> 32)};
            for (int c = 0; c < COLUMNS; c++) REAL(VECTOR_ELT(list, c))[row] = values[c];
        }
    }
    UNPROTECT(1);
    return list;
}

SEXP C_check(SEXP handle) {
    enum { ROOM = 65536 };
    fh_fault fault;
    uint64_t count = 0;
    char *text = R_alloc(ROOM, 1);
    if (fh_check(fh_heap_of(handle), text, ROOM, &count, &fault)) fh_raise(&fault);
    return Rf_mkString(text);
}

SEXP C_panic(void) {
    fh_fault fault;
    if (fh_panic(&fault)) fh_raise(&fault);
    return R_NilValue;
}
