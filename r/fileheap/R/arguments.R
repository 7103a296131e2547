# Arguments: types, lengths and shapes, judged before anything is created.

element_types <- c(logical = 10L, integer = 13L, numeric = 14L, double = 14L, complex = 15L,
                   character = 16L, list = 19L, raw = 24L)

as_element <- function(type) {
  if (!is.character(type) || length(type) != 1L || is.na(type) ||
      !type %in% names(element_types)) {
    fail("type", "expected a type, one of ", paste(names(element_types), collapse = ", "),
         "; found ", brief(type),
         fields = list(expected = names(element_types), found = type))
  }
  element_types[[type]]
}

# A number of elements: whole, not negative, not above R's limit.
as_count <- function(x, what = "length") {
  if (!is.numeric(x) || length(x) != 1L || is.na(x) || x < 0 || x != trunc(x) || x > 2^52) {
    fail("length", "expected for ", what, " a whole number from 0 to 2^52; found ", brief(x),
         fields = list(expected = "a whole number from 0 to 2^52", found = x))
  }
  as.double(x)
}

# The extents of an array; each must be an integer of R, their product a length.
as_extents <- function(dim) {
  if (!is.numeric(dim) || length(dim) == 0L || anyNA(dim) || any(dim < 0) ||
      any(dim != trunc(dim)) || any(dim > .Machine$integer.max)) {
    fail("dim", "expected dimensions, whole numbers from 0 to ", .Machine$integer.max,
         "; found ", brief(dim), fields = list(found = dim))
  }
  as_count(prod(as.double(dim)), "the product of the dimensions")
  as.integer(dim)
}

as_dimnames <- function(dimnames, dim) {
  if (is.null(dimnames)) return(NULL)
  good <- is.list(dimnames) && length(dimnames) <= length(dim) &&
    all(vapply(seq_along(dimnames), function(i) {
      is.null(dimnames[[i]]) || length(dimnames[[i]]) == dim[[i]]
    }, NA))
  if (!good) {
    fail("dim", "expected dimnames: a list with NULL or ", paste(dim, collapse = ", "),
         " names; found ", brief(dimnames), fields = list(expected = dim, found = dimnames))
  }
  dimnames
}

as_flag <- function(x, what) {
  if (!is.logical(x) || length(x) != 1L || is.na(x)) {
    fail("invalid_argument", "expected TRUE or FALSE for ", what, "; found ", brief(x))
  }
  x
}

as_path <- function(path, what) {
  if (!is.character(path) || length(path) != 1L || is.na(path) || !nzchar(path)) {
    fail("invalid_argument", "expected ", what, ", one string; found ", brief(path))
  }
  path
}

as_name <- function(name) {
  if (!is.character(name) || length(name) != 1L || is.na(name) || !nzchar(name)) {
    fail("invalid_argument", "expected a name, one string; found ", brief(name))
  }
  if (Encoding(name) == "bytes" || !validEnc(name)) {
    fail("invalid_argument", "expected a name that is text; found bytes that are none: ",
         brief(name))
  }
  name
}

as_names <- function(names) {
  if (!is.character(names)) fail("invalid_argument", "expected names, strings; found ", brief(names))
  names
}

# What has no default and was left out. R itself would blame the function inside that looks first.
need_given <- function(...) {
  frame <- parent.frame()
  for (name in c(...)) {
    if (eval(call("missing", as.name(name)), frame)) {
      fail("invalid_argument", "the argument \"", name, "\" is missing, and has no default")
    }
  }
}

# An object in a few words, for messages.
brief <- function(x) {
  text <- tryCatch(paste(deparse(x, nlines = 2L), collapse = " "), error = function(e) class(x)[1])
  if (nchar(text) > 60L) paste0(substr(text, 1L, 57L), "...") else text
}
