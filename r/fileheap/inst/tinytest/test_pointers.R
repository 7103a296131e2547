# Pointers outlive calls, errors in methods, unloading, what R keeps alive. P4, P9, P17, P18.
source("helper.R")
rt <- new_heap()

# P4: an address stays good while the heap grows, others come and go, and it is closed and opened.
code <- tempfile("pointer", fileext = ".c")
writeLines(c(
  "#include <R.h>", "#include <Rinternals.h>", "static double *kept; static SEXP *texts;",
  "SEXP keep(SEXP x) { kept = REAL(x); return R_NilValue; }",
  "SEXP still(SEXP x) { return Rf_ScalarLogical(kept == REAL(x)); }",
  "SEXP through(void) { kept[1] += 1; return Rf_ScalarReal(kept[0]); }",
  "SEXP keep_texts(SEXP x) { texts = (SEXP *) STRING_PTR_RO(x); return R_NilValue; }",
  "SEXP text(void) { return Rf_ScalarString(texts[0]); }",
  "SEXP put(SEXP x, SEXP i, SEXP v) { REAL(x)[Rf_asInteger(i) - 1] = Rf_asReal(v); return x; }"),
  code)
if (getRversion() < "4.5") writeLines(sub("STRING_PTR_RO", "STRING_PTR", readLines(code)), code)
built <- system2(file.path(R.home("bin"), "R"), c("CMD", "SHLIB", code), stdout = TRUE,
                 stderr = TRUE)
library_file <- sub("[.]c$", .Platform$dynlib.ext, code)
expect_true(file.exists(library_file), info = paste(built, collapse = "\n"))
dll <- dyn.load(library_file)
call <- function(name, ...) .Call(getNativeSymbolInfo(name, dll), ...)
x <- create_fmalloc_vector("numeric", 10, rt)
x[1] <- 7
call("keep", x)
texts <- as_fmalloc(c("a text longer than twelve bytes", "b"), rt)
call("keep_texts", texts)
for (i in 1:20) {
  rt[["grown"]] <- rep(i + 0, 1e5 * i)
  y <- create_fmalloc_vector("numeric", 1e5, rt)
  destroy_fmalloc_vector(y)
  texts[2] <- strrep("grown ", i * 1000)
}
try(with_transaction(rt, { x[1] <- 8; stop() }), silent = TRUE)
with_transaction(rt, x[3] <- 3)
cleanup_fmalloc(rt)
invisible(gc())
expect_true(call("still", x))
expect_identical(call("through"), 7)
expect_identical(x[2:3], c(1, 3))
expect_identical(call("text"), "a text longer than twelve bytes")

# C code that stores in place into a vector with a name changes no file, whatever is committed before
# or after; into one that is edited, or R's own, it does.
for (n in c(10, 1000, 5000, 3e5)) {
  path <- new_path()
  rt <- open_fmalloc(path)
  rt[["x"]] <- as.double(seq_len(n))
  rt[["edited"]] <- as.double(seq_len(n))
  own <- create_fmalloc_vector("numeric", n, rt)
  file <- tempfile()
  saveRDS(own, file)
  x <- rt[["x"]]
  call("put", x, 1, -1)
  with_transaction(rt, rt[["y"]] <- 1)
  with_transaction(rt, {
    call("put", x, 2, -2)
    edited <- edit(rt, "edited")
    call("put", edited, 2, -2)
    call("put", own, 3, -3)
  })
  call("put", x, 3, -3)
  try(with_transaction(rt, {
    call("put", edited, 4, -4)
    call("put", own, 4, -4)
    stop()
  }), silent = TRUE)
  with_transaction(rt, rt[["y"]] <- 2)
  seen <- elsewhere('rt <- open_fmalloc(path)
    cat(rt[["x"]][1:4], rt[["edited"]][1:4], readRDS(file)[1:4], rt[["y"]])', path = path,
    file = file)
  expect_identical(seen, "1 2 3 4 1 -2 3 4 0 0 -3 0 2", info = n)
  rm(x, edited, own)
  expect_true(is_clean(rt))
}
dyn.unload(library_file)

# P9: an error in a method leaves R's collector running, and R as it was.
rt <- new_heap()
for (type in c("numeric", "character", "raw")) {
  x <- create_fmalloc_vector(type, 100, rt)
  if (type == "character") x[] <- as.character(1:100)
  destroy_fmalloc_vector(x)
  for (use in list(function(x) x[[5]], function(x) x[2:3], function(x) x[1] <- x[2], unique, rev,
                   paste, rank, function(x) { x[1] <- x[1]; x })) {
    expect_true(refuses(use(x), "destroyed"), info = paste(type, deparse(use)[1]))
  }
}
collected <- FALSE
local(reg.finalizer(new.env(), function(e) collected <<- TRUE))
for (i in 1:20000) { # collected by R itself, or not at all
  junk <- numeric(1e5)
  if (collected) break
}
expect_true(collected)

# P18: R's own lists do not grow with our vectors.
cells <- function() {
  invisible(gc())
  invisible(gc())
  gc()[1, 1]
}
use <- function(count) for (i in seq_len(count)) {
  x <- create_fmalloc_vector("character", 3, rt)
  x[1] <- "a"
  x[2]
  destroy_fmalloc_vector(x)
}
for (i in 1:3) use(50) # compiled by R, what that needs is loaded
before <- cells()
use(2000)
expect_true(cells() - before < 1500)

# P17: the namespace goes, vectors stay good, and R ends as it should.
path <- new_path()
out <- elsewhere(c(
  "rt <- open_fmalloc(path)", "x <- create_fmalloc_vector('numeric', 5, rt)", "x[2] <- 2",
  "s <- as_fmalloc(c('a text longer than twelve bytes', NA), rt)", "rt$x <- 1:10",
  "b <- rt$x", "unloadNamespace('fileheap')", "x[3] <- 3", "gc()",
  "reg.finalizer(globalenv(), function(e) cat('end\n'), onexit = TRUE)",
  "cat(x, sum(b), s, '\n')"), path = path)
expect_true("0 2 3 0 0 55 a text longer than twelve bytes NA " %in% out,
            info = paste(out, collapse = "\n"))
expect_identical(tail(out, 1L), "end")
expect_true(is.null(attr(out, "status")))
