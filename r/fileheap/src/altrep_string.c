/* The class of strings: text in the heap, R's strings made when asked for and kept meanwhile.
 *
 * data2 is the cache: NULL, a list of chunks, or all strings in one vector, once R asked for a data
 * pointer or a pass over the elements came half way. Then `strings` of the body points at them, and
 * a read is a load. R code may keep CHAR() of an element as long as it has the vector: what was
 * read once stays in the cache. */
#include "fileheap.h"

#include <R_ext/Altrep.h>
#include <R_ext/Riconv.h>
#include <string.h>

static R_altrep_class_t string_class;
/* What a chunk holds where nothing was read: no string of R's. */
static SEXP unread;

#define CHUNK 1024
enum { MARK_UTF8 = 0, MARK_LATIN1 = 1, MARK_BYTES = 2, MARK_NATIVE = 3 };

static R_xlen_t length_method(SEXP x) {
    fh_body *body = fh_own_body(x);
    return body ? (R_xlen_t) body->length : 0;
}

/* The body, with a cache that fits it. */
static fh_body *current(SEXP x) {
    fh_body *body = fh_own_body(x);
    if (!body || body->flags & (FH_DESTROYED | FH_UNDONE)) fh_need_alive(body);
    if (body->cache_epoch != body->epoch) {
        R_set_altrep_data2(x, R_NilValue);
        body->cache_epoch = body->epoch;
        body->chunks_read = 0;
    }
    return body;
}

static SEXP read_string(fh_body *body, R_xlen_t i) {
    const char *bytes = "";
    unsigned char mark = 0;
    int count = fh_string_get(body, i, &bytes, &mark);
    if (count == -2 && fh_string_look_again(body)) count = fh_string_get(body, i, &bytes, &mark);
    if (count == -1) return NA_STRING;
    if (count < 0)
        fh_stop("corrupt", "element %.0f of a character vector (record %.0f) makes no sense; "
                           "check the heap with diagnose_fmalloc_runtime(check = TRUE)",
                (double) i + 1, (double) body->id);
    if (mark == MARK_BYTES) return Rf_mkCharLenCE(bytes, count, CE_BYTES);
    SEXP text = Rf_mkCharLenCE(bytes, count, CE_UTF8);
    if (mark != MARK_LATIN1) return text;
    PROTECT(text);
    const void *top = vmaxget();
    text = Rf_mkCharCE(Rf_reEnc(CHAR(text), CE_UTF8, CE_LATIN1, 1), CE_LATIN1);
    vmaxset(top);
    UNPROTECT(1);
    return text;
}

static SEXP new_chunk(R_xlen_t length, R_xlen_t number) {
    R_xlen_t count = length - number * CHUNK;
    if (count > CHUNK) count = CHUNK;
    SEXP chunk = PROTECT(Rf_allocVector(STRSXP, count));
    for (R_xlen_t i = 0; i < count; i++) SET_STRING_ELT(chunk, i, unread);
    UNPROTECT(1);
    return chunk;
}

/* The chunk of an element, made if it is missing. */
static SEXP chunk_of(SEXP x, const fh_body *body, R_xlen_t i) {
    R_xlen_t length = (R_xlen_t) body->length, number = i / CHUNK;
    SEXP chunks = R_altrep_data2(x);
    if (chunks == R_NilValue) {
        chunks = Rf_allocVector(VECSXP, (length + CHUNK - 1) / CHUNK);
        R_set_altrep_data2(x, chunks);
    }
    SEXP chunk = VECTOR_ELT(chunks, number);
    if (chunk == R_NilValue) {
        chunk = new_chunk(length, number);
        SET_VECTOR_ELT(chunks, number, chunk);
    }
    return chunk;
}

/* All strings in one vector of R's. What was read already comes from the cache. */
static SEXP all_strings(SEXP x, fh_body *body) {
    R_xlen_t length = (R_xlen_t) body->length;
    SEXP cache = R_altrep_data2(x);
    SEXP all = PROTECT(Rf_allocVector(STRSXP, length));
    for (R_xlen_t i = 0; i < length; i++) {
        SEXP text = unread;
        if (TYPEOF(cache) == STRSXP) {
            text = STRING_ELT(cache, i);
        } else if (TYPEOF(cache) == VECSXP) {
            SEXP chunk = VECTOR_ELT(cache, i / CHUNK);
            if (chunk != R_NilValue) text = STRING_ELT(chunk, i % CHUNK);
        }
        SET_STRING_ELT(all, i, text == unread ? read_string(body, i) : text);
    }
    UNPROTECT(1);
    return all;
}

/* From now on a read is a load. */
static const SEXP *read_all(SEXP x, fh_body *body) {
    SEXP all = R_altrep_data2(x);
    if (TYPEOF(all) != STRSXP) {
        all = all_strings(x, body);
        R_set_altrep_data2(x, all);
    }
    body->strings = STRING_PTR_RO(all);
    return body->strings;
}

static void read_chunk(fh_body *body, SEXP chunk, R_xlen_t first) {
    R_xlen_t count = Rf_xlength(chunk);
    for (R_xlen_t i = 0; i < count; i++)
        if (STRING_ELT(chunk, i) == unread) SET_STRING_ELT(chunk, i, read_string(body, first + i));
}

