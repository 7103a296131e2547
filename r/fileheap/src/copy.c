/* Copies of ordinary vectors into a heap. */
#include "fileheap.h"

#include <string.h>

static const void *elements(SEXP x, size_t *size) {
    switch (TYPEOF(x)) {
    case LGLSXP: *size = sizeof(int); return LOGICAL_RO(x);
    case INTSXP: *size = sizeof(int); return INTEGER_RO(x);
    case REALSXP: *size = sizeof(double); return REAL_RO(x);
    case CPLXSXP: *size = sizeof(Rcomplex); return COMPLEX_RO(x);
    case RAWSXP: *size = 1; return RAW_RO(x);
    default:
        fh_stop("type", "a heap holds logical, integer, double, complex, raw and character "
                        "vectors and lists, not an object of type %s",
                Rf_type2char(TYPEOF(x)));
    }
}

/* Strings go in one after another, outside of entries: translating them may fail. */
static SEXP copy_strings(const fh_heap *heap, SEXP from, uint32_t how) {
    R_xlen_t length = Rf_xlength(from);
    SEXP x = PROTECT(fh_make_vector(heap, STRSXP, (double) length, how));
    fh_body *body = fh_own_body(x);
    for (R_xlen_t i = 0; i < length; i++) {
        fh_put_string(body, i, STRING_ELT(from, i));
        if ((i & 0xfffff) == 0xfffff) R_CheckUserInterrupt();
    }
    UNPROTECT(1);
    return x;
}

/* A vector of the heap with the elements of `from`, without attributes. */
SEXP C_copy_in(SEXP handle, SEXP from, SEXP temporary) {
    const fh_heap *heap = fh_heap_of(handle);
    uint32_t how = FH_STORED_TO_LATER | (Rf_asLogical(temporary) ? FH_TEMPORARILY : 0);
    if (TYPEOF(from) == STRSXP) return copy_strings(heap, from, how);
    size_t size;
    const void *source = elements(from, &size); /* before the entry: it may run code of R */
    R_xlen_t length = Rf_xlength(from);
    SEXP x = PROTECT(fh_make_vector(heap, (uint32_t) TYPEOF(from), (double) length, how));
    char *to = fh_own_body(x)->data;
    size_t left = (size_t) length * size, step = (size_t) 64 << 20;
    for (const char *at = source; left > 0; at += step, to += step, left -= step) {
        if (step > left) step = left;
        memcpy(to, at, step);
        if (left > step) R_CheckUserInterrupt();
    }
    UNPROTECT(1);
    return x;
}
