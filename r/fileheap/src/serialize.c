/* References: what serialize() writes of a vector, and how unserialize() finds it again.
 *
 * Two uses. Of the user: saveRDS() of a vector of a persistent heap writes identity, path and
 * record; readRDS() looks for the heap and judges what it finds. Of ours: an object with a name is
 * R's serialization of it, in which vectors of that heap are references; `storing` and `loading`
 * name the heap while R's function runs. */
#include "fileheap.h"

#include <stdlib.h>
#include <string.h>

#define STATE_VERSION 1
enum { AT_VERSION, AT_UUID, AT_PATH, AT_ID, AT_TYPE, AT_LENGTH, STATE_FIELDS };

static const fh_heap *storing, *loading;
static const char *storing_under; /* the name, or NULL */
static uint64_t *noted;
static uint64_t noted_count, noted_room;

/* A cell that R keeps, before the vectors themselves: environments lead to them, too. */
static SEXP noted_vectors;

static void note(SEXP x, uint64_t id) {
    SETCDR(noted_vectors, Rf_cons(x, CDR(noted_vectors)));
    if (noted_count == noted_room) {
        uint64_t room = noted_room ? noted_room * 2 : 64;
        uint64_t *wider = realloc(noted, room * sizeof *noted);
        if (!wider) Rf_error("out of memory while storing an object");
        noted = wider;
        noted_room = room;
    }
    noted[noted_count++] = id;
}

const uint64_t *fh_noted_children(uint64_t *count) {
    static const uint64_t none = 0;
    *count = noted_count;
    return noted ? noted : &none;
}

void fh_settle_noted(void) {
    for (SEXP cell = CDR(noted_vectors); cell != R_NilValue; cell = CDR(cell))
        MARK_NOT_MUTABLE(CAR(cell));
    SETCDR(noted_vectors, R_NilValue);
}

int fh_noted_stand(const char *under) {
    for (SEXP cell = CDR(noted_vectors); cell != R_NilValue; cell = CDR(cell)) {
        fh_body *body = fh_body_of(CAR(cell));
        if (!body || fh_may_refer(body, under) != 1) return 0;
    }
    return 1;
}

void fh_drop_noted(void *ignored) {
    (void) ignored;
    noted_count = 0;
    if (noted_vectors) SETCDR(noted_vectors, R_NilValue);
}

/* A temporary vector that something refers to must outlive the session. */
static int promote(fh_body *body) {
    fh_fault fault, second;
    if (!fh_try_entry(body->heap)) return 0;
    int code = fh_promote(body, &fault);
    int left = fh_leave(body->heap, code == 0, 0, &second);
    return code == 0 && left == 0;
}

/* A reference. Within its own heap it needs no path. */
static SEXP state_of(const fh_body *body, uint64_t id, int is_within) {
    char path[4096];
    fh_path(body->heap, path, sizeof path);
    SEXP state = PROTECT(Rf_allocVector(VECSXP, STATE_FIELDS));
    SET_VECTOR_ELT(state, AT_VERSION, Rf_ScalarInteger(STATE_VERSION));
    SEXP uuid = Rf_allocVector(RAWSXP, 16);
    SET_VECTOR_ELT(state, AT_UUID, uuid);
    fh_uuid(body->heap, RAW(uuid));
    SET_VECTOR_ELT(state, AT_PATH, Rf_mkString(is_within ? "" : path));
    SET_VECTOR_ELT(state, AT_ID, Rf_ScalarReal((double) id));
    SET_VECTOR_ELT(state, AT_TYPE, Rf_ScalarInteger((int) body->element));
    SET_VECTOR_ELT(state, AT_LENGTH, Rf_ScalarReal((double) body->length));
    UNPROTECT(1);
    return state;
}

/* Warns that a vector goes, or came, without its elements. */
static void tell_lost(const char *what, uint32_t element, double length, SEXP path,
                      const char *why) {
    SEXP call = PROTECT(Rf_allocVector(LANGSXP, 6)), at = call;
    SEXP parts[] = {Rf_install("tell_lost"), PROTECT(Rf_mkString(what)),
                    PROTECT(Rf_mkString(Rf_type2char(element))),
                    PROTECT(Rf_ScalarReal(length)), path,
                    PROTECT(Rf_ScalarString(Rf_mkCharCE(why, CE_UTF8)))};
    for (int i = 0; i < 6; i++, at = CDR(at)) SETCAR(at, parts[i]);
    SEXP env = PROTECT(fh_namespace());
    Rf_eval(call, env);
    UNPROTECT(6);
}