static FH_RARE SEXP read_one(SEXP x, R_xlen_t i) {
    fh_body *body = current(x);
    if (TYPEOF(R_altrep_data2(x)) == STRSXP) return read_all(x, body)[i];
    SEXP chunk = chunk_of(x, body, i);
    SEXP text = STRING_ELT(chunk, i % CHUNK);
    if (text != unread) return text;
    if (i % CHUNK == 0) { /* who looks at the first of a chunk looks at the next ones, too */
        if (2 * ++body->chunks_read * CHUNK >= (uint64_t) body->length) return read_all(x, body)[i];
        read_chunk(body, chunk, i);
        return STRING_ELT(chunk, 0);
    }
    text = read_string(body, i);
    SET_STRING_ELT(chunk, i % CHUNK, text);
    return text;
}

static SEXP elt_method(SEXP x, R_xlen_t i) {
    const fh_body *body = fh_at_hand(x);
    return body && body->strings ? body->strings[i] : read_one(x, i);
}

static FH_RARE void *first_dataptr(SEXP x) { return (void *) read_all(x, current(x)); }

static void *dataptr_method(SEXP x, Rboolean writable) {
    const fh_body *body = fh_at_hand(x);
    return body && body->strings ? (void *) body->strings : first_dataptr(x);
}

static const void *dataptr_or_null_method(SEXP x) { return current(x)->strings; }

static int is_ascii(const char *bytes, int count) {
    uint64_t high = 0, eight;
    int i = 0;
    for (; i + 8 <= count; i += 8) {
        memcpy(&eight, bytes + i, 8);
        high |= eight;
    }
    for (; i < count; i++) high |= (unsigned char) bytes[i];
    return (high & UINT64_C(0x8080808080808080)) == 0;
}

/* Bytes and mark of a string of R's. May allocate for other encodings than UTF-8. */
static const char *encode(SEXP text, int *count, unsigned char *mark) {
    const char *bytes = CHAR(text);
    *count = LENGTH(text);
    switch (Rf_getCharCE(text)) {
    case CE_UTF8: *mark = MARK_UTF8; return bytes;
    case CE_BYTES: *mark = MARK_BYTES; return bytes;
    case CE_LATIN1: *mark = MARK_LATIN1; break;
    default: *mark = MARK_NATIVE; break;
    }
    if (is_ascii(bytes, *count)) {
        *mark = MARK_UTF8;
        return bytes;
    }
    bytes = Rf_translateCharUTF8(text);
    *count = (int) strlen(bytes);
    return bytes;
}

void fh_put_string(fh_body *body, R_xlen_t i, SEXP value) {
    if (value == NA_STRING) {
        fh_string_set_na(body, i);
        return;
    }
    const void *top = vmaxget();
    int count;
    unsigned char mark;
    const char *bytes = encode(value, &count, &mark);
    if (fh_string_set(body, i, bytes, count, mark) == 2) {
        fh_fault fault;
        fh_begin_entry(body->heap);
        fh_end_entry(body->heap, fh_string_grow(body, (uint64_t) count, &fault), &fault);
        fh_string_set(body, i, bytes, count, mark);
    }
    vmaxset(top);
}

static void set_elt_method(SEXP x, R_xlen_t i, SEXP value) {
    fh_body *body = current(x);
    if (!(body->flags & FH_MUTABLE))
        fh_stop("read_only", "this character vector is part of something with a name: copy it "
                             "first, or use edit()");
    PROTECT(value);
    fh_put_string(body, i, value);
    SEXP cache = R_altrep_data2(x);
    if (TYPEOF(cache) == STRSXP) SET_STRING_ELT(cache, i, value);
    else SET_STRING_ELT(chunk_of(x, body, i), i % CHUNK, value);
    if (body->flags & FH_ACCOMPANIED) fh_string_changed(body);
    UNPROTECT(1);
}

static SEXP duplicate_method(SEXP x, Rboolean deep) {
    return all_strings(x, current(x));
}

static Rboolean inspect_method(SEXP x, int before, int deep, int vectors,
                               void (*inspect)(SEXP, int, int, int)) {
    fh_body *body = fh_own_body(x);
    char path[4096] = "";
    if (body) fh_path(body->heap, path, sizeof path);
    Rprintf(" file-backed character, length %.0f, record %.0f of %s\n",
            (double) length_method(x), body ? (double) body->id : 0.0, path);
    return TRUE;
}

SEXP fh_new_string(SEXP keeper) { return R_new_altrep(string_class, keeper, R_NilValue); }

int fh_is_string(SEXP x) { return TYPEOF(x) == STRSXP && R_altrep_inherits(x, string_class); }

void fh_register_strings(DllInfo *dll) {
    string_class = R_make_altstring_class("fileheap_character", "fileheap", dll);
    unread = Rf_mkChar("\001fileheap: not read\001");
    R_PreserveObject(unread);
    R_set_altrep_Length_method(string_class, length_method);
    R_set_altrep_Inspect_method(string_class, inspect_method);
    R_set_altrep_Duplicate_method(string_class, duplicate_method);
    R_set_altrep_Serialized_state_method(string_class, fh_serialized_state);
    R_set_altrep_Unserialize_method(string_class, fh_unserialize);
    R_set_altvec_Dataptr_method(string_class, dataptr_method);
    R_set_altvec_Dataptr_or_null_method(string_class, dataptr_or_null_method);
    R_set_altstring_Elt_method(string_class, elt_method);
    R_set_altstring_Set_elt_method(string_class, set_elt_method);
}
