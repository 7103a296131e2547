/* The C side: all of fileheap.h is used once. */
#include <fileheap.h>

static SEXP client_facts(SEXP x) {
    if (fileheap_abi() != FILEHEAP_ABI) Rf_error("another fileheap is installed");
    if (!fileheap_is_ours(x)) return R_NilValue;
    SEXP facts = PROTECT(Rf_allocVector(REALSXP, 2));
    REAL(facts)[0] = fileheap_type(x);
    REAL(facts)[1] = (double) fileheap_length(x);
    UNPROTECT(1);
    return facts;
}

static SEXP client_first(SEXP x) {
    if (fileheap_type(x) != REALSXP || fileheap_length(x) < 1) Rf_error("expected doubles");
    return Rf_ScalarReal(((const double *) fileheap_payload(x))[0]);
}

static SEXP client_scale(SEXP x, SEXP by) {
    if (fileheap_type(x) != REALSXP) Rf_error("expected doubles");
    double *elements = fileheap_payload_rw(x);
    for (R_xlen_t i = 0; i < fileheap_length(x); i++) elements[i] *= Rf_asReal(by);
    return x;
}

static SEXP client_ascending(SEXP beside, SEXP n) {
    SEXP runtime = PROTECT(fileheap_runtime(beside));
    SEXP x = PROTECT(fileheap_allocate(runtime, REALSXP, (R_xlen_t) Rf_asReal(n), 0));
    double *elements = fileheap_payload_rw(x);
    for (R_xlen_t i = 0; i < fileheap_length(x); i++) elements[i] = (double) (i + 1);
    UNPROTECT(2);
    return x;
}

static const R_CallMethodDef routines[] = {
    {"client_facts", (DL_FUNC) &client_facts, 1},
    {"client_first", (DL_FUNC) &client_first, 1},
    {"client_scale", (DL_FUNC) &client_scale, 2},
    {"client_ascending", (DL_FUNC) &client_ascending, 2},
    {NULL, NULL, 0}};

void R_init_fileheapclient(DllInfo *dll) {
    R_registerRoutines(dll, NULL, routines, NULL, NULL);
    R_useDynamicSymbols(dll, FALSE);
}