/* What a vector without elements is written as: record 0. One of them is not to keep R from saving
 * everything else. */
static SEXP lost_state(const fh_body *body) {
    SEXP state = PROTECT(state_of(body, 0, 0));
    tell_lost("saved", body->element, (double) body->length, VECTOR_ELT(state, AT_PATH),
              fh_why_dead(body));
    UNPROTECT(1);
    return state;
}

/* NULL (of C) lets R write the elements. */
SEXP fh_serialized_state(SEXP x) {
    fh_body *body = fh_own_body(x);
    if (!body) return NULL;
    if (storing) fh_need_alive(body);
    else if (fh_why_dead(body)) return lost_state(body);
    if (storing) {
        if (body->heap != storing || !fh_refers(body, storing_under)) return NULL;
        note(x, body->id);
    } else {
        if (!fh_is_home(body)) return NULL;
        if (fh_mode(body->heap) != FH_PERSISTENT || !fh_is_in_place(body->heap)) return NULL;
        if (body->flags & FH_TEMPORARY && !promote(body)) return NULL;
    }
    return state_of(body, body->id, storing != NULL);
}

/* The user would rather have a vector lost than an error that keeps all the rest from loading. */
static int is_forgiven(void) {
    SEXP option = Rf_GetOption1(Rf_install("fileheap.missing"));
    return Rf_isString(option) && Rf_xlength(option) == 1 &&
           !strcmp(CHAR(STRING_ELT(option, 0)), "warn");
}

/* Lets R look for the heap of a reference. Returns a handle, NULL (of R) if it is forgiven that
 * there is none, or raises an error. */
static SEXP search(SEXP uuid, SEXP path) {
    SEXP forgiven = PROTECT(Rf_ScalarLogical(is_forgiven()));
    SEXP call = PROTECT(Rf_lang4(Rf_install("find_heap"), uuid, path, forgiven));
    SEXP env = PROTECT(fh_namespace());
    SEXP handle = Rf_eval(call, env);
    UNPROTECT(3);
    return handle;
}

static void judge(const fh_body *body, SEXP state) {
    int type = Rf_asInteger(VECTOR_ELT(state, AT_TYPE));
    double length = Rf_asReal(VECTOR_ELT(state, AT_LENGTH));
    if ((int) body->element != type || (double) body->length != length)
        fh_stop("overwritten", "record %.0f of the heap is %s of length %.0f now; the reference "
                               "expects %s of length %.0f",
                (double) body->id, Rf_type2char(body->element), (double) body->length,
                Rf_type2char((SEXPTYPE) type), length);
}

/* A reference in a session whose vector is still there: a value of its own, as for every other
 * vector. What was there may be waiting for the collector only. */
static SEXP copy_of(const fh_heap *heap, uint64_t id) {
    SEXP view = PROTECT(fh_get_vector(heap, id, FH_LOOK));
    SEXP copy = Rf_duplicate(view);
    UNPROTECT(1);
    return copy;
}

static SEXP resolve(const fh_heap *heap, uint64_t id) {
    fh_fault fault;
    int prospects = 0;
    if (loading) return fh_get_vector(heap, id, FH_LOAD);
    if (fh_prospects(heap, id, &prospects, &fault)) {
        if (strcmp(fault.class_name, "destroyed") || !is_forgiven()) fh_raise(&fault);
        return R_NilValue;
    }
    if (prospects > 1) {
        R_gc();
        if (fh_prospects(heap, id, &prospects, &fault)) fh_raise(&fault);
    }
    if (prospects == 2) return copy_of(heap, id);
    if (prospects != 1) return fh_get_vector(heap, id, FH_LOOK);
    SEXP x = PROTECT(fh_get_vector(heap, id, FH_TAKE_OVER));
    if (fh_is_number(x) && fh_own_body(x)->flags & FH_MUTABLE) fh_mark_fresh(x);
    UNPROTECT(1);
    return x;
}

/* The vector that a reference cannot lead to. */
static SEXP come_lost(SEXP state, const char *why) {
    double type = Rf_asReal(VECTOR_ELT(state, AT_TYPE));
    double length = Rf_asReal(VECTOR_ELT(state, AT_LENGTH));
    int is_type = type == LGLSXP || type == INTSXP || type == REALSXP || type == CPLXSXP ||
                  type == STRSXP || type == RAWSXP || type == VECSXP;
    if (!is_type || !(length >= 0 && length <= 4503599627370496.0))
        fh_stop("corrupt", "a reference to a file-backed vector is damaged");
    SEXP x = PROTECT(fh_new_lost((uint32_t) type, length));
    tell_lost("loaded", (uint32_t) type, length, VECTOR_ELT(state, AT_PATH), why);
    UNPROTECT(1);
    return x;
}

