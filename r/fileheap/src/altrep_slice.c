/* Slices: a run of another vector's elements as a vector of its own, without a copy of them.
 *
 * The first datum is an external pointer to the elements that protects the vector they belong to,
 * the second the length. Slices do not change: R copies them before it stores. */
#include "fileheap.h"

#include <R_ext/Altrep.h>
#include <string.h>

static R_altrep_class_t logical_class, integer_class, real_class, complex_class, raw_class;

static inline const char *start_of(SEXP x) { return R_ExternalPtrAddr(R_altrep_data1(x)); }
static R_xlen_t length_method(SEXP x) { return (R_xlen_t) REAL_RO(R_altrep_data2(x))[0]; }

static void need_parent(SEXP x) {
    fh_body *body = fh_body_of(R_ExternalPtrProtected(R_altrep_data1(x)));
    if (body) fh_need_alive(body);
    if (!start_of(x)) fh_stop("destroyed", "this slice lost the vector that it was a part of");
}

static const void *dataptr_or_null_method(SEXP x) {
    need_parent(x);
    return start_of(x);
}

/* Asked for by operations that only read, also with `writable`. */
static void *dataptr_method(SEXP x, Rboolean writable) {
    (void) writable;
    return (void *) dataptr_or_null_method(x);
}

static int int_elt(SEXP x, R_xlen_t i) { return ((const int *) start_of(x))[i]; }
static double real_elt(SEXP x, R_xlen_t i) { return ((const double *) start_of(x))[i]; }
static Rcomplex complex_elt(SEXP x, R_xlen_t i) { return ((const Rcomplex *) start_of(x))[i]; }
static Rbyte raw_elt(SEXP x, R_xlen_t i) { return ((const Rbyte *) start_of(x))[i]; }

static Rboolean inspect_method(SEXP x, int before, int deep, int vectors,
                               void (*inspect)(SEXP, int, int, int)) {
    (void) before, (void) deep, (void) vectors, (void) inspect;
    Rprintf(" slice of a shared vector, length %.0f\n", (double) length_method(x));
    return TRUE;
}

static R_altrep_class_t class_of(int type) {
    switch (type) {
    case LGLSXP: return logical_class;
    case INTSXP: return integer_class;
    case REALSXP: return real_class;
    case CPLXSXP: return complex_class;
    default: return raw_class;
    }
}

SEXP fh_new_slice(SEXP parent, const void *start, R_xlen_t length) {
    SEXP place = PROTECT(R_MakeExternalPtr((void *) start, R_NilValue, parent));
    SEXP count = PROTECT(Rf_ScalarReal((double) length));
    SEXP x = R_new_altrep(class_of(TYPEOF(parent)), place, count);
    MARK_NOT_MUTABLE(x);
    UNPROTECT(2);
    return x;
}

static void common(R_altrep_class_t class) {
    R_set_altrep_Length_method(class, length_method);
    R_set_altrep_Inspect_method(class, inspect_method);
    R_set_altvec_Dataptr_method(class, dataptr_method);
    R_set_altvec_Dataptr_or_null_method(class, dataptr_or_null_method);
}

void fh_register_slices(DllInfo *dll) {
    common(logical_class = R_make_altlogical_class("fileheap_slice_logical", "fileheap", dll));
    common(integer_class = R_make_altinteger_class("fileheap_slice_integer", "fileheap", dll));
    common(real_class = R_make_altreal_class("fileheap_slice_double", "fileheap", dll));
    common(complex_class = R_make_altcomplex_class("fileheap_slice_complex", "fileheap", dll));
    common(raw_class = R_make_altraw_class("fileheap_slice_raw", "fileheap", dll));
    R_set_altlogical_Elt_method(logical_class, int_elt);
    R_set_altinteger_Elt_method(integer_class, int_elt);
    R_set_altreal_Elt_method(real_class, real_elt);
    R_set_altcomplex_Elt_method(complex_class, complex_elt);
    R_set_altraw_Elt_method(raw_class, raw_elt);
}
