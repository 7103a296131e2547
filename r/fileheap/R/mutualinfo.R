# Mutual information of two variables; the density it is computed from is that of mutualinfo.rs.

mutualinfo <- function(x, y, isXDiscrete = FALSE, isYDiscrete = FALSE,
                       eps = .Machine$double.eps * 1000, na.rm = FALSE) {
  as_flag(isXDiscrete, "isXDiscrete")
  as_flag(isYDiscrete, "isYDiscrete")
  if (!is.numeric(eps) || length(eps) != 1L || is.na(eps) || eps < 0) {
    fail("invalid_argument", "expected for eps a number from 0; found ", brief(eps))
  }
  if (length(x) != length(y)) {
    fail("length", "expected x and y of the same length; found ", length(x), " and ", length(y),
         fields = list(expected = length(x), found = length(y)))
  }
  missing <- is.na(x) | is.na(y)
  if (any(missing)) {
    if (!as_flag(na.rm, "na.rm")) return(NA_real_)
    x <- x[!missing]
    y <- y[!missing]
  }
  if (!length(x)) return(NA_real_)
  x <- as_variable(x, isXDiscrete, "x")
  y <- as_variable(y, isYDiscrete, "y")
  .Call(C_mutualinfo, x$values, y$values, x$levels, y$levels, eps)
}

# Codes from 0 and the number of levels, or finite numbers and 0.
as_variable <- function(x, is_discrete, name) {
  if (is_discrete) {
    codes <- match(x, unique(x)) - 1
    return(list(values = as.double(codes), levels = as.integer(max(codes) + 1)))
  }
  if (!is.numeric(x) && !is.logical(x) || any(!is.finite(x))) {
    fail("type", "expected for ", name, " finite numbers, or is", toupper(name),
         "Discrete = TRUE; found ", brief(x))
  }
  list(values = as.double(x), levels = 0L)
}
