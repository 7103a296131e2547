/* The classes of numbers: logical, integer, double, complex, raw. Elements lie in the mapping. */
#include "fileheap.h"

#include <R_ext/Altrep.h>
#include <string.h>

static R_altrep_class_t logical_class, integer_class, real_class, complex_class, raw_class;

#define BODY(x) fh_own_body(x)

static FH_RARE fh_body *find_alive(SEXP x) {
    fh_body *body = BODY(x);
    fh_need_alive(body);
    return body;
}

static inline fh_body *alive(SEXP x) {
    fh_body *body = fh_at_hand(x);
    return body ? body : find_alive(x);
}

static size_t element_size(SEXP x) {
    switch (TYPEOF(x)) {
    case REALSXP: return sizeof(double);
    case CPLXSXP: return sizeof(Rcomplex);
    case RAWSXP: return 1;
    default: return sizeof(int);
    }
}

static R_xlen_t length_method(SEXP x) {
    fh_body *body = BODY(x);
    return body ? (R_xlen_t) body->length : 0;
}

/* Set by fh_take_over: came by a reference, and no variable ever had it. */
enum { FRESH = 1 };

/* R reuses operands that nothing refers to: `sqrt(readRDS(f))`. Such a one leaves the file. */
static FH_RARE void detach(SEXP x, fh_body *body) {
    R_xlen_t length = (R_xlen_t) body->length;
    SEXP copy = PROTECT(Rf_allocVector(TYPEOF(x), length));
    void *to = TYPEOF(x) == REALSXP   ? (void *) REAL(copy)
               : TYPEOF(x) == CPLXSXP ? (void *) COMPLEX(copy)
               : TYPEOF(x) == RAWSXP  ? (void *) RAW(copy)
               : TYPEOF(x) == LGLSXP  ? (void *) LOGICAL(copy)
                                      : (void *) INTEGER(copy);
    memcpy(to, body->data, (size_t) length * element_size(x));
    R_set_altrep_data2(x, copy);
    fh_detach(body, to);
    UNPROTECT(1);
}

static FH_RARE void *first_dataptr(SEXP x, Rboolean writable) {
    fh_body *body = alive(x);
    if (writable && body->cache_flags & FRESH && !(body->flags & FH_DETACHED)) {
        if (NO_REFERENCES(x)) detach(x, body);
        else body->cache_flags &= ~(uint32_t) FRESH;
    }
    return body->data;
}

/* Asked for by dozens of operations that only read, also with `writable`: no copy, no lock. */
static void *dataptr_method(SEXP x, Rboolean writable) {
    const fh_body *body = fh_at_hand(x);
    return body && !(body->cache_flags & FRESH) ? body->data : first_dataptr(x, writable);
}

static const void *dataptr_or_null_method(SEXP x) { return alive(x)->data; }

#define ELT_METHOD(type, name)                                                                     \
    static FH_RARE type first_##name(SEXP x, R_xlen_t i) { return ((type *) alive(x)->data)[i]; }  \
    static type name(SEXP x, R_xlen_t i) {                                                         \
        const fh_body *body = fh_at_hand(x);                                                       \
        return body ? ((type *) body->data)[i] : first_##name(x, i);                               \
    }
ELT_METHOD(int, int_elt)
ELT_METHOD(double, real_elt)
ELT_METHOD(Rcomplex, complex_elt)
ELT_METHOD(Rbyte, raw_elt)

static R_xlen_t region(SEXP x, R_xlen_t start, R_xlen_t count, void *to) {
    fh_body *body = alive(x);
    R_xlen_t left = (R_xlen_t) body->length - start;
    if (count > left) count = left;
    if (count <= 0) return 0;
    size_t size = element_size(x);
    memcpy(to, (char *) body->data + (size_t) start * size, (size_t) count * size);
    return count;
}

static R_xlen_t int_region(SEXP x, R_xlen_t i, R_xlen_t n, int *to) { return region(x, i, n, to); }
static R_xlen_t real_region(SEXP x, R_xlen_t i, R_xlen_t n, double *to) {
    return region(x, i, n, to);
}
static R_xlen_t complex_region(SEXP x, R_xlen_t i, R_xlen_t n, Rcomplex *to) {
    return region(x, i, n, to);
}
static R_xlen_t raw_region(SEXP x, R_xlen_t i, R_xlen_t n, Rbyte *to) {
    return region(x, i, n, to);
}

/* One index, from 0; -1 for what yields NA. */
static inline R_xlen_t at_int(const int *index, R_xlen_t i, R_xlen_t length) {
    int at = index[i];
    return at == NA_INTEGER || at > length || at < 1 ? -1 : (R_xlen_t) at - 1;
}
static inline R_xlen_t at_real(const double *index, R_xlen_t i, R_xlen_t length) {
    double at = index[i];
    return at >= 1 && at < (double) length + 1 ? (R_xlen_t) at - 1 : -1;
}

#define GATHER(type, at, missing)                                                                  \
    {                                                                                              \
        const type *from = body->data;                                                             \
        type *to = target;                                                                         \
        for (R_xlen_t i = 0; i < count; i++) {                                                     \
            R_xlen_t place = at(index, i, length);                                                 \
            to[i] = place < 0 ? (missing) : from[place];                                           \
        }                                                                                          \
    }

