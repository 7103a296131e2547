# Vectors: create, convert, destroy.

create_fmalloc_vector <- function(type = "integer", length, runtime = NULL,
                                  zero_initialize = TRUE) {
  need_given("length")
  element <- as_element(type)
  length <- as_count(length)
  zero <- as_flag(zero_initialize, "zero_initialize")
  as_made(create(element, length, the_runtime(runtime), zero))
}

create <- function(element, length, runtime, zero = TRUE) {
  .Call(C_create, runtime, element, length, zero, is_scratch(runtime))
}

# Vectors of a scratch heap go when R collects them.
is_scratch <- function(runtime) .Call(C_mode, runtime) == modes[["scratch"]]

create_fmalloc_matrix <- function(type = "numeric", nrow, ncol, dimnames = NULL, runtime = NULL,
                                  zero_initialize = TRUE) {
  need_given("nrow", "ncol")
  create_fmalloc_array(type, c(as_count(nrow, "nrow"), as_count(ncol, "ncol")), dimnames, runtime,
                       zero_initialize)
}

create_fmalloc_array <- function(type = "numeric", dim, dimnames = NULL, runtime = NULL,
                                 zero_initialize = TRUE) {
  need_given("dim")
  element <- as_element(type)
  dim <- as_extents(dim)
  dimnames <- as_dimnames(dimnames, dim)
  x <- create(element, prod(as.double(dim)), the_runtime(runtime),
              as_flag(zero_initialize, "zero_initialize"))
  as_made(shape(x, dim, dimnames))
}

# Gives the very vector its shape: variables that share it see the shape, too.
shape <- function(x, dim, dimnames) {
  .Call(C_set_attribute, x, "dim", dim)
  if (!is.null(dimnames)) .Call(C_set_attribute, x, "dimnames", dimnames)
  x
}

create_fmalloc_data_frame <- function(..., row.names = NULL, check.names = TRUE,
                                      stringsAsFactors = FALSE, runtime = NULL) {
  runtime <- the_runtime(runtime)
  frame <- data.frame(..., row.names = row.names, check.names = as_flag(check.names, "check.names"),
                      stringsAsFactors = as_flag(stringsAsFactors, "stringsAsFactors"))
  as_fmalloc(frame, runtime)
}

as_fmalloc <- function(x, runtime = NULL) {
  need_given("x")
  runtime <- the_runtime(runtime)
  if (is.null(x)) return(NULL)
  if (.Call(C_is_in, x, runtime, NULL)) return(x)
  if (is.list(x)) {
    if (is.data.frame(x)) return(with_columns(x, function(column) as_fmalloc(column, runtime)))
    return(as_file_list(x, runtime))
  }
  if (!is.atomic(x)) {
    fail("type", "expected a vector, list or data frame; found an object of type ", typeof(x),
         fields = list(found = typeof(x)))
  }
  as_made(with_attributes_of(copied(x, runtime), x))
}

# A vector of the heap with the same elements.
copied <- function(x, runtime) {
  if (is.character(x)) return(.Call(C_copy_in, runtime, x, is_scratch(runtime), FALSE))
  to <- create(as_element(typeof(x)), as.double(length(x)), runtime, zero = FALSE)
  over_pieces(length(x), "copying", step = 2^22, function(at, count) {
    .Call(C_put, to, at, x, at, count)
  })
  to
}

# The same data frame over other columns.
with_columns <- function(frame, convert) {
  columns <- lapply(unclass(frame), convert)
  attributes(columns) <- attributes_of(frame)
  columns
}

# Row names that count are in R's short form: attributes() writes them out, and what they are given
# to would have row names of its own.
attributes_of <- function(x) {
  kept <- attributes(x)
  if (!is.null(kept$row.names)) kept$row.names <- .row_names_info(x, 0L)
  kept
}

as_file_list <- function(x, runtime) {
  file_list <- create(element_types[["list"]], as.double(length(x)), runtime)
  plain <- unclass(x)
  for (i in seq_along(plain)) {
    element <- as_fmalloc(plain[[i]], runtime)
    if (!is.null(element)) file_list[[i]] <- element
  }
  with_attributes_of(file_list, x)
}

