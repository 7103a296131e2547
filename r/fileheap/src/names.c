/* Names: bind an object, find it, remove it, list all. */
#include "fileheap.h"

#include <string.h>

const char *fh_name_of(SEXP name) {
    if (TYPEOF(name) != STRSXP || Rf_xlength(name) != 1 || STRING_ELT(name, 0) == NA_STRING)
        fh_stop("invalid_argument", "expected a name: one string that is not NA");
    return Rf_translateCharUTF8(STRING_ELT(name, 0));
}

typedef struct {
    const fh_heap *heap;
    const char *name;
    SEXP object;
} bind_job;

static SEXP bind(void *data) {
    fh_fault fault;
    bind_job *job = data;
    SEXP blob = PROTECT(fh_pack(job->heap, job->object, job->name));
    uint64_t count = 0;
    fh_body *body = fh_body_of(job->object);
    int is_in = body && body->heap == job->heap && fh_refers(body, job->name);
    uint64_t primary = is_in ? body->id : 0;
    fh_begin_entry(job->heap);
    /* While it waited for its turn another process may have edited what the object refers to. */
    if (!fh_noted_stand(job->name)) {
        fh_leave(job->heap, 0, 0, &fault);
        UNPROTECT(1);
        return Rf_ScalarLogical(FALSE);
    }
    const uint64_t *children = fh_noted_children(&count);
    int code = fh_bind(job->heap, job->name, primary, children, count, RAW(blob),
                       (uint64_t) Rf_xlength(blob), &fault);
    fh_end_entry(job->heap, code, &fault);
    fh_settle_noted();
    UNPROTECT(1);
    return Rf_ScalarLogical(TRUE);
}

/* Binds an object whose large vectors lie in the heap already; see as_stored(). FALSE if they are
 * no more what the object has: it is to be looked at again. */
SEXP C_bind(SEXP handle, SEXP name, SEXP object) {
    bind_job job = {fh_heap_of(handle), fh_name_of(name), object};
    return R_ExecWithCleanup(bind, &job, fh_drop_noted, NULL);
}

SEXP fh_find_object(const fh_heap *heap, const char *name, uint64_t *primary) {
    fh_fault fault;
    uint64_t bytes = 0, room = 0;
    SEXP blob = R_NilValue;
    for (;;) {
        unsigned char *to = room ? RAW(blob) : NULL;
        if (fh_lookup(heap, name, to, room, &bytes, primary, &fault)) fh_raise(&fault);
        if (room) UNPROTECT(1);
        if (bytes == 0) return R_NilValue;
        if (bytes <= room) return blob;
        room = bytes;
        blob = PROTECT(Rf_allocVector(RAWSXP, (R_xlen_t) room));
    }
}

/* NULL if there is no such name, else a list of the object's serialization and its record. */
SEXP C_find(SEXP handle, SEXP name) {
    uint64_t primary = 0;
    SEXP blob = PROTECT(fh_find_object(fh_heap_of(handle), fh_name_of(name), &primary));
    SEXP found = R_NilValue;
    if (blob != R_NilValue) {
        found = PROTECT(Rf_allocVector(VECSXP, 2));
        SET_VECTOR_ELT(found, 0, blob);
        SET_VECTOR_ELT(found, 1, Rf_ScalarReal((double) primary));
        UNPROTECT(1);
    }
    UNPROTECT(1);
    return found;
}

SEXP C_load(SEXP handle, SEXP blob) { return fh_unpack(fh_heap_of(handle), blob); }

SEXP C_unbind(SEXP handle, SEXP name) {
    fh_fault fault;
    int found = 0;
    const fh_heap *heap = fh_heap_of(handle);
    const char *text = fh_name_of(name);
    fh_begin_entry(heap);
    int code = fh_unbind(heap, text, &found, &fault);
    fh_end_entry(heap, code, &fault);
    return Rf_ScalarLogical(found);
}

SEXP C_names(SEXP handle) {
    fh_fault fault;
    uint64_t bytes = 0, room = 0;
    char *text = NULL;
    const fh_heap *heap = fh_heap_of(handle);
    for (;;) {
        if (fh_names(heap, text, room, &bytes, &fault)) fh_raise(&fault);
        if (bytes <= room) break;
        room = bytes;
        text = R_alloc(room, 1);
    }
    R_xlen_t count = 0;
    for (uint64_t i = 0; i < bytes; i++) count += text[i] == 0;
    SEXP names = PROTECT(Rf_allocVector(STRSXP, count));
    const char *at = text;
    for (R_xlen_t i = 0; i < count; i++) {
        SET_STRING_ELT(names, i, Rf_mkCharCE(at, CE_UTF8));
        at += strlen(at) + 1;
    }
    UNPROTECT(1);
    return names;
}
