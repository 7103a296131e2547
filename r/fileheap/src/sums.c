/* Sums of rows and columns: blocks of a matrix handed to the Rust library, which has two threads.
 *
 * The signals wait during a block: R's handlers are for its main thread. */
#include "fileheap.h"

#include <signal.h>
#include <string.h>

static const void *numbers(SEXP x) {
    SEXP inner = fh_inner(x);
    fh_body *body = inner ? fh_own_body(inner) : NULL;
    if (!body) fh_stop("not_file_backed", "expected a file-backed matrix, found an ordinary one");
    fh_need_alive(body);
    return body->data;
}

static int run(int (*work)(const fh_block *, fh_fault *), const fh_block *block, fh_fault *fault) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = work(block, fault);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

/* `place`: first row, rows, first column, columns of the block, counted from 0. */
static fh_block block_of(SEXP x, SEXP place, SEXP remove, SEXP mean) {
    const double *at = REAL_RO(place);
    fh_block block = {.data = numbers(x)};
    int is_double = TYPEOF(x) == REALSXP;
    block.stride = (uint64_t) INTEGER_ELT(PROTECT(Rf_getAttrib(x, R_DimSymbol)), 0);
    UNPROTECT(1);
    block.first_row = (uint64_t) at[0];
    block.rows = (uint64_t) at[1];
    block.first_column = (uint64_t) at[2];
    block.columns = (uint64_t) at[3];
    block.is_double = is_double;
    block.remove = Rf_asLogical(remove);
    block.mean = Rf_asLogical(mean);
    return block;
}

/* Sums or means of whole columns. */
SEXP C_column_sums(SEXP x, SEXP place, SEXP remove, SEXP mean) {
    R_CheckUserInterrupt();
    fh_fault fault;
    fh_block block = block_of(x, place, remove, mean);
    SEXP sums = PROTECT(Rf_allocVector(REALSXP, (R_xlen_t) block.columns));
    block.result = REAL(sums);
    if (run(fh_column_sums, &block, &fault)) fh_raise(&fault);
    UNPROTECT(1);
    return sums;
}

/* What rows' sums are made of until their last column: zeros at first. */
SEXP C_row_state(SEXP rows) {
    R_xlen_t bytes = (R_xlen_t) (Rf_asReal(rows) * (double) fh_row_state_bytes());
    SEXP state = Rf_allocVector(RAWSXP, bytes);
    memset(RAW(state), 0, (size_t) bytes);
    return state;
}

/* Adds a block of columns to the state of its rows. */
SEXP C_row_add(SEXP x, SEXP place, SEXP remove, SEXP state) {
    R_CheckUserInterrupt();
    fh_fault fault;
    fh_block block = block_of(x, place, remove, R_NilValue);
    if (Rf_xlength(state) < (R_xlen_t) (block.rows * fh_row_state_bytes()))
        fh_stop("internal", "expected the state of more rows; please report it");
    block.state = RAW(state);
    if (run(fh_row_add, &block, &fault)) fh_raise(&fault);
    return R_NilValue;
}

/* The rows' sums, or means: `place` names all columns. */
SEXP C_row_end(SEXP x, SEXP place, SEXP remove, SEXP mean, SEXP state) {
    fh_fault fault;
    fh_block block = block_of(x, place, remove, mean);
    SEXP sums = PROTECT(Rf_allocVector(REALSXP, (R_xlen_t) block.rows));
    block.state = RAW(state);
    block.result = REAL(sums);
    if (run(fh_row_end, &block, &fault)) fh_raise(&fault);
    UNPROTECT(1);
    return sums;
}