/* The record of a reference, or 0 if its vector was lost when it was written. */
static uint64_t record_of(SEXP state) {
    if (TYPEOF(state) != VECSXP || Rf_xlength(state) < STATE_FIELDS ||
        TYPEOF(VECTOR_ELT(state, AT_UUID)) != RAWSXP ||
        Rf_xlength(VECTOR_ELT(state, AT_UUID)) != 16 ||
        TYPEOF(VECTOR_ELT(state, AT_PATH)) != STRSXP ||
        Rf_xlength(VECTOR_ELT(state, AT_PATH)) != 1)
        fh_stop("corrupt", "a reference to a file-backed vector is damaged");
    if (Rf_asInteger(VECTOR_ELT(state, AT_VERSION)) != STATE_VERSION)
        fh_stop("newer_format", "a reference to a file-backed vector has version %d; this "
                                "package reads version %d",
                Rf_asInteger(VECTOR_ELT(state, AT_VERSION)), STATE_VERSION);
    double id = Rf_asReal(VECTOR_ELT(state, AT_ID));
    if (!(id >= 0 && id < 9007199254740992.0))
        fh_stop("corrupt", "a reference to a file-backed vector is damaged");
    return (uint64_t) id;
}

SEXP fh_unserialize(SEXP class_info, SEXP state) {
    uint64_t id = record_of(state);
    if (id == 0) return come_lost(state, "had none when it was saved");
    SEXP handle = R_NilValue;
    const fh_heap *heap = loading;
    if (!heap) {
        const unsigned char *uuid = RAW(VECTOR_ELT(state, AT_UUID));
        heap = fh_find(uuid, CHAR(STRING_ELT(VECTOR_ELT(state, AT_PATH), 0)));
        handle = heap ? fh_new_handle(heap)
                      : search(VECTOR_ELT(state, AT_UUID), VECTOR_ELT(state, AT_PATH));
        if (handle == R_NilValue) return come_lost(state, "is in a heap that was not found");
        heap = fh_heap_of(handle);
    }
    PROTECT(handle);
    SEXP x = PROTECT(resolve(heap, id));
    if (x == R_NilValue) x = come_lost(state, "is not in its heap any more");
    fh_body *body = fh_body_of(x);
    if (body) judge(body, state);
    UNPROTECT(2);
    return x;
}

/* R's own function with one of the marks set; they go whatever happens. */
typedef struct {
    SEXP call;
    const fh_heap *storing, *loading;
    const char *under;
} marked;

static SEXP run_marked(void *data) { return Rf_eval(((marked *) data)->call, R_BaseEnv); }

static void unmark(void *data, Rboolean jump) {
    (void) jump;
    storing = ((marked *) data)->storing;
    loading = ((marked *) data)->loading;
    storing_under = ((marked *) data)->under;
}

static SEXP with_mark(SEXP call, const fh_heap *to_store, const char *under,
                      const fh_heap *to_load) {
    marked before = {call, storing, loading, storing_under};
    storing = to_store;
    storing_under = under;
    loading = to_load;
    SEXP token = PROTECT(R_MakeUnwindCont());
    SEXP result = R_UnwindProtect(run_marked, &before, unmark, &before, token);
    UNPROTECT(1);
    return result;
}

SEXP fh_pack(const fh_heap *heap, SEXP object, const char *under) {
    if (!noted_vectors) {
        noted_vectors = Rf_cons(R_NilValue, R_NilValue);
        R_PreserveObject(noted_vectors);
    }
    noted_count = 0;
    SETCDR(noted_vectors, R_NilValue);
    SEXP quoted = PROTECT(Rf_lang2(Rf_install("quote"), object));
    SEXP call = PROTECT(Rf_lang3(Rf_install("serialize"), quoted, R_NilValue));
    SEXP blob = with_mark(call, heap, under, NULL);
    UNPROTECT(2);
    return blob;
}

SEXP fh_unpack(const fh_heap *heap, SEXP blob) {
    SEXP call = PROTECT(Rf_lang2(Rf_install("unserialize"), blob));
    SEXP object = with_mark(call, NULL, NULL, heap);
    UNPROTECT(1);
    return object;
}
