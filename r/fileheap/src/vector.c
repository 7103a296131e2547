/* Vectors: from a body to an R vector and back, creation, and what can be asked of one. */
#include "fileheap.h"

#include <R_ext/Altrep.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static SEXP tag(void) { return Rf_install("fileheap_vector"); }

static void free_keeper(SEXP keeper) {
    fh_body *body = R_ExternalPtrAddr(keeper);
    R_ClearExternalPtr(keeper);
    if (body && body == fh_last.body) fh_last.x = NULL;
    if (body && body->heap) fh_body_free(body);
    else free(body);
}

void fh_forget(SEXP x) {
    SEXP inner = fh_inner(x);
    if (inner) free_keeper(R_altrep_data1(inner));
}

SEXP fh_new_keeper(void) {
    SEXP keeper = PROTECT(R_MakeExternalPtr(NULL, tag(), R_NilValue));
    R_RegisterCFinalizerEx(keeper, free_keeper, TRUE);
    UNPROTECT(1);
    return keeper;
}

SEXP fh_class_instance(uint32_t element, SEXP keeper) {
    SEXP x = element == STRSXP   ? fh_new_string(keeper)
             : element == VECSXP ? fh_new_list(keeper)
                                 : fh_new_number(element, keeper);
    if (x == fh_last.x) fh_last.x = NULL; /* the address of one that R collected */
    return x;
}

SEXP fh_new_vector(SEXP keeper, fh_body *body) {
    PROTECT(keeper);
    R_SetExternalPtrAddr(keeper, body);
    SEXP x = PROTECT(fh_class_instance(body->element, keeper));
    /* What has a name, or is somebody else's to change, has value semantics: R copies it. */
    if (!(body->flags & FH_MUTABLE)) MARK_NOT_MUTABLE(x);
    UNPROTECT(2);
    return x;
}

SEXP fh_new_lost(uint32_t element, double length) {
    SEXP keeper = PROTECT(fh_new_keeper());
    fh_body *body = calloc(1, sizeof *body);
    if (!body) Rf_error("out of memory for a vector");
    body->element = element;
    body->length = (int64_t) length;
    /* Detached: no heap knows of it. */
    body->flags = FH_LOST | FH_DESTROYED | FH_DETACHED;
    body->pid = (uint32_t) getpid();
    SEXP x = fh_new_vector(keeper, body);
    UNPROTECT(1);
    return x;
}

fh_last_body fh_last;

fh_body *fh_find_body(SEXP x) {
    fh_body *body = R_ExternalPtrAddr(R_altrep_data1(x));
    fh_last.x = body ? x : NULL;
    fh_last.body = body;
    return body;
}

int fh_is_ours(SEXP x) {
    return ALTREP(x) && (fh_is_number(x) || fh_is_string(x) || fh_is_list(x));
}

/* R's wrappers keep what they wrap where every ALTREP object keeps its first datum. */
SEXP fh_inner(SEXP x) {
    for (int depth = 0; depth < 8 && ALTREP(x); depth++) {
        if (fh_is_ours(x)) return x;
        SEXP inside = R_altrep_data1(x);
        if (TYPEOF(inside) != TYPEOF(x) || Rf_xlength(inside) != Rf_xlength(x)) return NULL;
        x = inside;
    }
    return NULL;
}

fh_body *fh_body_of(SEXP x) {
    SEXP inner = fh_inner(x);
    return inner ? fh_own_body(inner) : NULL;
}

const char *fh_why_dead(const fh_body *body) {
    if (!body) return "lost its heap: it was restored without its heap file";
    if (body->flags & FH_LOST) return "was saved, or loaded, when its elements were gone";
    if (body->flags & FH_DESTROYED) return "was destroyed";
    if (body->flags & FH_UNDONE) return "was made in a transaction that was aborted";
    return NULL;
}

void fh_need_alive(const fh_body *body) {
    const char *why = fh_why_dead(body);
    if (why) fh_stop("destroyed", "this vector %s: its elements are gone", why);
}

/* A full heap may be full of vectors that R did not collect yet: 1 if it is worth another try. */
static int may_collect(const fh_heap *heap, const fh_fault *fault, int *tried) {
    fh_fault ignored;
    int full = !strcmp(fault->class_name, "disk_full") ||
               !strcmp(fault->class_name, "limit_reached");
    if (!full || *tried) return 0;
    *tried = 1;
    R_gc();
    /* What was collected is freed by the next entry, and can be used once that is durable. */
    if (fh_try_entry(heap)) fh_leave(heap, 1, 0, &ignored);
    fh_sync(heap, &ignored);
    return 1;
}

SEXP fh_make_vector(const fh_heap *heap, uint32_t element, double length, uint32_t how) {
    fh_fault fault;
    int tried = 0;
    SEXP keeper = PROTECT(fh_new_keeper());
    for (;;) {
        fh_body *body = NULL;
        fh_begin_entry(heap);
        int code = fh_create(heap, element, (uint64_t) length, how, &body, &fault);
        if (code) {
            fh_fault second;
            fh_leave(heap, 0, 0, &second);
            if (may_collect(heap, &fault, &tried)) continue;
            fh_raise(&fault);
        }
        R_SetExternalPtrAddr(keeper, body);
        fh_end_entry(heap, 0, &fault);
        SEXP x = fh_new_vector(keeper, body);
        UNPROTECT(1);
        return x;
    }
}

