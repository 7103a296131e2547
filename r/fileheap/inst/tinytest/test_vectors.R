# Vectors: they are what base R's are, in every type and shape.
source("helper.R")
rt <- new_heap()

for (type in names(examples)) {
  values <- examples[[type]]
  x <- create_fmalloc_vector(type, length(values), rt)
  expect_identical(x[], vector(type, length(values)), info = type)
  x[] <- values
  expect_true(is_file_backed(x), info = type)
  expect_identical(x, values, info = type)
  expect_identical(typeof(x), typeof(values), info = type)
  expect_true(is.vector(x), info = type)
  expect_identical(class(x), class(values), info = type)
  expect_identical(as_fmalloc(values, rt), values, info = type)
  expect_identical(rev(x), rev(values), info = type)
  expect_identical(x[c(2, NA, 1, 9)], values[c(2, NA, 1, 9)], info = type)
  expect_identical(x[c(2L, NA, 1L, 9L)], values[c(2L, NA, 1L, 9L)], info = type)
  expect_identical(x[-1], values[-1], info = type)
  expect_identical(c(x, x), c(values, values), info = type)
  expect_identical(is.na(x), is.na(values), info = type)
  expect_identical(unique(x), unique(values), info = type)
  expect_identical(match(x, values), match(values, values), info = type)
  expect_identical(rep(x, 2), rep(values, 2), info = type)
  expect_identical(format(x), format(values), info = type)
  expect_identical(unserialize(serialize(x, NULL, version = 2)), values, info = type)
  # P20: length 0 has an address, too.
  empty <- create_fmalloc_vector(type, 0, rt)
  expect_identical(empty, vector(type, 0), info = type)
  expect_identical(rt[[paste0("empty ", type)]] <- empty, vector(type, 0), info = type)
}

# P3, P10, P11: what asks for writable pointers changes nothing and equals base R.
set.seed(1)
values <- round(rnorm(5000), 2)
values[c(7, 99)] <- NA
x <- as_fmalloc(values, rt)
f <- as_fmalloc(rep(1:3, length.out = 5000), rt)
reading <- list(
  order, sort, range, which.max, cumsum, rev, sum, mean, min, max, rank, duplicated, function(v) unname(table(v)),
  function(v) var(v, na.rm = TRUE), function(v) v > 0.5, function(v) -v, function(v) v + 1,
  function(v) split(v, rep(1:3, length.out = 5000)), function(v) cut(v, 3), function(v) diff(v),
  function(v) ifelse(v > 0, v, 0), function(v) matrix(v, 50), function(v) quantile(v, na.rm = TRUE),
  function(v) crossprod(matrix(v[1:100], 10)), function(v) tapply(v, rep(1:3, len = 5000), sum),
  function(v) as.integer(v), function(v) as.character(v), function(v) identical(v, v),
  function(v) range(v, na.rm = TRUE), function(v) sum(v, na.rm = TRUE), summary, head, tail)
for (i in seq_along(reading)) {
  expect_identical(reading[[i]](x), reading[[i]](values), info = deparse(reading[[i]])[1])
}
expect_identical(x, values)
big <- as_fmalloc(c(.Machine$integer.max, 1L), rt)
expect_identical(sum(big), sum(c(.Machine$integer.max, 1L)))

# Shapes.
m <- create_fmalloc_matrix("integer", 2, 3, list(c("a", "b"), NULL), rt)
m["b", 2] <- 5L
plain <- matrix(0L, 2, 3, dimnames = list(c("a", "b"), NULL))
plain["b", 2] <- 5L
expect_identical(m, plain)
expect_true(is_file_backed(m))
expect_identical(m %*% t(m), plain %*% t(plain))
expect_identical(apply(m, 1, sum), apply(plain, 1, sum))
a <- create_fmalloc_array("raw", c(2, 2, 2), runtime = rt)
expect_identical(dim(a), c(2L, 2L, 2L))
d <- create_fmalloc_data_frame(n = 1:3, s = c("x", "y", NA), runtime = rt)
expect_identical(d, data.frame(n = 1:3, s = c("x", "y", NA)))
expect_true(is_file_backed(d$n) && is_file_backed(d$s))
expect_identical(as_fmalloc_data_frame(iris, runtime = rt), iris)
v <- create_fmalloc_vector("numeric", 6, rt)
alias <- v
as_fmalloc_matrix(v, 2, 3, copy = FALSE)
expect_identical(dim(alias), 2:3)
copy <- as_fmalloc_matrix(1:6, ncol = 2, runtime = rt)
expect_identical(copy, matrix(1:6, ncol = 2))
expect_identical(as_fmalloc_array(array(1:8, c(2, 2, 2)), runtime = rt), array(1:8, c(2, 2, 2)))
fac <- factor(c("u", "v", "u"))
expect_identical(as_fmalloc(fac, rt), fac)

# R says where a vector is.
expect_stdout(.Internal(inspect(x)), "file-backed double")
expect_stdout(str(x), "^ file-backed num ")
expect_stdout(str(as_fmalloc("a", rt)), "^ file-backed chr \"a\"")
expect_stdout(str(managed(x)), "^ managed num ")
expect_stdout(str(1:3), "^ int ")
info <- fmalloc_info(x)
expect_identical(info$type, "double")
expect_true(info$mutable && info$alive)
expect_null(fmalloc_info(1:3))
expect_identical(format(fmalloc_runtime(x)), format(rt))

# The catalog.
listed <- list_fmalloc_allocations(rt)
expect_true(all(c("record", "generation", "state", "type", "length", "payload_offset",
                  "payload_nbytes", "flags", "recoverable") %in% names(listed)))
expect_true(info$id %in% listed$record)
expect_true(is_clean(rt))
expect_stdout(print(diagnose_fmalloc_runtime(rt)), "compaction")

# Destroyed: an error, never other data.
gone <- create_fmalloc_vector("numeric", 5, rt)
destroy_fmalloc_vector(gone)
expect_true(refuses(gone[1], "destroyed"))
expect_true(refuses(sum(gone), "destroyed"))
expect_equal(length(gone), 5L)
expect_true(refuses(destroy_fmalloc_vector(gone), "destroyed"))
expect_true(refuses(destroy_fmalloc_vector(1:3), "not_file_backed"))
rt[["kept"]] <- x
expect_true(refuses(destroy_fmalloc_vector(x), "in_use"))
destroy_fmalloc_vector(x, unsafe = TRUE)
expect_true(refuses(x[1], "destroyed"))
expect_true(refuses(rt[["kept"]], "destroyed"))
