/* Pieces: ordinary copies of a part of a vector, and parts of a result filled from them.
 *
 * Operations on large vectors go piece by piece: no piece outlives its step, and between two steps
 * the user can interrupt. */
#include "fileheap.h"

#include <string.h>

static size_t size_of(SEXP x) {
    switch (TYPEOF(x)) {
    case REALSXP: return sizeof(double);
    case CPLXSXP: return sizeof(Rcomplex);
    case RAWSXP: return 1;
    case LGLSXP:
    case INTSXP: return sizeof(int);
    default: return 0;
    }
}

/* The elements of a vector of numbers; those of ours as they lie in the file. */
static char *elements(SEXP x) {
    switch (TYPEOF(x)) {
    case REALSXP: return (char *) REAL_RO(x);
    case CPLXSXP: return (char *) COMPLEX_RO(x);
    case RAWSXP: return (char *) RAW_RO(x);
    case LGLSXP: return (char *) LOGICAL_RO(x);
    default: return (char *) INTEGER_RO(x);
    }
}

static R_xlen_t part(SEXP x, char *to, R_xlen_t start, R_xlen_t count) {
    switch (TYPEOF(x)) {
    case REALSXP: return REAL_GET_REGION(x, start, count, (double *) to);
    case CPLXSXP: return COMPLEX_GET_REGION(x, start, count, (Rcomplex *) to);
    case RAWSXP: return RAW_GET_REGION(x, start, count, (Rbyte *) to);
    case LGLSXP: return LOGICAL_GET_REGION(x, start, count, (int *) to);
    default: return INTEGER_GET_REGION(x, start, count, (int *) to);
    }
}

/* `count` elements from `start` on (from 0), beginning anew at the end; without attributes. */
SEXP C_piece(SEXP x, SEXP from, SEXP many) {
    R_CheckUserInterrupt();
    SEXP inner = fh_inner(x);
    if (inner) x = inner;
    R_xlen_t length = Rf_xlength(x), count = (R_xlen_t) Rf_asReal(many);
    R_xlen_t at = length ? (R_xlen_t) Rf_asReal(from) % length : 0;
    if (!length) count = 0;
    SEXP piece = PROTECT(Rf_allocVector(TYPEOF(x), count));
    size_t size = size_of(x);
    for (R_xlen_t done = 0; done < count;) {
        R_xlen_t step = count - done < length - at ? count - done : length - at;
        if (TYPEOF(x) == STRSXP) {
            for (R_xlen_t i = 0; i < step; i++)
                SET_STRING_ELT(piece, done + i, STRING_ELT(x, at + i));
        } else {
            part(x, elements(piece) + (size_t) done * size, at, step);
        }
        done += step;
        at = 0;
    }
    UNPROTECT(1);
    return piece;
}

/* Stores `many` elements of `piece`, from its `first` on, at `start` of a vector that nobody else
 * has yet; FALSE if the piece is of another type. */
SEXP C_put(SEXP to, SEXP start, SEXP piece, SEXP first, SEXP many) {
    R_CheckUserInterrupt();
    R_xlen_t at = (R_xlen_t) Rf_asReal(start), from = (R_xlen_t) Rf_asReal(first);
    R_xlen_t count = (R_xlen_t) Rf_asReal(many);
    if (TYPEOF(to) != TYPEOF(piece)) return Rf_ScalarLogical(FALSE);
    if (count < 0 || at + count > Rf_xlength(to) || from + count > Rf_xlength(piece))
        fh_stop("internal", "a piece of a result does not fit; please report it");
    if (TYPEOF(to) == STRSXP) {
        fh_body *body = fh_body_of(to);
        for (R_xlen_t i = 0; i < count; i++) {
            SEXP text = STRING_ELT(piece, from + i);
            if (body) fh_put_string(body, at + i, text);
            else SET_STRING_ELT(to, at + i, text);
        }
    } else {
        part(piece, elements(to) + (size_t) at * size_of(to), from, count);
    }
    return Rf_ScalarLogical(TRUE);
}

/* Elements by positive number, straight from a vector of ours. */
SEXP C_gather(SEXP x, SEXP indices) {
    R_CheckUserInterrupt();
    SEXP inner = fh_inner(x);
    if (!inner) fh_stop("not_file_backed", "expected a file-backed vector, found an ordinary one");
    if (TYPEOF(inner) != STRSXP) return fh_extract(inner, indices);
    R_xlen_t length = Rf_xlength(inner), count = Rf_xlength(indices);
    SEXP result = PROTECT(Rf_allocVector(STRSXP, count));
    int is_int = TYPEOF(indices) == INTSXP;
    for (R_xlen_t i = 0; i < count; i++) {
        double at = is_int ? INTEGER_ELT(indices, i) == NA_INTEGER ? NA_REAL
                                                                   : INTEGER_ELT(indices, i)
                           : REAL_ELT(indices, i);
        int is_in = at >= 1 && at < (double) length + 1;
        SET_STRING_ELT(result, i, is_in ? STRING_ELT(inner, (R_xlen_t) at - 1) : NA_STRING);
    }
    UNPROTECT(1);
    return result;
}

/* Sums or products up to each element, as base R makes them: in long double, which `state` (raw)
 * carries from piece to piece. */
SEXP C_cumulate(SEXP piece, SEXP state, SEXP is_product) {
    R_xlen_t count = Rf_xlength(piece);
    SEXP result = PROTECT(Rf_allocVector(REALSXP, count));
    const double *x = REAL_RO(piece);
    double *to = REAL(result);
    long double sum;
    if (Rf_xlength(state) != (R_xlen_t) sizeof sum)
        fh_stop("internal", "expected the state of a cumulative sum; please report it");
    memcpy(&sum, RAW(state), sizeof sum);
    if (Rf_asLogical(is_product))
        for (R_xlen_t i = 0; i < count; i++) to[i] = (double) (sum *= x[i]);
    else
        for (R_xlen_t i = 0; i < count; i++) to[i] = (double) (sum += x[i]);
    memcpy(RAW(state), &sum, sizeof sum);
    UNPROTECT(1);
    return result;
}

/* The state before the first piece. */
SEXP C_cumulative_state(SEXP is_product) {
    long double sum = Rf_asLogical(is_product) ? 1 : 0;
    SEXP state = Rf_allocVector(RAWSXP, sizeof sum);
    memset(RAW(state), 0, sizeof sum);
    memcpy(RAW(state), &sum, sizeof sum);
    return state;
}
