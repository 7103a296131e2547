# `[` of managed vectors: large parts go into the file piece by piece.

`[.fmalloc` <- function(x, ...) {
  # rank() is not generic: it would compare what has a class one by one, by `>` of R code.
  if (identical(sys.function(sys.parent()), base::rank)) return(plain(x)[...])
  runtime <- home(list(x))
  call <- users_call(sys.call(), "[")
  plainly <- plain(x)
  result <- NULL
  if (!is.null(runtime) && is_bare(plainly) && is.null(names(list_of(...)))) {
    if (...length() == 1L && nargs() == 2L && !missing(..1)) {
      result <- as_base(call, part_of(plainly, ..1, runtime, x))
    } else if (...length() == 2L && length(dim(plainly)) == 2L) {
      rows <- if (missing(..1)) TRUE else ..1
      columns <- if (missing(..2)) TRUE else ..2
      result <- block_of(plainly, rows, columns, runtime, x)
    }
  }
  if (is.null(result)) kept_result(as_base(call, plainly[...]), runtime) else result
}

# The dots' names, without evaluating them.
list_of <- function(...) as.list(substitute(list(...)))[-1L]

# By one vector of numbers or flags; NULL if that is none of the ways known here.
part_of <- function(x, i, runtime, in_file) {
  i <- plain(i)
  if (!is_bare(i) || !is.null(dim(i)) || length(dim(x)) == 1L || length(i) <= 0) return(NULL)
  count <- if (is.logical(i)) count_chosen(x, i) else if (is.numeric(i)) count_numbered(x, i)
  if (is.null(count) || count <= result_length()) return(NULL)
  result <- new_result(typeof(x), count, runtime)
  filled <- 0
  put <- function(piece) {
    .Call(C_put, result, filled, piece, 0, length(piece))
    filled <<- filled + length(piece)
  }
  if (is.logical(i) || i[[1L]] < 0) {
    gone <- if (!is.logical(i)) -as.double(unique(i))
    over_pieces(length(x), "choosing", function(at, count) {
      piece <- .Call(C_piece, x, at, count)
      put(if (is.logical(i)) piece[.Call(C_piece, i, at, count)] else piece[stays(at, count, gone)])
    })
  } else {
    over_pieces(length(i), "choosing", function(at, count) {
      put(.Call(C_gather, in_file, .Call(C_piece, i, at, count)))
    })
  }
  as_result(result, list(names = if (!is.null(names(x))) names(x)[i]))
}

stays <- function(at, count, gone) {
  here <- gone[gone > at & gone <= at + count] - at
  if (length(here)) -here else TRUE
}

count_chosen <- function(x, i) {
  if (length(i) > length(x)) return(NULL)
  count <- 0
  over_pieces(length(x), "counting", function(at, many) {
    piece <- .Call(C_piece, i, at, many)
    count <<- count + sum(is.na(piece) | piece)
  })
  count
}

# Numbers that are all above 0, or NA; or all below. Few of those below, as each piece is compared
# with them.
count_numbered <- function(x, i) {
  ends <- suppressWarnings(range_of(i, TRUE))
  if (anyNA(ends) || any(is.infinite(ends))) return(NULL)
  if (ends[[1L]] >= 1) return(as.double(length(i)))
  few <- length(i) <= 1e4 && !anyNA(i) && ends[[2L]] <= -1 && all(i == trunc(i))
  if (few) length(x) - sum(unique(i) >= -length(x))
}

# By rows and columns; a result of one row or column is base R's.
block_of <- function(x, rows, columns, runtime, in_file) {
  rows <- numbers_of(rows, nrow(x), rownames(x))
  columns <- numbers_of(columns, ncol(x), colnames(x))
  if (is.null(rows) || is.null(columns)) return(NULL)
  shape <- c(length(rows), length(columns))
  if (prod(shape) <= result_length() || any(shape < 2L)) return(NULL)
  result <- new_result(typeof(x), prod(shape), runtime)
  over_pieces(prod(shape), "choosing", function(at, count) {
    place <- seq(at, length.out = count)
    row <- rows[place %% shape[[1L]] + 1]
    column <- columns[place %/% shape[[1L]] + 1]
    .Call(C_put, result, at, .Call(C_gather, in_file, (column - 1) * nrow(x) + row), 0, count)
  })
  kept <- dimnames(x)
  if (!is.null(kept)) {
    if (!is.null(kept[[1L]])) kept[[1L]] <- kept[[1L]][rows]
    if (!is.null(kept[[2L]])) kept[[2L]] <- kept[[2L]][columns]
  }
  as_result(result, list(dim = shape, dimnames = kept))
}

# The rows (or columns) that an index means; NULL if base R should say what is wrong with it.
numbers_of <- function(i, n, labels) {
  if (!is_bare(i)) return(NULL)
  all <- seq_len(n)
  if (is.character(i)) names(all) <- labels
  if (is.logical(i) && length(i) > n) return(NULL)
  chosen <- tryCatch(unname(all[i]), error = function(e) NA)
  if (!anyNA(chosen)) chosen
}
