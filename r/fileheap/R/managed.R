# Managed vectors: a class whose large results stay in the file; put on, taken off, looked for.

managed <- function(x) {
  if (is.list(x) || !is_file_backed(x)) {
    fail(if (is.list(x)) "type" else "not_file_backed",
         "expected a file-backed vector, matrix or array; found ",
         if (is.list(x)) "a list" else "an ordinary object")
  }
  if (is_managed(x)) x else with_class(x, c("fmalloc", oldClass(x)))
}

unmanaged <- function(x) plain(x)

is_managed <- function(x) inherits(x, "fmalloc")

plain_class <- function(x) {
  rest <- setdiff(oldClass(x), "fmalloc")
  if (length(rest)) rest
}

# Without the class, for as long as base R computes.
plain <- function(x) if (is_managed(x)) with_class(x, plain_class(x)) else x

# A vector over the same elements, a value of its own. (R would wrap it, and copy what it wrapped
# when a function that only reads asks for a writable pointer.)
with_class <- function(x, class) {
  view <- .Call(C_view, x)
  if (is.null(view)) {
    oldClass(x) <- class
    return(x)
  }
  kept <- attributes(x)
  kept$class <- class
  set_attributes(view, kept)
}

# What was just made, and nobody else has: with the class if the option asks for it.
as_made <- function(x) {
  if (isTRUE(getOption("fileheap.managed")) && !is.list(x) && !is_managed(x)) {
    .Call(C_set_attribute, x, "class", c("fmalloc", oldClass(x)))
  }
  x
}

# Results of more elements are file-backed.
result_length <- function() {
  limit <- getOption("Rfmalloc.reduce_result_length", 1e6)
  if (!is.numeric(limit) || length(limit) != 1L || is.na(limit) || limit < 0) {
    fail("invalid_argument", "expected for options(Rfmalloc.reduce_result_length = ) a number of ",
         "elements from 0 on; found ", brief(limit))
  }
  limit
}

# A runtime of the first operand that is in a heap, or NULL.
home <- function(operands) {
  for (x in operands) {
    runtime <- fmalloc_runtime(x)
    if (!is.null(runtime)) return(runtime)
  }
  NULL
}

# A vector to put a result into, a scratch record of the heap; of R where the heap is for reading
# only, as it is in a forked child.
new_result <- function(type, length, runtime) {
  ordinary <- function(e) vector(type, length)
  tryCatch(.Call(C_create, runtime, as_element(type), length, FALSE, TRUE),
           fileheap_error_read_only = ordinary, fileheap_error_forked_child = ordinary)
}

as_result <- function(x, kept) {
  set_attributes(x, kept)
  if (is_file_backed(x)) .Call(C_set_attribute, x, "class", c("fmalloc", oldClass(x)))
  x
}

# What base R made of the operands: into the file if it is large.
kept_result <- function(value, runtime) {
  large <- is.atomic(value) && !is.null(value) && length(value) > result_length()
  if (!large || is.null(runtime) || isS4(value)) return(value)
  if (is_file_backed(value)) return(managed(value))
  result <- new_result(typeof(value), as.double(length(value)), runtime)
  over_pieces(length(value), "storing", function(at, count) {
    .Call(C_put, result, at, value, at, count)
  })
  as_result(result, attributes(value))
}
