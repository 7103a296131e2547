/* Loading: routines, classes, callables. */
#include "fileheap.h"

#include <R_ext/Rdynload.h>
#include <R_ext/Visibility.h>

#define ROUTINES(X)                                                                                \
    X(open, 4) X(open_existing, 1) X(mode, 1) X(close, 1) X(is_open, 1) X(path, 1) X(figures, 1) X(records, 1) X(check, 1) \
    X(begin, 1) X(end, 2) X(sync, 1) X(create, 5) X(copy_in, 4) X(edit, 3) X(destroy, 2)           \
    X(info, 1) X(runtime_of, 1) X(is_in, 3) X(set_attribute, 3) X(bind, 3) X(find, 2) X(load, 2)   \
    X(unbind, 2) X(names, 1) X(panic, 0)                                                \
    X(view, 1) X(piece, 3) X(put, 5) X(gather, 2) X(cumulate, 3) X(cumulative_state, 1)                       \
    X(column_sums, 4) X(row_state, 1) X(row_add, 4) X(row_end, 5) \
    X(slice, 4) X(rows, 4) X(store, 3) X(shared, 3) X(is_live, 1) X(holders, 1) \
    X(mutualinfo, 5) \
    X(hurry, 1) \
    X(trim, 1) X(backup, 2) X(compact, 1)

#define ARGS_0 (void)
#define ARGS_1 (SEXP)
#define ARGS_2 (SEXP, SEXP)
#define ARGS_3 (SEXP, SEXP, SEXP)
#define ARGS_4 (SEXP, SEXP, SEXP, SEXP)
#define ARGS_5 (SEXP, SEXP, SEXP, SEXP, SEXP)
#define DECLARE(name, count) SEXP C_##name ARGS_##count;
#define ENTRY(name, count) {"C_" #name, (DL_FUNC) &C_##name, count},

ROUTINES(DECLARE)
void fh_register_callables(void);

static const R_CallMethodDef routines[] = {ROUTINES(ENTRY){NULL, NULL, 0}};

attribute_visible void R_init_fileheap(DllInfo *dll) {
    fh_init();
    R_registerRoutines(dll, NULL, routines, NULL, NULL);
    R_useDynamicSymbols(dll, FALSE);
    R_forceSymbols(dll, TRUE);
    fh_register_numbers(dll);
    fh_register_strings(dll);
    fh_register_lists(dll);
    fh_register_slices(dll);
    fh_register_callables();
}
