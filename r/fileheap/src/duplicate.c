/* Copies of numbers: small ones on R's heap, large ones in the same heap as temporaries. */
#include "fileheap.h"

#include <string.h>

static double large_bytes(void) {
    SEXP option = Rf_GetOption1(Rf_install("fileheap.copy_bytes"));
    double bytes = Rf_isNumeric(option) && Rf_xlength(option) == 1 ? Rf_asReal(option) : NA_REAL;
    return ISNAN(bytes) ? 64.0 * 1024 * 1024 : bytes;
}

static size_t size_of(uint32_t element) {
    return element == REALSXP ? 8 : element == CPLXSXP ? 16 : element == RAWSXP ? 1 : 4;
}

/* NULL (of C) lets R copy to its own heap. R copies attributes in either case. */
SEXP fh_duplicate(SEXP x, Rboolean deep) {
    (void) deep;
    fh_fault fault;
    fh_body *from = fh_own_body(x);
    fh_need_alive(from);
    size_t bytes = (size_t) from->length * size_of(from->element);
    if (from->flags & FH_DETACHED || (double) bytes < large_bytes()) return NULL;
    if (fh_in_transaction(from->heap)) return NULL; /* an abort must not take variables away */
    SEXP keeper = PROTECT(fh_new_keeper());
    fh_body *to = NULL;
    if (!fh_try_entry(from->heap)) {
        UNPROTECT(1);
        return NULL;
    }
    int code = fh_create(from->heap, from->element, (uint64_t) from->length,
                         FH_STORED_TO_LATER | FH_TEMPORARILY, &to, &fault);
    if (to) R_SetExternalPtrAddr(keeper, to);
    int left = fh_leave(from->heap, code == 0, 0, &fault);
    if (code || left) {
        UNPROTECT(1);
        return NULL;
    }
    memcpy(to->data, from->data, bytes);
    SEXP copy = fh_new_vector(keeper, to);
    UNPROTECT(1);
    return copy;
}
