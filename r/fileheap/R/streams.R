# Operations on each element, piece by piece: base R computes each piece, and a small model of the
# operands tells type, attributes, warnings and errors of the whole.

# fun() of one or two operands, as `call` has it.
elementwise <- function(fun, operands, call) {
  runtime <- home(operands)
  operands <- lapply(operands, plain)
  if (!is.null(runtime) && can_stream(operands)) {
    result <- as_base(call, stream(fun, operands, runtime))
    if (!is.null(result)) return(result)
  }
  kept_result(as_base(call, apply_to(fun, operands)), runtime)
}

apply_to <- function(fun, operands) {
  if (length(operands) == 1L) fun(operands[[1L]]) else fun(operands[[1L]], operands[[2L]])
}

lengths_of <- function(operands) vapply(operands, function(x) as.double(length(x)), 0)

# Whether a model of the operands tells all about them: no classes, shapes that agree.
can_stream <- function(operands) {
  n <- lengths_of(operands)
  if (any(n == 0) || max(n) <= result_length() || !all(vapply(operands, is_bare, NA))) return(FALSE)
  arrays <- !vapply(operands, function(x) is.null(attr(x, "dim")), NA)
  shapes <- lapply(operands[arrays], dim)
  length(unique(shapes)) <= 1L && all(n[arrays] == max(n))
}

is_bare <- function(x) is.atomic(x) && !is.null(x) && !is.object(x) && is.null(attr(x, "tsp"))

# NULL if the pieces are not of one type.
stream <- function(fun, operands, runtime, each = fun) {
  model <- model_result(fun, operands)
  if (is.null(model)) return(NULL)
  n <- max(lengths_of(operands))
  shortest <- min(lengths_of(operands))
  step <- steps$elements
  least <- 1
  # Base R begins a short operand anew, as for the whole: of two NaN it may take another there
  # than where lengths are equal.
  is_short <- shortest < n && shortest <= max(step, 2^20)
  if (is_short) {
    step <- shortest * max(2, step %/% shortest)
    least <- min(n, 2 * shortest)
  }
  result <- new_result(model$type, n, runtime)
  fits <- TRUE
  over_pieces(n, "computing", step = step, least = least, function(at, count) {
    if (!fits) return()
    pieces <- lapply(operands, function(x) {
      if (is_short && length(x) == shortest) .Call(C_piece, x, 0, shortest)
      else .Call(C_piece, x, at, count)
    })
    fits <<- .Call(C_put, result, at, apply_to(each, pieces), 0, count)
  })
  if (fits) as_result(result, model$kept)
}

# The type and the attributes of fun() of the operands; warnings that are about their lengths.
model_result <- function(fun, operands) {
  counts <- model_lengths(lengths_of(operands))
  models <- Map(model_of, operands, counts, c("a", "b")[seq_along(operands)])
  small <- apply_to(fun, models)
  if (length(small) != max(counts) || !is_bare(small)) return(NULL)
  kept <- attributes(small)
  for (name in intersect(names(kept), c("names", "dim", "dimnames"))) {
    whose <- Position(function(model) identical(attributes(model)[[name]], kept[[name]]), models)
    if (is.na(whose)) return(NULL)
    kept[[name]] <- attributes(operands[[whose]])[[name]]
  }
  list(type = typeof(small), kept = kept)
}

# Small lengths that relate as the operands' lengths do.
model_lengths <- function(n) {
  longest <- max(n)
  if (longest == 1) return(rep(1, length(n)))
  shorter <- n[n < longest]
  long <- if (!length(shorter) || shorter == 1) 2 else if (longest %% shorter == 0) 4 else 3
  ifelse(n == longest, long, ifelse(n == 1, 1, 2))
}

# Elements that no operation warns of.
sound <- list(logical = TRUE, integer = 1L, double = 1, complex = 0.5+0.5i, raw = as.raw(1),
              character = "1")

model_of <- function(x, length, mark) {
  model <- rep(sound[[typeof(x)]], length)
  kept <- attributes(x)
  labels <- paste0(mark, seq_len(length))
  if (!is.null(kept$names)) kept$names <- labels
  if (!is.null(kept$dim)) {
    extents <- replace(rep(1L, length(kept$dim)), 1L, as.integer(length))
    kept$dim <- extents
    for (i in seq_along(kept$dimnames)) {
      if (!is.null(kept$dimnames[[i]])) kept$dimnames[[i]] <- labels[seq_len(extents[[i]])]
    }
  }
  attributes(model) <- kept
  model
}

# Evaluates code of base R so that its conditions are those of the user's call: each warning
# once, errors as they are but for the call.
as_base <- function(call, code) {
  warned <- list()
  failed <- NULL
  value <- withCallingHandlers(
    tryCatch(code, error = function(e) failed <<- e),
    warning = function(w) {
      warned[[conditionMessage(w)]] <<- w
      invokeRestart("muffleWarning")
    })
  for (w in warned) warning(of_call(w, call))
  if (is.null(failed)) value else stop(of_call(failed, call))
}

of_call <- function(condition, call) {
  if (!inherits(condition, "fileheap_error")) condition$call <- call
  condition
}
