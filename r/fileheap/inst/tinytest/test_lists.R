# File-backed lists: R 4.3 and later; before that a clear error, and names hold lists all the same.
source("helper.R")
rt <- new_heap()

nested <- list(a = 1, b = list(c = "x", d = NULL, e = matrix(1:4, 2)), f = seq(0, 1, length = 500))
rt[["nested"]] <- nested
expect_identical(rt[["nested"]], nested)
expect_true(is_file_backed(rt[["nested"]]$f))

if (getRversion() < "4.3") {
  expect_true(refuses(create_fmalloc_vector("list", 3, rt), "unsupported"))
  expect_true(refuses(as_fmalloc(list(1), rt), "unsupported"))
} else {
  l <- create_fmalloc_vector("list", 4, rt)
  expect_identical(l, vector("list", 4))
  expect_true(is_file_backed(l))
  l[[1]] <- as_fmalloc(c(a = 1, b = 2), rt)
  l[[2]] <- create_fmalloc_matrix("integer", 2, 2, runtime = rt)
  expect_identical(l[[1]], c(a = 1, b = 2))
  expect_identical(dim(l[[2]]), c(2L, 2L))
  # After a refused assignment R takes the list for shared: each try has a list of its own.
  fresh <- function() create_fmalloc_vector("list", 2, rt)
  expect_true(refuses({
    r <- fresh()
    r[[1]] <- 1:3
  }, "not_file_backed"))
  # No list contains itself: R puts the list into a copy, which is an ordinary list.
  round <- create_fmalloc_vector("list", 1, rt)
  round[[1]] <- round
  expect_identical(round, list(list(NULL)))
  expect_false(is_file_backed(round))
  foreign <- create_fmalloc_vector("integer", 3, new_heap())
  expect_true(refuses({
    r <- fresh()
    r[[2]] <- foreign
  }, "foreign"))
  expect_identical(l[[3]], NULL)
  # An element is a value: its copy changes, not the heap.
  l[[1]] <- as_fmalloc(c(9, 8), rt)
  e <- l[[1]]
  e[1] <- 0
  expect_identical(l[[1]], c(9, 8))
  inner <- create_fmalloc_vector("list", 1, rt)
  inner[[1]] <- as_fmalloc("deep", rt)
  l[[4]] <- inner
  file <- tempfile()
  saveRDS(l, file)
  expect_true(file.size(file) < 1000)
  path <- summary(rt)$path
  out <- elsewhere("l <- readRDS(file); cat(l[[1]], dim(l[[2]]), is.null(l[[3]]), l[[4]][[1]])",
                   file = file)
  expect_identical(out, "9 8 2 2 TRUE deep")
  expect_identical(as_fmalloc(nested, rt), nested)
  rt[["l"]] <- l
  expect_identical(rt[["l"]][[4]][[1]], "deep")
  # A bound list is a value: storing into it makes an ordinary list.
  b <- rt[["l"]]
  b[[1]] <- 3
  expect_identical(b[[1]], 3)
  expect_identical(rt[["l"]][[1]], c(9, 8))
}
expect_true(is_clean(rt))
