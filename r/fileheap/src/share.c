/* Sharing: columns and rows of matrices for workers, results stored in place, vectors by token. */
#include "fileheap.h"

#include <stdlib.h>
#include <string.h>

/* Columns of at least so many bytes are looked at where they are; smaller ones are copied. */
#define SLICE_BYTES 4096

static void *writable_elements(SEXP x) {
    switch (TYPEOF(x)) {
    case LGLSXP: return LOGICAL(x);
    case INTSXP: return INTEGER(x);
    case REALSXP: return REAL(x);
    case CPLXSXP: return COMPLEX(x);
    default: return RAW(x);
    }
}

/* Elements `start`... of a vector of numbers, with `names` or NULL. */
SEXP C_slice(SEXP x, SEXP start, SEXP count, SEXP names) {
    size_t size = 0;
    R_xlen_t at = (R_xlen_t) Rf_asReal(start), length = (R_xlen_t) Rf_asReal(count);
    const char *from = fh_elements(x, &size);
    if (!from || at < 0 || length < 0 || at + length > Rf_xlength(x))
        fh_stop("internal", "a slice beyond the vector");
    from += (size_t) at * size;
    SEXP part;
    if ((size_t) length * size >= SLICE_BYTES) {
        part = PROTECT(fh_new_slice(x, from, length));
    } else {
        part = PROTECT(Rf_allocVector(TYPEOF(x), length));
        if (length) memcpy(writable_elements(part), from, (size_t) length * size);
    }
    if (names != R_NilValue) Rf_setAttrib(part, R_NamesSymbol, names);
    UNPROTECT(1);
    return part;
}

#define TRANSPOSE(type)                                                                            \
    for (R_xlen_t j = 0; j < columns; j++) {                                                       \
        const type *column = (const type *) from + j * rows + at;                                  \
        type *to = (type *) target + j;                                                            \
        for (R_xlen_t i = 0; i < block; i++) to[i * columns] = column[i];                          \
    }

/* Rows `first`... of a matrix of numbers, one after the other: whole cache lines are read. */
SEXP C_rows(SEXP x, SEXP row_count, SEXP first, SEXP count) {
    size_t size = 0;
    const char *from = fh_elements(x, &size);
    R_xlen_t rows = (R_xlen_t) Rf_asReal(row_count), at = (R_xlen_t) Rf_asReal(first);
    R_xlen_t block = (R_xlen_t) Rf_asReal(count);
    R_xlen_t columns = rows ? Rf_xlength(x) / rows : 0;
    if (!from || at < 0 || at + block > rows) fh_stop("internal", "rows beyond the matrix");
    SEXP result = PROTECT(Rf_allocVector(TYPEOF(x), block * columns));
    void *target = writable_elements(result);
    switch (size) {
    case 1: TRANSPOSE(Rbyte) break;
    case 4: TRANSPOSE(int) break;
    case 8: TRANSPOSE(double) break;
    default: TRANSPOSE(Rcomplex) break;
    }
    UNPROTECT(1);
    return result;
}

/* Stores a result in place: `value` has the type of `x`. */
SEXP C_store(SEXP x, SEXP start, SEXP value) {
    size_t size = 0;
    R_xlen_t at = (R_xlen_t) Rf_asReal(start), length = Rf_xlength(value);
    fh_body *body = fh_body_of(x);
    if (!body || !(body->flags & FH_MUTABLE))
        fh_stop("read_only", "results can be stored in place only into a vector that is shared "
                             "for writing");
    fh_need_alive(body);
    if (TYPEOF(value) != TYPEOF(x) || at < 0 || at + length > Rf_xlength(x))
        fh_stop("internal", "a result that does not fit");
    const void *from = fh_elements(value, &size);
    memcpy((char *) body->data + (size_t) at * size, from, (size_t) length * size);
    return R_NilValue;
}

/* A vector of the heap by its record: to look at, or one whose stores all processes see. */
SEXP C_shared(SEXP handle, SEXP id, SEXP writable) {
    fh_fault fault;
    fh_body *body = NULL;
    const fh_heap *heap = fh_heap_of(handle);
    uint64_t record = (uint64_t) Rf_asReal(id);
    if (!Rf_asLogical(writable)) return fh_get_vector(heap, record, FH_LOOK);
    SEXP keeper = PROTECT(fh_new_keeper());
    fh_begin_entry(heap);
    int code = fh_share(heap, record, &body, &fault);
    if (body) R_SetExternalPtrAddr(keeper, body);
    fh_end_entry(heap, code, &fault);
    SEXP x = fh_new_vector(keeper, body);
    UNPROTECT(1);
    return x;
}

/* Whether this is a vector of a heap that others find by its record. */
SEXP C_is_live(SEXP x) {
    fh_body *body = fh_body_of(x);
    if (!body || body->flags & FH_DETACHED) return Rf_ScalarLogical(FALSE);
    fh_need_alive(body);
    return Rf_ScalarLogical(fh_is_home(body));
}

/* The processes that have vectors of the heap. */
SEXP C_holders(SEXP handle) {
    enum { ROOM = 4096 };
    fh_fault fault;
    uint64_t count = 0;
    int32_t *pids = (int32_t *) R_alloc(ROOM, sizeof *pids);
    if (fh_holders(fh_heap_of(handle), pids, ROOM, &count, &fault)) fh_raise(&fault);
    if (count > ROOM) count = ROOM;
    SEXP result = Rf_allocVector(INTSXP, (R_xlen_t) count);
    for (uint64_t i = 0; i < count; i++) INTEGER(result)[i] = pids[i];
    return result;
}

/* See mutualinfo.rs; codes of discrete variables count from 0. */
SEXP C_mutualinfo(SEXP x, SEXP y, SEXP x_levels, SEXP y_levels, SEXP eps) {
    fh_fault fault;
    double information = 0;
    if (fh_mutualinfo(REAL_RO(x), REAL_RO(y), (uint64_t) Rf_xlength(x),
                      (uint32_t) Rf_asInteger(x_levels), (uint32_t) Rf_asInteger(y_levels),
                      Rf_asReal(eps), &information, &fault))
        fh_raise(&fault);
    return Rf_ScalarReal(information);
}
