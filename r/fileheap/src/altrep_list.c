/* The class of lists (R 4.3 and later): elements are objects of the heap, loaded when asked for. */
#include "fileheap.h"

#include <R_ext/Altrep.h>
#include <string.h>

#if FH_HAS_LISTS

static R_altrep_class_t list_class;
/* What the cache holds where nothing was loaded. */
#define UNLOADED R_MissingArg

static R_xlen_t length_method(SEXP x) {
    fh_body *body = fh_own_body(x);
    return body ? (R_xlen_t) body->length : 0;
}

static fh_body *current(SEXP x) {
    fh_body *body = fh_own_body(x);
    if (!body || body->flags & (FH_DESTROYED | FH_UNDONE)) fh_need_alive(body);
    if (body->cache_epoch != body->epoch || R_altrep_data2(x) == R_NilValue) {
        SEXP cache = PROTECT(Rf_allocVector(VECSXP, (R_xlen_t) body->length));
        for (R_xlen_t i = 0; i < (R_xlen_t) body->length; i++) SET_VECTOR_ELT(cache, i, UNLOADED);
        R_set_altrep_data2(x, cache);
        body->cache_epoch = body->epoch;
        UNPROTECT(1);
    }
    return body;
}

static SEXP load(const fh_body *body, R_xlen_t i) {
    fh_fault fault;
    uint64_t bytes = 0, room = 0;
    SEXP blob = R_NilValue;
    for (;;) {
        unsigned char *to = room ? RAW(blob) : NULL;
        if (fh_slot_get(body, i, to, room, &bytes, &fault)) fh_raise(&fault);
        if (bytes == 0) return R_NilValue;
        if (bytes <= room) break;
        room = bytes;
        blob = Rf_allocVector(RAWSXP, (R_xlen_t) room);
    }
    PROTECT(blob);
    SEXP object = fh_unpack(body->heap, blob);
    UNPROTECT(1);
    return object;
}

static SEXP elt_method(SEXP x, R_xlen_t i) {
    fh_body *body = current(x);
    SEXP element = VECTOR_ELT(R_altrep_data2(x), i);
    if (element == UNLOADED) {
        element = PROTECT(load(body, i));
        SET_VECTOR_ELT(R_altrep_data2(x), i, element);
        UNPROTECT(1);
    }
    return element;
}

static void set_elt_method(SEXP x, R_xlen_t i, SEXP value) {
    fh_fault fault;
    fh_body *body = current(x);
    PROTECT(value);
    SEXP inner = value == R_NilValue ? NULL : fh_inner(value);
    fh_body *child = inner ? fh_own_body(inner) : NULL;
    if (child) fh_need_alive(child);
    if (value != R_NilValue && !(child && fh_refers(child, NULL)))
        fh_stop("not_file_backed", "an element of a file-backed list is NULL or a file-backed "
                                   "vector of the same heap, not an ordinary %s; store it first: "
                                   "x[[i]] <- as_fmalloc(value, runtime)",
                Rf_type2char(TYPEOF(value)));
    if (child && child->heap != body->heap)
        fh_stop("foreign", "the element lies in another heap than the list; copy it first: "
                           "x[[i]] <- as_fmalloc(value, runtime)");
    SEXP blob = PROTECT(child ? fh_pack(body->heap, value, NULL) : Rf_allocVector(RAWSXP, 0));
    uint64_t count = 0;
    const uint64_t *children = fh_noted_children(&count);
    fh_begin_entry(body->heap);
    int code = fh_slot_set(body, i, child ? child->id : 0, children, child ? count : 0,
                           RAW(blob), (uint64_t) Rf_xlength(blob), &fault);
    fh_end_entry(body->heap, code, &fault);
    if (child) fh_settle_noted();
    SET_VECTOR_ELT(R_altrep_data2(x), i, value);
    UNPROTECT(2);
}

/* A copy is an ordinary list of the same elements. */
static SEXP duplicate_method(SEXP x, Rboolean deep) {
    R_xlen_t length = length_method(x);
    SEXP copy = PROTECT(Rf_allocVector(VECSXP, length));
    for (R_xlen_t i = 0; i < length; i++) SET_VECTOR_ELT(copy, i, elt_method(x, i));
    UNPROTECT(1);
    return copy;
}

static const void *dataptr_or_null_method(SEXP x) { return NULL; }

static Rboolean inspect_method(SEXP x, int before, int deep, int vectors,
                               void (*inspect)(SEXP, int, int, int)) {
    fh_body *body = fh_own_body(x);
    char path[4096] = "";
    if (body) fh_path(body->heap, path, sizeof path);
    Rprintf(" file-backed list, length %.0f, record %.0f of %s\n", (double) length_method(x),
            body ? (double) body->id : 0.0, path);
    return TRUE;
}

SEXP fh_new_list(SEXP keeper) { return R_new_altrep(list_class, keeper, R_NilValue); }

int fh_is_list(SEXP x) { return TYPEOF(x) == VECSXP && R_altrep_inherits(x, list_class); }

void fh_register_lists(DllInfo *dll) {
    list_class = R_make_altlist_class("fileheap_list", "fileheap", dll);
    R_set_altrep_Length_method(list_class, length_method);
    R_set_altrep_Inspect_method(list_class, inspect_method);
    R_set_altrep_Duplicate_method(list_class, duplicate_method);
    R_set_altrep_Serialized_state_method(list_class, fh_serialized_state);
    R_set_altrep_Unserialize_method(list_class, fh_unserialize);
    R_set_altvec_Dataptr_or_null_method(list_class, dataptr_or_null_method);
    R_set_altlist_Elt_method(list_class, elt_method);
    R_set_altlist_Set_elt_method(list_class, set_elt_method);
}

#else /* R before 4.3 has no such class: an ordinary list of the elements takes its place. */

SEXP fh_new_list(SEXP keeper) {
    fh_stop("unsupported", "a file-backed list can be used with R 4.3 or later, this is R %s.%s",
            R_MAJOR, R_MINOR);
}

int fh_is_list(SEXP x) { return 0; }

void fh_register_lists(DllInfo *dll) { (void) dll; }

#endif
