/* For other packages: file-backed vectors from C. Add `LinkingTo: fileheap` and
 * `Imports: fileheap` to DESCRIPTION, and importFrom(fileheap, open_fmalloc) to NAMESPACE.
 *
 * All functions are for R's main thread and raise R errors. */
#ifndef FILEHEAP_H
#define FILEHEAP_H

#include <Rinternals.h>
#include <R_ext/Rdynload.h>

#define FILEHEAP_ABI 1

/* The ABI of the installed package; use the others only if it is FILEHEAP_ABI. */
static inline int fileheap_abi(void) {
    static int (*call)(void) = NULL;
    if (!call) call = (int (*)(void)) R_GetCCallable("fileheap", "abi");
    return call();
}

/* Whether x is a file-backed vector. */
static inline int fileheap_is_ours(SEXP x) {
    static int (*call)(SEXP) = NULL;
    if (!call) call = (int (*)(SEXP)) R_GetCCallable("fileheap", "is_ours");
    return call(x);
}

/* Its type, one of R's: REALSXP and so on. */
static inline int fileheap_type(SEXP x) {
    static int (*call)(SEXP) = NULL;
    if (!call) call = (int (*)(SEXP)) R_GetCCallable("fileheap", "type");
    return call(x);
}

static inline R_xlen_t fileheap_length(SEXP x) {
    static R_xlen_t (*call)(SEXP) = NULL;
    if (!call) call = (R_xlen_t(*)(SEXP)) R_GetCCallable("fileheap", "length");
    return call(x);
}

/* Its elements, to read. Valid as long as x is protected. */
static inline const void *fileheap_payload(SEXP x) {
    static const void *(*call)(SEXP) = NULL;
    if (!call) call = (const void *(*) (SEXP)) R_GetCCallable("fileheap", "payload");
    return call(x);
}

/* Its elements, to store to; an error if it has value semantics. */
static inline void *fileheap_payload_rw(SEXP x) {
    static void *(*call)(SEXP) = NULL;
    if (!call) call = (void *(*) (SEXP)) R_GetCCallable("fileheap", "payload_rw");
    return call(x);
}

/* A runtime (handle) of its heap. */
static inline SEXP fileheap_runtime(SEXP x) {
    static SEXP (*call)(SEXP) = NULL;
    if (!call) call = (SEXP(*)(SEXP)) R_GetCCallable("fileheap", "runtime");
    return call(x);
}

/* A new vector in the heap of a runtime, zero if `zero`. */
static inline SEXP fileheap_allocate(SEXP runtime, int type, R_xlen_t length, int zero) {
    static SEXP (*call)(SEXP, int, R_xlen_t, int) = NULL;
    if (!call)
        call = (SEXP(*)(SEXP, int, R_xlen_t, int)) R_GetCCallable("fileheap", "allocate");
    return call(runtime, type, length, zero);
}

#endif
