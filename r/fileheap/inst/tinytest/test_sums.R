# Sums of rows and columns: base R's to the bit, from the mapping.
source("helper.R")
rt <- new_heap()
functions <- list(rowSums = list(rowSums, base::rowSums), rowMeans = list(rowMeans, base::rowMeans),
                  colSums = list(colSums, base::colSums), colMeans = list(colMeans, base::colMeans))
steps <- getFromNamespace("steps", "fileheap")
bits <- function(x) writeBin(as.vector(x), raw())

# Values far apart, so that the order and width of additions show.
values <- function(type, n, missing) {
  x <- switch(type,
    double = c(rnorm(n) * 10^runif(n, -8, 16)),
    integer = sample(c(-.Machine$integer.max, -5:5, .Machine$integer.max), n, replace = TRUE),
    logical = sample(c(TRUE, FALSE), n, replace = TRUE))
  if (missing > 0 && n > 0) {
    at <- sample(n, ceiling(n * missing))
    x[at] <- if (type == "double") sample(c(NA, NaN, Inf, -Inf), length(at), replace = TRUE) else NA
  }
  x
}

set.seed(20)
shapes <- list(c(1, 1), c(0, 3), c(3, 0), c(1, 9), c(9, 1), c(7, 5), c(513, 17), c(1030, 9),
               c(4, 5000), c(700, 800))
for (shape in shapes) for (type in c("double", "integer", "logical")) for (missing in c(0, 0.02, 1)) {
  base <- matrix(values(type, prod(shape), missing), shape[1], shape[2])
  if (shape[1] == 7) dimnames(base) <- list(letters[1:7], NULL)
  if (shape[1] == 9) dimnames(base) <- list(NULL, "column")
  x <- as_fmalloc(base, rt)
  for (name in names(functions)) for (na.rm in c(FALSE, TRUE)) {
    found <- functions[[name]][[1]](x, na.rm = na.rm)
    expected <- functions[[name]][[2]](base, na.rm = na.rm)
    told <- paste(name, type, paste(shape, collapse = "x"), missing, na.rm)
    expect_identical(found, expected, info = told)
    if (!anyNA(expected)) expect_identical(bits(found), bits(expected), info = told)
    expect_false(is_file_backed(found), info = told)
  }
}

# Above the option the sums are in the file; managed ones stay managed.
old <- options(Rfmalloc.reduce_result_length = 10)
base <- matrix(rnorm(1200), 30)
x <- as_fmalloc(base, rt)
for (name in names(functions)) {
  found <- functions[[name]][[1]](x)
  expect_true(is_file_backed(found), info = name)
  expect_identical(found, functions[[name]][[2]](base), info = name)
  found <- functions[[name]][[1]](managed(x))
  expect_inherits(found, "fmalloc", info = name)
  expect_identical(unmanaged(found), functions[[name]][[2]](base), info = name)
}
options(old)

# Others are base R's: with a warning if they are file-backed, without for ordinary ones.
cube <- as_fmalloc(array(as.double(1:24), 2:4), rt)
expect_warning(rowSums(cube), "base R", class = "fileheap_warning_delegated")
expect_identical(suppressWarnings(rowSums(cube)), base::rowSums(cube))
expect_identical(suppressWarnings(colMeans(cube, dims = 2)), base::colMeans(cube, dims = 2))
expect_silent(rowSums(base))
expect_identical(rowSums(base), base::rowSums(base))
expect_identical(colSums(iris[1:4]), base::colSums(iris[1:4]))
complex <- as_fmalloc(matrix(complex(real = 1:6, imaginary = 6:1), 2), rt)
expect_silent(rowSums(complex))
expect_identical(colMeans(complex), base::colMeans(complex))
expect_error(rowSums(as_fmalloc(matrix("a", 2, 2), rt)), "numeric")
expect_warning(tryCatch(rowSums(as_fmalloc(1:3, rt)), error = function(e) NULL))
destroyed <- as_fmalloc(base, rt)
destroy_fmalloc_vector(destroyed)
expect_true(refuses(colSums(destroyed), "destroyed"))
