# C of other packages: the installed header, compiled and used.
source("helper.R")
rt <- new_heap()
code <- tempfile("client", fileext = ".c")
writeLines(c(
  "#include <fileheap.h>",
  "SEXP facts(SEXP x) {",
  "  SEXP r = PROTECT(Rf_allocVector(REALSXP, 4));",
  "  REAL(r)[0] = fileheap_abi() == FILEHEAP_ABI;",
  "  REAL(r)[1] = fileheap_is_ours(x);",
  "  REAL(r)[2] = fileheap_is_ours(x) ? fileheap_type(x) : 0;",
  "  REAL(r)[3] = fileheap_is_ours(x) ? (double) fileheap_length(x) : 0;",
  "  UNPROTECT(1); return r; }",
  "SEXP first(SEXP x) { return Rf_ScalarReal(((const double *) fileheap_payload(x))[0]); }",
  "SEXP store(SEXP x) { ((double *) fileheap_payload_rw(x))[0] = 42; return R_NilValue; }",
  "SEXP make(SEXP x) { return fileheap_allocate(fileheap_runtime(x), REALSXP, 5, 1); }"), code)
flags <- paste0("-I", system.file("include", package = "fileheap"))
Sys.setenv(PKG_CPPFLAGS = flags)
built <- system2(file.path(R.home("bin"), "R"), c("CMD", "SHLIB", code), stdout = TRUE,
                 stderr = TRUE)
Sys.unsetenv("PKG_CPPFLAGS")
library_file <- sub("[.]c$", .Platform$dynlib.ext, code)
expect_true(file.exists(library_file), info = paste(built, collapse = "\n"))
dll <- dyn.load(library_file)
call <- function(name, x) .Call(getNativeSymbolInfo(name, dll), x)
x <- create_fmalloc_vector("numeric", 3, rt)
expect_identical(call("facts", x), c(1, 1, 14, 3))
expect_identical(call("facts", 1), c(1, 0, 0, 0))
call("store", x)
expect_identical(call("first", x), 42)
made <- call("make", x)
expect_identical(made, numeric(5))
expect_identical(fmalloc_info(made)$path, fmalloc_info(x)$path)
rt[["x"]] <- x
expect_true(refuses(call("store", x), "read_only"))
expect_true(refuses(call("first", 1), "not_file_backed"))
dyn.unload(library_file)
