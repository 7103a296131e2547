/* The least that an ALTREP class can do: what R itself asks for each element, beside floor.R. */
#include <R.h>
#include <Rinternals.h>
#include <R_ext/Altrep.h>

static R_altrep_class_t numbers_class, texts_class;
static double *numbers;
static const SEXP *texts;
static R_xlen_t number_count, text_count;

static R_xlen_t numbers_length(SEXP x) { return number_count; }
static void *numbers_dataptr(SEXP x, Rboolean writable) { return numbers; }
static const void *numbers_or_null(SEXP x) { return numbers; }
static double numbers_elt(SEXP x, R_xlen_t i) { return numbers[i]; }
static R_xlen_t texts_length(SEXP x) { return text_count; }
static void *texts_dataptr(SEXP x, Rboolean writable) { return (void *) texts; }
static const void *texts_or_null(SEXP x) { return texts; }
static SEXP texts_elt(SEXP x, R_xlen_t i) { return texts[i]; }

/* A vector over the elements of an ordinary one, which it keeps. */
SEXP floor_numbers(SEXP from) {
    numbers = REAL(from);
    number_count = XLENGTH(from);
    return R_new_altrep(numbers_class, from, R_NilValue);
}

SEXP floor_texts(SEXP from) {
    texts = STRING_PTR_RO(from);
    text_count = XLENGTH(from);
    return R_new_altrep(texts_class, from, R_NilValue);
}

/* R's strings, made of their bytes. */
SEXP floor_make(SEXP bytes, SEXP lengths) {
    const char *at = (const char *) RAW(bytes);
    SEXP all = PROTECT(Rf_allocVector(STRSXP, XLENGTH(lengths)));
    for (R_xlen_t i = 0; i < XLENGTH(lengths); i++) {
        SET_STRING_ELT(all, i, Rf_mkCharLenCE(at, INTEGER(lengths)[i], CE_UTF8));
        at += INTEGER(lengths)[i];
    }
    UNPROTECT(1);
    return all;
}

void R_init_floor(DllInfo *dll) {
    numbers_class = R_make_altreal_class("floor_numbers", "floor", dll);
    R_set_altrep_Length_method(numbers_class, numbers_length);
    R_set_altvec_Dataptr_method(numbers_class, numbers_dataptr);
    R_set_altvec_Dataptr_or_null_method(numbers_class, numbers_or_null);
    R_set_altreal_Elt_method(numbers_class, numbers_elt);
    texts_class = R_make_altstring_class("floor_texts", "floor", dll);
    R_set_altrep_Length_method(texts_class, texts_length);
    R_set_altvec_Dataptr_method(texts_class, texts_dataptr);
    R_set_altvec_Dataptr_or_null_method(texts_class, texts_or_null);
    R_set_altstring_Elt_method(texts_class, texts_elt);
}
