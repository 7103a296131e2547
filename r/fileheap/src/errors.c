/* Conditions: every error of the package is raised here, with a class of its own and fields. */
#include "fileheap.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

SEXP fh_namespace(void) {
    SEXP name = PROTECT(Rf_mkString("fileheap"));
    SEXP found = R_FindNamespace(name);
    UNPROTECT(1);
    return found;
}

void fh_raise(const fh_fault *fault) {
    SEXP call = PROTECT(Rf_allocVector(LANGSXP, 6));
    SEXP at = call;
    SETCAR(at, Rf_install("raise_fault"));
    at = CDR(at);
    SETCAR(at, Rf_mkString(fault->class_name));
    at = CDR(at);
    SETCAR(at, Rf_ScalarString(Rf_mkCharCE(fault->text, CE_UTF8)));
    at = CDR(at);
    SETCAR(at, Rf_ScalarString(fault->path[0] ? Rf_mkCharCE(fault->path, CE_UTF8) : NA_STRING));
    at = CDR(at);
    SETCAR(at, Rf_ScalarReal(fault->offset < 0 ? NA_REAL : (double) fault->offset));
    at = CDR(at);
    SETCAR(at, Rf_ScalarReal(fault->pid == 0 ? NA_REAL : (double) fault->pid));
    SEXP env = PROTECT(fh_namespace());
    Rf_eval(call, env);
    Rf_error("%s", fault->text); /* raise_fault() does not return */
}

void fh_stop(const char *class_name, const char *format, ...) {
    fh_fault fault;
    memset(&fault, 0, sizeof fault);
    snprintf(fault.class_name, sizeof fault.class_name, "%s", class_name);
    va_list list;
    va_start(list, format);
    vsnprintf(fault.text, sizeof fault.text, format, list);
    va_end(list);
    fault.offset = -1;
    fh_raise(&fault);
}
