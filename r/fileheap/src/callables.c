/* What other packages call from C; inst/include/fileheap.h is their side of it. */
#include "fileheap.h"

#include <R_ext/Rdynload.h>

SEXP C_runtime_of(SEXP x);
void fh_register_callables(void);

static int abi(void) { return 1; }

static fh_body *file_backed(SEXP x) {
    fh_body *body = fh_body_of(x);
    if (!body || body->flags & FH_DETACHED)
        fh_stop("not_file_backed", "expected a file-backed vector, found an ordinary object");
    fh_need_alive(body);
    return body;
}

static int is_ours(SEXP x) {
    fh_body *body = fh_body_of(x);
    return body && !(body->flags & FH_DETACHED);
}

static int type(SEXP x) { return (int) file_backed(x)->element; }
static R_xlen_t count_of(SEXP x) { return (R_xlen_t) file_backed(x)->length; }
static const void *payload(SEXP x) { return file_backed(x)->data; }

static void *payload_rw(SEXP x) {
    fh_body *body = file_backed(x);
    if (!(body->flags & FH_MUTABLE))
        fh_stop("read_only", "this vector has value semantics: it belongs to something with a "
                             "name, or to another process; use edit(), or copy it");
    return body->data;
}

static SEXP runtime(SEXP x) {
    file_backed(x);
    return C_runtime_of(x);
}

static SEXP allocate(SEXP handle, int element, R_xlen_t count, int zero) {
    uint32_t how = FH_STORED_TO_LATER | (zero ? FH_ZEROED : 0);
    return fh_make_vector(fh_heap_of(handle), (uint32_t) element, (double) count, how);
}

void fh_register_callables(void) {
    R_RegisterCCallable("fileheap", "abi", (DL_FUNC) abi);
    R_RegisterCCallable("fileheap", "is_ours", (DL_FUNC) is_ours);
    R_RegisterCCallable("fileheap", "type", (DL_FUNC) type);
    R_RegisterCCallable("fileheap", "length", (DL_FUNC) count_of);
    R_RegisterCCallable("fileheap", "payload", (DL_FUNC) payload);
    R_RegisterCCallable("fileheap", "payload_rw", (DL_FUNC) payload_rw);
    R_RegisterCCallable("fileheap", "runtime", (DL_FUNC) runtime);
    R_RegisterCCallable("fileheap", "allocate", (DL_FUNC) allocate);
}