#define GATHER_ALL(at)                                                                             \
    switch (TYPEOF(x)) {                                                                           \
    case REALSXP: GATHER(double, at, NA_REAL) break;                                               \
    case CPLXSXP: GATHER(Rcomplex, at, missing_complex) break;                                     \
    case RAWSXP: GATHER(Rbyte, at, 0) break;                                                       \
    default: GATHER(int, at, NA_INTEGER) break;                                                    \
    }

/* Elements by positive number, straight from the mapping; NULL (of C) for other indices. */
SEXP fh_extract(SEXP x, SEXP indices) {
    fh_body *body = alive(x);
    int is_int = TYPEOF(indices) == INTSXP;
    if (!is_int && TYPEOF(indices) != REALSXP) return NULL;
    R_xlen_t count = Rf_xlength(indices), length = (R_xlen_t) body->length;
    Rcomplex missing_complex;
    missing_complex.r = missing_complex.i = NA_REAL;
    SEXP result = PROTECT(Rf_allocVector(TYPEOF(x), count));
    void *target = TYPEOF(x) == REALSXP   ? (void *) REAL(result)
                   : TYPEOF(x) == CPLXSXP ? (void *) COMPLEX(result)
                   : TYPEOF(x) == RAWSXP  ? (void *) RAW(result)
                   : TYPEOF(x) == LGLSXP  ? (void *) LOGICAL(result)
                                          : (void *) INTEGER(result);
    if (is_int) {
        const int *index = INTEGER_RO(indices);
        GATHER_ALL(at_int)
    } else {
        const double *index = REAL_RO(indices);
        GATHER_ALL(at_real)
    }
    UNPROTECT(1);
    return result;
}

/* R adds names and the like. */
static SEXP extract_method(SEXP x, SEXP indices, SEXP call) { return fh_extract(x, indices); }

static Rboolean inspect_method(SEXP x, int before, int deep, int vectors,
                               void (*inspect)(SEXP, int, int, int)) {
    fh_body *body = BODY(x);
    if (!body) {
        Rprintf(" file-backed, without its heap\n");
    } else if (body->flags & FH_DETACHED) {
        Rprintf(" once file-backed, now on R's heap\n");
    } else {
        char path[4096];
        fh_path(body->heap, path, sizeof path);
        Rprintf(" file-backed %s, length %.0f, record %.0f of %s%s\n", Rf_type2char(TYPEOF(x)),
                (double) body->length, (double) body->id, path,
                body->flags & (FH_DESTROYED | FH_UNDONE) ? ", destroyed"
                : body->flags & FH_MUTABLE               ? ", mutable"
                                                         : "");
    }
    return TRUE;
}

static R_altrep_class_t class_of(uint32_t element) {
    switch (element) {
    case LGLSXP: return logical_class;
    case INTSXP: return integer_class;
    case REALSXP: return real_class;
    case CPLXSXP: return complex_class;
    default: return raw_class;
    }
}

SEXP fh_new_number(uint32_t element, SEXP keeper) {
    return R_new_altrep(class_of(element), keeper, R_NilValue);
}

int fh_is_number(SEXP x) {
    switch (TYPEOF(x)) {
    case LGLSXP:
    case INTSXP:
    case REALSXP:
    case CPLXSXP:
    case RAWSXP: return R_altrep_inherits(x, class_of((uint32_t) TYPEOF(x)));
    default: return 0;
    }
}

void fh_mark_fresh(SEXP x) { BODY(x)->cache_flags |= FRESH; }

static void common(R_altrep_class_t class) {
    R_set_altrep_Length_method(class, length_method);
    R_set_altrep_Inspect_method(class, inspect_method);
    R_set_altrep_Duplicate_method(class, fh_duplicate);
    R_set_altrep_Serialized_state_method(class, fh_serialized_state);
    R_set_altrep_Unserialize_method(class, fh_unserialize);
    R_set_altvec_Dataptr_method(class, dataptr_method);
    R_set_altvec_Dataptr_or_null_method(class, dataptr_or_null_method);
    R_set_altvec_Extract_subset_method(class, extract_method);
}

void fh_register_numbers(DllInfo *dll) {
    logical_class = R_make_altlogical_class("fileheap_logical", "fileheap", dll);
    integer_class = R_make_altinteger_class("fileheap_integer", "fileheap", dll);
    real_class = R_make_altreal_class("fileheap_double", "fileheap", dll);
    complex_class = R_make_altcomplex_class("fileheap_complex", "fileheap", dll);
    raw_class = R_make_altraw_class("fileheap_raw", "fileheap", dll);
    common(logical_class);
    common(integer_class);
    common(real_class);
    common(complex_class);
    common(raw_class);
    R_set_altlogical_Elt_method(logical_class, int_elt);
    R_set_altlogical_Get_region_method(logical_class, int_region);
    R_set_altinteger_Elt_method(integer_class, int_elt);
    R_set_altinteger_Get_region_method(integer_class, int_region);
    R_set_altreal_Elt_method(real_class, real_elt);
    R_set_altreal_Get_region_method(real_class, real_region);
    R_set_altcomplex_Elt_method(complex_class, complex_elt);
    R_set_altcomplex_Get_region_method(complex_class, complex_region);
    R_set_altraw_Elt_method(raw_class, raw_elt);
    R_set_altraw_Get_region_method(raw_class, raw_region);
}
