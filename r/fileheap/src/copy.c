/* Copies of ordinary vectors into a heap.
 *
 * A copy that R may store to later is a direct extent, and filled when it is there. One that gets
 * a name is filled in the entry that makes it: no R error may leave that entry open. */
#include "fileheap.h"

#include <string.h>

/* Strings of so many bytes lie in their view. */
#define INLINE_BYTES 12
#define BUFFER_MAX ((uint64_t) 1 << 30)
/* Strings ahead of the one that is looked at: texts lie all over R's heap. */
#define AHEAD 16

typedef struct {
    const fh_heap *heap;
    SEXP from, result;
    const void *elements;
    size_t size;
    uint32_t how;
    int left;
} copy_job;

const void *fh_elements(SEXP x, size_t *size) {
    switch (TYPEOF(x)) {
    case LGLSXP: *size = sizeof(int); return LOGICAL_RO(x);
    case INTSXP: *size = sizeof(int); return INTEGER_RO(x);
    case REALSXP: *size = sizeof(double); return REAL_RO(x);
    case CPLXSXP: *size = sizeof(Rcomplex); return COMPLEX_RO(x);
    case RAWSXP: *size = 1; return RAW_RO(x);
    case STRSXP: *size = 0; return NULL;
    default:
        fh_stop("type", "a heap holds logical, integer, double, complex, raw and character "
                        "vectors and lists, not an object of type %s",
                Rf_type2char(TYPEOF(x)));
    }
}

static void fill_numbers(char *to, const char *from, size_t bytes) {
    size_t step = (size_t) 64 << 20;
    for (size_t done = 0; done < bytes; done += step) {
        if (done) R_CheckUserInterrupt();
        memcpy(to + done, from + done, bytes - done < step ? bytes - done : step);
    }
}

/* Asks the processor for the head of a text and its first bytes. */
static inline void fetch(const SEXP *texts, R_xlen_t i, R_xlen_t length) {
    if (!texts || i >= length) return;
    __builtin_prefetch(texts[i]);
    __builtin_prefetch((const char *) texts[i] + 64);
}

static void fill_strings(fh_body *body, SEXP from) {
    R_xlen_t length = Rf_xlength(from);
    uint64_t bytes = 0;
    const SEXP *texts = ALTREP(from) ? NULL : STRING_PTR_RO(from);
    for (R_xlen_t i = 0; i < length; i++) {
        fetch(texts, i + AHEAD, length);
        SEXP text = STRING_ELT(from, i);
        if (text != NA_STRING && LENGTH(text) > INLINE_BYTES) bytes += (uint64_t) LENGTH(text);
    }
    if (bytes > 0) {
        fh_fault fault;
        fh_begin_entry(body->heap);
        if (bytes > BUFFER_MAX) bytes = BUFFER_MAX;
        fh_end_entry(body->heap, fh_string_grow(body, bytes, &fault), &fault);
    }
    for (R_xlen_t i = 0; i < length; i++) {
        fetch(texts, i + AHEAD, length);
        fh_put_string(body, i, STRING_ELT(from, i));
        if ((i & 0xfffff) == 0xfffff) R_CheckUserInterrupt();
    }
}

static SEXP make_and_fill(void *data) {
    copy_job *job = data;
    R_xlen_t length = Rf_xlength(job->from);
    uint32_t element = (uint32_t) TYPEOF(job->from);
    job->result = fh_make_vector(job->heap, element, (double) length, job->how);
    PROTECT(job->result);
    fh_body *body = fh_own_body(job->result);
    if (element == STRSXP) fill_strings(body, job->from);
    else fill_numbers(body->data, job->elements, (size_t) length * job->size);
    UNPROTECT(1);
    return job->result;
}

static void leave_on_error(void *data, Rboolean jump) {
    fh_fault ignored;
    copy_job *job = data;
    if (jump && !job->left) fh_leave(job->heap, 0, 0, &ignored);
}

/* A vector of the heap with the elements of `from`, without attributes. */
SEXP C_copy_in(SEXP handle, SEXP from, SEXP temporary, SEXP named) {
    copy_job job = {fh_heap_of(handle), from, R_NilValue, NULL, 0, 0, 0};
    job.elements = fh_elements(from, &job.size); /* before the entry: it may run code of R */
    job.how = Rf_asLogical(temporary) ? FH_TEMPORARILY : 0;
    if (!Rf_asLogical(named)) {
        job.how |= FH_STORED_TO_LATER;
        return make_and_fill(&job);
    }
    fh_fault fault;
    SEXP token = PROTECT(R_MakeUnwindCont());
    fh_begin_entry(job.heap);
    SEXP x = PROTECT(R_UnwindProtect(make_and_fill, &job, leave_on_error, &job, token));
    job.left = 1;
    fh_end_entry(job.heap, 0, &fault);
    UNPROTECT(2);
    return x;
}