with_attributes_of <- function(to, from) set_attributes(to, attributes_of(from))

# On the very vector: R would give a copy its attributes. Names first: those of what has one
# dimension already would be its dimnames.
set_attributes <- function(to, kept) {
  first <- c("names", "dim")
  for (name in c(first, setdiff(names(kept), first))) {
    if (!is.null(kept[[name]])) .Call(C_set_attribute, to, name, kept[[name]])
  }
  to
}

as_fmalloc_matrix <- function(x, nrow = NULL, ncol = NULL, dimnames = NULL, copy = TRUE,
                              runtime = NULL) {
  need_given("x")
  need_vector(x)
  total <- length(x)
  if (is.null(nrow) && is.null(ncol) && length(dim(x)) == 2L) {
    nrow <- dim(x)[[1L]]
    ncol <- dim(x)[[2L]]
    if (is.null(dimnames)) dimnames <- base::dimnames(x)
  }
  if (is.null(nrow)) nrow <- if (is.null(ncol)) total else other_extent(total, ncol, "ncol")
  if (is.null(ncol)) ncol <- other_extent(total, nrow, "nrow")
  as_fmalloc_array(x, c(as_count(nrow, "nrow"), as_count(ncol, "ncol")), dimnames, copy, runtime)
}

# How many columns (or rows) the elements fill.
other_extent <- function(total, extent, what) {
  extent <- as_count(extent, what)
  if (extent == 0 && total == 0) return(0)
  if (extent == 0 || total %% extent != 0) {
    fail("dim", "x has ", total, " elements, which is no multiple of ", what, " = ", extent,
         fields = list(expected = extent, found = total))
  }
  total / extent
}

need_vector <- function(x) {
  if (is_file_backed(x) || is.atomic(x) && !is.null(x)) return()
  fail("type", "expected a vector, matrix or array; found ", brief(class(x)),
       if (is.data.frame(x)) ": as.matrix() makes one of it", fields = list(found = typeof(x)))
}

as_fmalloc_array <- function(x, dim = base::dim(x), dimnames = NULL, copy = TRUE,
                             runtime = NULL) {
  need_given("x")
  need_vector(x)
  if (is.null(dim)) dim <- length(x)
  dim <- as_extents(dim)
  if (is.null(dimnames) && identical(dim, base::dim(x))) dimnames <- base::dimnames(x)
  dimnames <- as_dimnames(dimnames, dim)
  if (prod(as.double(dim)) != length(x)) {
    fail("dim", "dimensions ", paste(dim, collapse = " x "), " need ", prod(as.double(dim)),
         " elements; x has ", length(x),
         fields = list(expected = prod(as.double(dim)), found = length(x)))
  }
  if (as_flag(copy, "copy")) {
    if (is.null(runtime)) runtime <- fmalloc_runtime(x)
    runtime <- the_runtime(runtime)
    if (is.list(x)) fail("type", "expected a vector of elements to copy; found a list")
    return(as_made(shape(copied(x, runtime), dim, dimnames)))
  }
  if (!is_file_backed(x)) {
    fail("not_file_backed", "copy = FALSE expects a file-backed vector; found an ordinary one")
  }
  for (old in c("names", "dimnames")) .Call(C_set_attribute, x, old, NULL)
  shape(x, dim, dimnames)
}

as_fmalloc_data_frame <- function(x, ..., runtime = NULL) {
  need_given("x")
  as_fmalloc(as.data.frame(x, ...), the_runtime(runtime))
}

destroy_fmalloc_vector <- function(x, unsafe = FALSE) {
  need_given("x")
  .Call(C_destroy, x, as_flag(unsafe, "unsafe"))
  invisible(TRUE)
}

is_file_backed <- function(x) !is.null(.Call(C_info, x))

# The classes of base R's vectors are not ours to have methods for, so this stands before utils'.
str <- function(object, ...) {
  if (is_file_backed(object) && !is_managed(object)) cat(" file-backed")
  utils::str(object, ...)
}

fmalloc_info <- function(x) .Call(C_info, x)

fmalloc_runtime <- function(x) {
  handle <- .Call(C_runtime_of, x)
  if (is.null(handle)) NULL else as_runtime(handle)
}
