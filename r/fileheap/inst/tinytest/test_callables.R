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

# A package with LinkingTo: installed, loaded in a session of its own, used.
source_package <- system.file("client", package = "fileheap")
folder <- tempfile("library")
dir.create(folder)
copy <- tempfile("source") # R leaves object files where it compiles
dir.create(copy)
file.copy(source_package, copy, recursive = TRUE)
Sys.setenv(R_LIBS = paste(.libPaths(), collapse = ":"))
out <- system2(file.path(R.home("bin"), "R"),
               c("CMD", "INSTALL", paste0("--library=", folder), file.path(copy, "client")),
               stdout = TRUE, stderr = TRUE)
expect_true(dir.exists(file.path(folder, "fileheapclient")), info = paste(out, collapse = "\n"))
out <- elsewhere(c(
  "library(fileheapclient, lib.loc = folder)",
  "rt <- open_fmalloc(path)",
  "x <- create_fmalloc_vector('numeric', 4, rt)",
  "x[1] <- 3",
  "scale_in_place(x, 2)",
  "y <- ascending(x, 5)",
  "m <- managed(as_fmalloc(as.double(1:100), rt))",
  "cat(facts(x), first(x), is.null(facts(1)), y, is_file_backed(y), facts(m), first(m), '\\n')",
  "rt[['x']] <- x",
  "cat(tryCatch(scale_in_place(x, 2), error = function(e) class(e)[1]), rt[['x']])"),
  folder = folder, path = new_path())
expect_identical(trimws(out), c("14 4 6 TRUE 1 2 3 4 5 TRUE 14 100 1",
                                "fileheap_error_read_only 6 0 0 0"))
