# Slices: columns without copies are ordinary vectors that nobody can change.
source("shared_helper.R", local = TRUE)
slice <- function(x, start, count, names = NULL) .Call(fileheap:::C_slice, x, start, count, names)
rt <- new_heap(mode = "scratch")
makers <- list(double = function(n) rnorm(n), integer = function(n) seq_len(n),
               logical = function(n) rep(c(TRUE, NA, FALSE), length.out = n),
               complex = function(n) complex(real = rnorm(n), imaginary = 2),
               raw = function(n) as.raw(seq_len(n) %% 256))
for (type in names(makers)) {
  x <- makers[[type]](20000)
  rt[["x"]] <- x
  s <- slice(rt[["x"]], 5000, 10000)
  expected <- x[5001:15000]
  expect_identical(s, expected, info = type)
  expect_identical(s[c(1, 10000, NA)], expected[c(1, 10000, NA)])
  expect_identical(rev(s), rev(expected))
  expect_identical(unserialize(serialize(s, NULL)), expected)
  expect_identical(unique(s), unique(expected))
  t <- s
  t[1] <- t[2]
  expect_identical(s, expected)
  expect_identical(rt[["x"]], x)
  expect_identical(c(s, s), c(expected, expected))
}
x <- rnorm(20000)
rt[["x"]] <- x
s <- slice(rt[["x"]], 0, 20000)
expect_identical(list(sum(s), mean(s), range(s), order(s), var(s), s + 1, sort(s)),
                 list(sum(x), mean(x), range(x), order(x), var(x), x + 1, sort(x)))
expect_false(is_file_backed(s))
expect_stdout(.Internal(inspect(s)), "slice of a shared vector")
expect_identical(names(slice(x, 0, 2, c("a", "b"))), c("a", "b"))
# It keeps what it is a part of.
s <- slice(rt[["x"]], 10, 10000)
rt[["x"]] <- NULL
cleanup_fmalloc(rt)
gc()
expect_identical(s, x[11:10010])
expect_true(refuses(slice(x, 19999, 2), "internal"))
expect_true(refuses(slice("a", 0, 1), "internal"))
# Rows.
m <- matrix(rnorm(3000), 30)
expect_identical(.Call(fileheap:::C_rows, m, 30, 4, 20), as.vector(t(m[5:24, ])))
