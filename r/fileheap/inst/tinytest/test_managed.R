# Managed vectors: results equal base R's in every generated case, and stay in the file.
# FILEHEAP_CASES sets the number of cases, FILEHEAP_SEED the first seed.
source("helper.R")
folder <- if (dir.exists("/dev/shm")) "/dev/shm" else tempdir() # thousands of syncs
rt <- open_fmalloc(tempfile("managed", folder, ".heap"), mode = "scratch")
count <- as.integer(Sys.getenv("FILEHEAP_CASES", "6000"))
seed <- as.integer(Sys.getenv("FILEHEAP_SEED", "1"))
cat("test_managed: seed", seed, "cases", count, "\n")
set.seed(seed)
steps <- getFromNamespace("steps", "fileheap")
usual <- steps$elements

# What an expression comes to: value, visible conditions, file-backed or not.
outcome <- function(code) {
  warned <- character()
  value <- withCallingHandlers(
    tryCatch(list(value = code), error = function(e) {
      list(error = conditionMessage(e), class = class(e))
    }),
    warning = function(w) {
      warned <<- c(warned, conditionMessage(w))
      invokeRestart("muffleWarning")
    })
  c(value, list(warned = sort(unique(warned))))
}

edges <- list(
  logical = c(TRUE, FALSE, NA),
  integer = c(0L, 1L, -1L, 2L, 7L, NA, .Machine$integer.max, -.Machine$integer.max),
  double = c(0, -0, 1, -1, 0.5, 2, 3.7, -2.5, NA, NaN, Inf, -Inf, 1e308, 1e-310, 2^53, 1e10),
  complex = c(0i, 1+2i, NA, complex(real = NaN, imaginary = 1), complex(real = Inf, imaginary = -1),
              -1+0i),
  raw = as.raw(c(0, 1, 2, 127, 255)),
  character = c("a", "B", "", NA, "1", "2.5", "longer than twelve", "\u00e9"))

sample_of <- function(type, n) sample(edges[[type]], n, replace = TRUE)
shaped <- function(x, how) {
  n <- length(x)
  switch(how,
    plain = x,
    names = setNames(x, sample(c(letters, NA, ""), n, replace = TRUE)),
    matrix = if (n %% 3 == 0) matrix(x, 3) else x,
    wide = if (n %% 3 == 0) matrix(x, ncol = 3, dimnames = list(NULL, sample(letters, 3))) else x,
    named = if (n %% 2 == 0) matrix(x, 2, dimnames = list(u = c("p", "q"), v = NULL)) else x,
    array = if (n %% 4 == 0) array(x, c(2, 2, n / 4)) else x,
    line = if (n > 0) array(x, n, list(sample(letters, n, replace = TRUE))) else x,
    date = if (typeof(x) == "double") structure(x, class = "Date") else x,
    factor = if (typeof(x) == "character") factor(x) else x,
    extra = structure(x, note = "kept", names = rep("m", n)),
    series = if (n > 1 && typeof(x) %in% c("integer", "double")) ts(x, start = 3) else x)
}
hows <- c("plain", "plain", "plain", "names", "matrix", "wide", "named", "array", "line", "extra",
          "series", "date", "factor")
lengths_tried <- c(0, 1, 2, 3, 4, 6, 12, 12, 12, 20, 60, 61)

# A pool, as making a file-backed vector costs a sync.
pool <- lapply(seq_len(240), function(i) {
  x <- shaped(sample_of(sample(names(edges), 1), sample(lengths_tried, 1)), sample(hows, 1))
  list(base = x, managed = managed(as_fmalloc(x, rt)))
})
drawn <- function() {
  it <- sample(pool, 1)[[1]]
  if (runif(1) < 0.2) list(base = it$base, managed = it$base) else it
}
alike <- function(x) {
  same <- Filter(function(it) length(it$base) == length(x), pool)
  if (length(same)) sample(same, 1)[[1]] else drawn()
}

ops <- c("+", "-", "*", "^", "/", "%%", "%/%", "==", "!=", "<", "<=", ">", ">=", "&", "|")
maths <- c("abs", "sign", "sqrt", "floor", "ceiling", "trunc", "exp", "log", "expm1", "log1p",
           "cos", "sin", "tan", "cospi", "sinpi", "tanpi", "acos", "asin", "atan", "cosh", "sinh",
           "tanh", "acosh", "asinh", "atanh", "lgamma", "gamma", "digamma", "trigamma", "log2",
           "log10", "cumsum", "cumprod", "cummax", "cummin", "round", "signif")
others <- c("Re", "Im", "Mod", "Arg", "Conj", "is.na", "!", "-", "+", "rev", "sort", "order",
            "unique", "duplicated", "anyDuplicated", "t", "is.nan", "range", "sum", "prod", "max",
            "min", "any", "all", "mean", "rank", "as.vector", "as.list", "length", "format",
            "as.data.frame", "median", "counts", "summary")
