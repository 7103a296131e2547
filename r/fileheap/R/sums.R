# rowSums and its relatives: file-backed matrices by two threads without a copy, others by base R.

rowSums <- function(x, na.rm = FALSE, dims = 1L) {
  sums_of(base::rowSums, x, na.rm, dims, rows = TRUE, mean = FALSE)
}

rowMeans <- function(x, na.rm = FALSE, dims = 1L) {
  sums_of(base::rowMeans, x, na.rm, dims, rows = TRUE, mean = TRUE)
}

colSums <- function(x, na.rm = FALSE, dims = 1L) {
  sums_of(base::colSums, x, na.rm, dims, rows = FALSE, mean = FALSE)
}

colMeans <- function(x, na.rm = FALSE, dims = 1L) {
  sums_of(base::colMeans, x, na.rm, dims, rows = FALSE, mean = TRUE)
}

sums_of <- function(base_function, x, na.rm, dims, rows, mean) {
  if (!is.atomic(x) || !is_file_backed(x)) return(base_function(x, na.rm = na.rm, dims = dims))
  is_matrix <- length(dim(x)) == 2L && length(dims) == 1L && !is.na(dims) && dims == 1
  if (!is_matrix) {
    warning(structure(class = c("fileheap_warning_delegated", "warning", "condition"), list(
      message = paste0("only file-backed matrices with dims = 1 are summed without a copy: ",
                       "base R does this"),
      call = sys.call(-1L))))
  }
  runtime <- home(list(x))
  is_number <- typeof(x) %in% c("double", "integer", "logical")
  is_flag <- isTRUE(na.rm) || isFALSE(na.rm)
  if (!is_matrix || !is_number || !is.null(plain_class(x)) || !is_flag) {
    return(base_function(plain(x), na.rm = na.rm, dims = dims))
  }
  n <- if (rows) nrow(x) else ncol(x)
  large <- n > result_length()
  result <- if (large) new_result("double", as.double(n), runtime) else double(n)
  if (rows) sum_rows(x, na.rm, mean, result) else sum_columns(x, na.rm, mean, result)
  labels <- dimnames(x)[[if (rows) 1L else 2L]]
  if (!is.null(labels)) .Call(C_set_attribute, result, "names", labels)
  if (large && is_managed(x)) as_result(result, NULL) else result
}

# Elements that one call sums: a few hundredths of a second.
block_elements <- 2^23

sum_columns <- function(x, na.rm, mean, result) {
  rows <- nrow(x)
  step <- max(8, 8 * (block_elements %/% (8 * max(rows, 1))))
  over_pieces(ncol(x), "summing columns", step = step, function(at, count) {
    sums <- .Call(C_column_sums, x, c(0, rows, at, count), na.rm, mean)
    .Call(C_put, result, at, sums, 0, count)
  })
}

# Bands of rows, so that what is added up stays small; in each, blocks of columns.
sum_rows <- function(x, na.rm, mean, result) {
  columns <- ncol(x)
  over_pieces(nrow(x), "summing rows", step = 8192, function(at, count) {
    state <- .Call(C_row_state, count)
    step <- max(8, 8 * (block_elements %/% (8 * count)))
    done <- 0
    while (done < columns) {
      some <- min(step, columns - done)
      .Call(C_row_add, x, c(at, count, done, some), na.rm, state)
      done <- done + some
    }
    sums <- .Call(C_row_end, x, c(at, count, 0, columns), na.rm, mean, state)
    .Call(C_put, result, at, sums, 0, count)
  })
}
