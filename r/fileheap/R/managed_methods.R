# Other methods of managed vectors: base R's on the plain vector, large results into the file.

rev.fmalloc <- function(x) {
  runtime <- home(list(x))
  x <- plain(x)
  n <- as.double(length(x))
  simple <- is_bare(x) && length(setdiff(names(attributes(x)), "names")) == 0L
  if (is.null(runtime) || !simple || n <= result_length()) {
    return(kept_result(rev(x), runtime))
  }
  result <- new_result(typeof(x), n, runtime)
  over_pieces(n, "reversing", function(at, count) {
    piece <- .Call(C_piece, x, n - at - count, count)
    .Call(C_put, result, at, rev(piece), 0, count)
  })
  as_result(result, list(names = rev(names(x))))
}

sort.fmalloc <- function(x, decreasing = FALSE, ...) {
  through_base(sort, x, decreasing = decreasing, ...)
}

# order() sorts what this returns, strings as strings.
xtfrm.fmalloc <- function(x) if (is_bare(plain(x))) plain(x) else xtfrm(plain(x))

unique.fmalloc <- function(x, ...) through_base(unique, x, ...)
duplicated.fmalloc <- function(x, ...) through_base(duplicated, x, ...)
anyDuplicated.fmalloc <- function(x, ...) anyDuplicated(plain(x), ...)
t.fmalloc <- function(x) through_base(t, x)
aperm.fmalloc <- function(a, ...) through_base(aperm, a, ...)
diff.fmalloc <- function(x, ...) through_base(diff, x, ...)
rep.fmalloc <- function(x, ...) through_base(rep, x, ...)

through_base <- function(generic, x, ...) {
  runtime <- home(list(x))
  kept_result(generic(plain(x), ...), runtime)
}

# These find their methods by what a vector is, not by its class.
as_plain <- function(generic) {
  force(generic)
  function(x, ...) generic(plain(x), ...)
}
as.data.frame.fmalloc <- function(x, ..., nm = deparse1(substitute(x))) {
  force(nm)
  x <- plain(x)
  as.data.frame(x, ..., nm = nm)
}
as.list.fmalloc <- as_plain(base::as.list)
split.fmalloc <- as_plain(base::split)
subset.fmalloc <- as_plain(base::subset)
isSymmetric.fmalloc <- function(object, ...) isSymmetric(plain(object), ...)
all.equal.fmalloc <- function(target, current, ...) all.equal(plain(target), plain(current), ...)
format.fmalloc <- as_plain(base::format)
summary.fmalloc <- function(object, ...) summary(plain(object), ...)

print.fmalloc <- function(x, ...) {
  print(plain(x), ...)
  invisible(x)
}

str.fmalloc <- function(object, ...) {
  cat(" managed")
  utils::str(plain(object), ...)
}
