/* Editing: the vector that a name stands for, taken for storing, with its attributes.
 *
 * It all is one entry. R's serialize() and unserialize() run within, so an error of R's has to
 * leave it; ours are raised when it is left. */
#include "fileheap.h"

#include <string.h>

typedef struct {
    const fh_heap *heap;
    const char *name;
    int jointly; /* other processes may store to it as well */
    int is_found, is_vector, is_left, code;
    fh_fault fault;
    fh_body *body;
    SEXP keeper, like; /* what frees the body, what has the attributes */
} edit_job;

/* A vector over a record, with the attributes of another. */
static SEXP dressed(SEXP keeper, fh_body *body, SEXP like) {
    SEXP x = PROTECT(fh_new_vector(keeper, body));
    SHALLOW_DUPLICATE_ATTRIB(x, like);
    UNPROTECT(1);
    return x;
}

/* Gives the name a record of its own, if something else refers to its record as well. */
static int own(edit_job *job, SEXP like, uint64_t *id) {
    fh_body *body = NULL;
    uint64_t count = 0;
    SEXP keeper = PROTECT(fh_new_keeper());
    int code = fh_own(job->heap, *id, job->jointly, &body, &job->fault);
    if (!code && body) {
        R_SetExternalPtrAddr(keeper, body);
        SEXP x = PROTECT(dressed(keeper, body, like));
        SEXP blob = PROTECT(fh_pack(job->heap, x, NULL));
        const uint64_t *children = fh_noted_children(&count);
        *id = body->id;
        code = fh_bind(job->heap, job->name, *id, children, count, RAW(blob),
                       (uint64_t) Rf_xlength(blob), &job->fault);
        fh_settle_noted();
        fh_forget(x);
        UNPROTECT(2);
    }
    UNPROTECT(1);
    return code;
}

static SEXP run(void *data) {
    edit_job *job = data;
    uint64_t id = 0;
    SEXP blob = PROTECT(fh_find_object(job->heap, job->name, &id));
    job->is_found = blob != R_NilValue;
    job->is_vector = id != 0;
    if (job->is_vector) {
        SEXP found = PROTECT(fh_unpack(job->heap, blob));
        SHALLOW_DUPLICATE_ATTRIB(job->like, found);
        fh_forget(found); /* it is not to count as one that looks on */
        UNPROTECT(1);
        job->code = own(job, job->like, &id);
        if (!job->code)
            job->code = job->jointly ? fh_share(job->heap, id, &job->body, &job->fault)
                                     : fh_vector(job->heap, id, FH_EDIT, &job->body, &job->fault);
        if (job->body) R_SetExternalPtrAddr(job->keeper, job->body);
    }
    UNPROTECT(1);
    return R_NilValue; /* the vector would count as one that R has elsewhere, too */
}

static void leave_on_error(void *data, Rboolean jump) {
    fh_fault ignored;
    edit_job *job = data;
    if (jump && !job->is_left) fh_leave(job->heap, 0, 0, &ignored);
}

/* NULL if there is no such name. */
SEXP C_edit(SEXP handle, SEXP name, SEXP jointly) {
    edit_job job;
    memset(&job, 0, sizeof job);
    job.heap = fh_heap_of(handle);
    job.name = fh_name_of(name);
    job.jointly = Rf_asLogical(jointly);
    job.keeper = PROTECT(fh_new_keeper());
    job.like = PROTECT(Rf_allocVector(INTSXP, 0));
    SEXP token = PROTECT(R_MakeUnwindCont());
    fh_begin_entry(job.heap);
    R_UnwindProtect(run, &job, leave_on_error, &job, token);
    job.is_left = 1;
    fh_end_entry(job.heap, job.code, &job.fault);
    if (job.is_found && !job.is_vector)
        fh_stop("type", "\"%s\" is not a vector: only vectors, matrices and arrays can be changed "
                        "where they lie; bind the parts by names of their own, or change a copy "
                        "and bind that", job.name);
    SEXP x = job.is_found ? dressed(job.keeper, job.body, job.like) : R_NilValue;
    UNPROTECT(3);
    return x;
}
