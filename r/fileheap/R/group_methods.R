# Group generics of managed vectors: Ops, Math, Summary, Complex, matrixOps.

# The call as the user wrote it: R put the method's name into it.
users_call <- function(call, generic) {
  call[[1L]] <- as.name(generic)
  call
}

Ops.fmalloc <- function(e1, e2) {
  fun <- get(.Generic, envir = baseenv(), mode = "function")
  elementwise(fun, if (missing(e2)) list(e1) else list(e1, e2), users_call(sys.call(), .Generic))
}

# Of two classes with methods of their own (R 4.3 and later): ours calls the other.
chooseOpsMethod.fmalloc <- function(x, y, mx, my, cl, reverse) TRUE

Math.fmalloc <- function(x, ...) {
  generic <- get(.Generic, envir = baseenv(), mode = "function")
  if (.Generic %in% c("cumsum", "cumprod", "cummax", "cummin")) {
    return(cumulative(.Generic, generic, x, users_call(sys.call(), .Generic)))
  }
  more <- list(...)
  if (!length(more)) return(elementwise(generic, list(x), users_call(sys.call(), .Generic)))
  if (all(lengths(more) == 1L) && !any(vapply(more, is.object, NA))) {
    return(elementwise(function(x) generic(x, ...), list(x), users_call(sys.call(), .Generic)))
  }
  runtime <- home(list(x))
  more <- lapply(more, plain)
  call <- users_call(sys.call(), .Generic)
  kept_result(as_base(call, do.call(generic, c(list(quote(plain(x))), more))), runtime)
}

Complex.fmalloc <- function(z) {
  fun <- get(.Generic, envir = baseenv(), mode = "function")
  elementwise(fun, list(z), users_call(sys.call(), .Generic))
}

is.na.fmalloc <- function(x) elementwise(base::is.na, list(x), users_call(sys.call(), "is.na"))

# What was accumulated goes from piece to piece; a double's in base R's long double.
cumulative <- function(name, generic, x, call) {
  runtime <- home(list(x))
  x <- plain(x)
  if (is.complex(x) && name == "cumprod") {
    # Of two NaN base R 4.2 takes another in a file-backed vector than in one of its own.
    kept <- attributes(x)
    x <- .Call(C_piece, x, 0, length(x))
    attributes(x) <- kept
  } else if (!is.null(runtime) && can_stream(list(x))) {
    each <- if (name == "cumprod" || name == "cumsum" && !typeof(x) %in%
                  c("logical", "integer", "complex")) {
      accumulate_doubles(generic, name == "cumprod")
    } else {
      accumulate(generic)
    }
    result <- as_base(call, stream(generic, list(x), runtime, each))
    if (!is.null(result)) return(result)
  }
  kept_result(as_base(call, generic(x)), runtime)
}

# From the first NaN on base R goes on by itself: which NaN comes of two is its compiler's choice.
accumulate_doubles <- function(generic, is_product) {
  state <- .Call(C_cumulative_state, is_product)
  last <- if (is_product) 1 else 0
  function(piece) {
    doubles <- as.double(piece)
    value <- if (is.na(last)) doubles
             else .Call(C_cumulate, doubles, state, is_product)
    if (is.na(last) || anyNA(value)) {
      from <- if (is.na(last)) 1L else which(is.na(value))[[1L]]
      before <- if (from == 1L) last else value[[from - 1L]]
      here <- from:length(value)
      value[here] <- generic(c(before, doubles[here]))[-1L]
    }
    last <<- value[[length(value)]]
    value
  }
}

accumulate <- function(generic) {
  last <- NULL
  function(piece) {
    if (!typeof(piece) %in% c("logical", "integer", "complex")) piece <- as.double(piece)
    value <- generic(c(last, piece))
    if (!is.null(last)) value <- value[-1L]
    last <<- value[[length(value)]]
    value
  }
}

Summary.fmalloc <- function(..., na.rm = FALSE) {
  generic <- get(.Generic, envir = baseenv(), mode = "function")
  operands <- lapply(list(...), plain)
  call <- users_call(sys.call(), .Generic)
  as_base(call, do.call(generic, c(operands, list(na.rm = na.rm)), quote = TRUE))
}

# Both ends without a copy of the whole.
range_of <- function(x, na.rm) c(min(x, na.rm = na.rm), max(x, na.rm = na.rm))

range.fmalloc <- function(..., na.rm = FALSE, finite = FALSE) {
  operands <- lapply(list(...), plain)
  call <- users_call(sys.call(), "range")
  x <- if (length(operands) == 1L) operands[[1L]]
  if (is.null(x) || !is_bare(x)) {
    ways <- list(na.rm = na.rm, finite = finite)
    return(as_base(call, do.call(base::range, c(operands, ways), quote = TRUE)))
  }
  if (finite && is.double(x)) return(as_base(call, finite_range(x)))
  as_base(call, range_of(x, na.rm || finite))
}

finite_range <- function(x) {
  ends <- double()
  over_pieces(length(x), "looking", function(at, count) {
    piece <- .Call(C_piece, x, at, count)
    ends <<- c(ends, piece[is.finite(piece)])
    if (length(ends)) ends <<- range(ends)
  })
  range(ends)
}

matrixOps.fmalloc <- function(x, y) {
  fun <- get(.Generic, envir = baseenv(), mode = "function")
  call <- users_call(sys.call(), .Generic)
  operands <- if (missing(y) || is.null(y)) list(x) else list(x, y)
  kept_result(as_base(call, apply_to(fun, lapply(operands, plain))), home(operands))
}