# table() leaves options(warn = 2) behind when it fails.
counts <- function(x) {
  old <- options(warn = getOption("warn"))
  on.exit(options(old))
  unname(table(x))
}
indices <- function(n) {
  at <- function(k) sample(n, k, replace = TRUE)
  list(at(5), at(40), -at(3), as.double(at(9)) + 0.5, c(at(9), NA, n + 2),
    sample(c(TRUE, FALSE, NA), n, replace = TRUE), c(TRUE, FALSE), TRUE, c(0, at(3)), c(0, -at(2)), c("a", "m"), integer(),
    NULL, NA, rep(TRUE, n + 1), matrix(at(4), ncol = 2), c(1, -1), seq_len(n))
}
kept_in_file <- 0L

# One case: a function of one or two operands.
a_case <- function() {
  x <- drawn()
  kind <- sample(c("op", "op", "op", "math", "other", "digits", "subset", "matrix", "product",
                   "flags"), 1)
  n <- length(x$base)
  y <- if (runif(1) < 0.5) alike(x$base) else drawn()
  switch(kind,
    op = {
      f <- sample(ops, 1)
      list(text = f, x = x, y = y, run = function(x, y) get(f)(x, y))
    },
    math = {
      f <- sample(maths, 1)
      list(text = f, x = x, y = x, run = function(x, y) get(f)(x))
    },
    other = {
      f <- sample(others, 1)
      list(text = f, x = x, y = x, run = function(x, y) get(f)(x))
    },
    digits = {
      f <- sample(c("round", "signif", "log"), 1)
      d <- sample(list(2, -1, 0, 3L, NA, c(1, 2)), 1)[[1]]
      list(text = c(f, deparse(d)), x = x, y = x, run = function(x, y) get(f)(x, d))
    },
    flags = {
      f <- sample(c("sum", "prod", "max", "min", "range", "any", "all", "sort"), 1)
      list(text = c(f, "flags"), x = x, y = y, run = switch(f,
        sort = function(x, y) sort(x, decreasing = TRUE, na.last = TRUE),
        range = function(x, y) range(x, finite = TRUE),
        function(x, y) get(f)(x, y, na.rm = TRUE)))
    },
    subset = {
      i <- sample(indices(max(n, 1)), 1)[[1]]
      list(text = c("[", deparse(i)), x = x, y = x, run = function(x, y) x[i])
    },
    matrix = {
      d <- dim(x$base)
      some <- function(n) sample(c(indices(max(n, 1)), list(quote(expr = ))), 1)[[1]]
      if (length(d) != 2L) d <- c(2, 2)
      i <- list(some(d[1]), some(d[2]))
      list(text = c("[,", deparse(i)), x = x, y = x,
           run = function(x, y) eval(as.call(list(quote(`[`), quote(x), i[[1]], i[[2]]))))
    },
    product = {
      f <- sample(c("%*%", "crossprod", "tcrossprod"), 1)
      alone <- f != "%*%" && runif(1) < 0.5
      list(text = f, x = x, y = y, run = function(x, y) if (alone) get(f)(x) else get(f)(x, y))
    })
}

# Two classes of which each has its method: base R 4.2 takes neither.
is_clash <- function(it) {
  getRversion() < "4.3" && it$text[1] %in% c(ops, "%*%", "crossprod", "tcrossprod") &&
    (is.object(it$x$base) || is.object(it$y$base))
}

differences <- 0L
tried <- 0L
old <- options(Rfmalloc.reduce_result_length = 0)
for (i in seq_len(count)) {
  set.seed(seed * 100000L + i)
  steps$elements <- sample(c(1, 5, 7, 64), 1)
  options(Rfmalloc.reduce_result_length = sample(c(0, 0, 0, 3, 10), 1))
  it <- a_case()
  if (is_clash(it)) next
  tried <- tried + 1L
  expected <- outcome(it$run(it$x$base, it$y$base))
  found <- outcome(it$run(it$x$managed, it$y$managed))
  if (inherits(found$value, "fmalloc")) {
    kept_in_file <- kept_in_file + is_file_backed(found$value)
    found$value <- unmanaged(found$value)
  }
  if (!identical(found, expected)) {
    differences <- differences + 1L
    if (differences <= as.integer(Sys.getenv("FILEHEAP_SHOW", "3"))) {
      cat("case", i, ":", it$text, "\n")
      cat("x "); dput(it$x$base)
      cat("y "); dput(it$y$base)
      cat("expected "); dput(expected)
      cat("found "); dput(found)
    }
  }
}
options(old)
steps$elements <- usual
cleanup_fmalloc(rt)
expect_identical(differences, 0L)
expect_true(tried > 0.8 * count)
expect_true(kept_in_file > 0.2 * count)