SEXP fh_get_vector(const fh_heap *heap, uint64_t id, int purpose) {
    fh_fault fault;
    fh_body *body = NULL;
    SEXP keeper = PROTECT(fh_new_keeper());
    if (purpose == FH_TAKE_OVER && !fh_try_entry(heap)) purpose = FH_LOOK;
    int entered = purpose == FH_TAKE_OVER;
    int code = fh_vector(heap, id, purpose, &body, &fault);
    if (body) R_SetExternalPtrAddr(keeper, body);
    if (entered)
        fh_end_entry(heap, code, &fault);
    else if (code)
        fh_raise(&fault);
    SEXP x = fh_new_vector(keeper, body);
    UNPROTECT(1);
    return x;
}

/* A second vector over the record of one of ours, without attributes and with value semantics; the
 * first is shared as long as it lives, so that R copies it before it stores. NULL for other
 * objects, and in a forked child. */
SEXP C_view(SEXP x) {
    SEXP inner = fh_inner(x);
    fh_body *body = inner ? fh_own_body(inner) : NULL;
    if (!body || body->pid != (uint32_t) getpid()) return R_NilValue;
    fh_need_alive(body);
    if (!fh_is_home(body)) return R_NilValue;
    SEXP view = PROTECT(fh_get_vector(body->heap, body->id, FH_LOOK));
    R_SetExternalPtrProtected(R_altrep_data1(view), inner);
    UNPROTECT(1);
    return view;
}

SEXP C_create(SEXP handle, SEXP type, SEXP length, SEXP zero, SEXP temporary) {
    const fh_heap *heap = fh_heap_of(handle);
    uint32_t element = (uint32_t) Rf_asInteger(type);
    if (element == VECSXP && !FH_HAS_LISTS)
        fh_stop("unsupported", "file-backed lists need R 4.3 or later, this is R %s.%s; store "
                               "lists under a name instead: rt[[\"name\"]] <- x",
                R_MAJOR, R_MINOR);
    uint32_t how = FH_STORED_TO_LATER;
    if (Rf_asLogical(zero)) how |= FH_ZEROED;
    if (Rf_asLogical(temporary)) how |= FH_TEMPORARILY;
    return fh_make_vector(heap, element, Rf_asReal(length), how);
}

SEXP C_destroy(SEXP x, SEXP even_if_used) {
    fh_fault fault;
    fh_body *body = fh_body_of(x);
    if (!body || body->flags & FH_DETACHED)
        fh_stop("not_file_backed", "expected a file-backed vector, found an ordinary object");
    fh_need_alive(body);
    fh_begin_entry(body->heap);
    fh_end_entry(body->heap, fh_destroy(body->heap, body->id, Rf_asLogical(even_if_used), &fault),
                 &fault);
    return R_NilValue;
}

static const char *info_names[] = {"id",      "type",  "length", "mutable", "alive",
                                   "temporary", "path", "generation", ""};

/* What a file-backed vector is; NULL for anything else. */
SEXP C_info(SEXP x) {
    fh_body *body = fh_body_of(x);
    if (!body || body->flags & FH_DETACHED) return R_NilValue;
    char path[4096];
    fh_path(body->heap, path, sizeof path);
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, info_names));
    SET_VECTOR_ELT(list, 0, Rf_ScalarReal((double) body->id));
    SET_VECTOR_ELT(list, 1, Rf_mkString(Rf_type2char(body->element)));
    SET_VECTOR_ELT(list, 2, Rf_ScalarReal((double) body->length));
    SET_VECTOR_ELT(list, 3, Rf_ScalarLogical((body->flags & FH_MUTABLE) != 0));
    SET_VECTOR_ELT(list, 4,
                   Rf_ScalarLogical((body->flags & (FH_DESTROYED | FH_UNDONE)) == 0));
    SET_VECTOR_ELT(list, 5, Rf_ScalarLogical((body->flags & FH_TEMPORARY) != 0));
    SET_VECTOR_ELT(list, 6, Rf_mkString(path));
    SET_VECTOR_ELT(list, 7, Rf_ScalarReal((double) body->generation));
    UNPROTECT(1);
    return list;
}

/* A handle of a vector's own heap. */
SEXP C_runtime_of(SEXP x) {
    fh_body *body = fh_body_of(x);
    if (!body || body->flags & FH_DETACHED) return R_NilValue;
    char path[4096];
    unsigned char uuid[16];
    fh_path(body->heap, path, sizeof path);
    fh_uuid(body->heap, uuid);
    const fh_heap *found = fh_find(uuid, path);
    return found ? fh_new_handle(found) : R_NilValue;
}

int fh_refers(const fh_body *body, const char *under) {
    int may = fh_may_refer(body, under);
    if (may == 2) { /* vectors that stored to it may be waiting for the collector only */
        R_gc();
        may = fh_may_refer(body, under);
    }
    return may == 1;
}

/* Whether an object that is stored under a name, or NULL, can refer to the vector where it is. */
SEXP C_is_in(SEXP x, SEXP handle, SEXP under) {
    fh_body *body = fh_body_of(x);
    if (!body || body->heap != fh_heap_of(handle)) return Rf_ScalarLogical(FALSE);
    return Rf_ScalarLogical(fh_refers(body, under == R_NilValue ? NULL : fh_name_of(under)));
}

/* Installs an attribute on the very vector, so that every variable that has it sees it. */
SEXP C_set_attribute(SEXP x, SEXP name, SEXP value) {
    Rf_setAttrib(x, Rf_installTrChar(STRING_ELT(name, 0)), value);
    return x;
}
