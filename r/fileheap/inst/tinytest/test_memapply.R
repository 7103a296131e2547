# memApply and memLapply give what apply and lapply give, for all types, shapes and ways to work.
source("shared_helper.R", local = TRUE)

cluster <- parallel::makeCluster(2)
set.seed(1)
shapes <- list(c(7, 3), c(3, 7), c(1, 5), c(5, 1), c(1, 1), c(300, 20), c(700, 2), c(2, 700))
types <- list(
  double = function(n) rnorm(n), integer = function(n) sample(n), raw = function(n) raw(n),
  logical = function(n) sample(c(TRUE, FALSE, NA), n, TRUE),
  complex = function(n) complex(real = rnorm(n), imaginary = rnorm(n)),
  character = function(n) as.character(sample(n)))
for (type in names(types)) for (shape in shapes) for (margin in 1:2) for (named in c(FALSE, TRUE)) {
  x <- matrix(types[[type]](prod(shape)), shape[[1]], shape[[2]])
  if (named) dimnames(x) <- list(paste0("r", seq_len(nrow(x))), paste0("c", seq_len(ncol(x))))
  what <- paste(type, paste(shape, collapse = " x "), "margin", margin, "named", named)
  expect_identical(memApply(x, margin, function(v) v, CLUSTER = cluster),
                   apply(x, margin, function(v) v, simplify = FALSE), info = what)
  expect_identical(memApply(x, margin, length, CLUSTER = cluster, SIMPLIFY = TRUE),
                   apply(x, margin, length), info = what)
}
x <- matrix(rnorm(60), 12, dimnames = list(NULL, letters[1:5]))
expect_identical(memApply(x, 2, range, CLUSTER = cluster, SIMPLIFY = TRUE), apply(x, 2, range))
expect_identical(memApply(x, 2, summary, CLUSTER = cluster, SIMPLIFY = TRUE), apply(x, 2, summary))
listed <- matrix(list(1, "a", 2:3, NULL, NA, sum), 2)
expect_identical(memApply(listed, 1, length, CLUSTER = cluster), as.list(rep(3L, 2)))
frame <- data.frame(a = 1:3, b = c(2.5, 3, 4))
expect_identical(memApply(frame, 1, sum, CLUSTER = cluster, SIMPLIFY = TRUE), apply(frame, 1, sum))
expect_identical(memApply(matrix(0, 3, 0), 2, sum, CLUSTER = cluster), list())
expect_identical(memApply(matrix(0, 0, 3), 2, sum, CLUSTER = cluster), list(0, 0, 0))

# FUN: a name, a primitive, any name for its first argument, further ones, variables.
expect_identical(memApply(x, 2, "mean", CLUSTER = cluster), lapply(as.data.frame(x), mean))
expect_identical(memApply(x, 2, quantile, CLUSTER = cluster, probs = 0.3, SIMPLIFY = TRUE),
                 apply(x, 2, quantile, probs = 0.3))
y <- rnorm(12)
expect_identical(memApply(x, 2, function(whatever, y) cor(whatever, y), CLUSTER = cluster,
                          VARS = list(y = y), SIMPLIFY = TRUE), apply(x, 2, cor, y))
big <- rnorm(1e5)
expect_identical(memApply(x, 2, function(v) sum(v) + big[[5]], CLUSTER = cluster,
                          VARS = list(big = big), SIMPLIFY = TRUE),
                 apply(x, 2, function(v) sum(v) + big[[5]]))
registerVariables("apply", list(X = x, y = y, list = list(a = 1:10, b = rnorm(1000), c = "x")))
expect_identical(memApply("X", 2, function(v, y) sum(v * y), NAMESPACE = "apply", VARS = "y",
                          CLUSTER = cluster, SIMPLIFY = TRUE),
                 apply(x, 2, function(v) sum(v * y)))
expect_identical(memLapply("list", length, NAMESPACE = "apply", CLUSTER = cluster),
                 list(a = 10L, b = 1000L, c = 1L))
memshare_gc("apply", cluster)

# A persistent heap is as good as a namespace; what lives in a heap is not copied.
rt <- new_heap()
rt[["X"]] <- x
rt[["named"]] <- matrix(rnorm(4000), 1000, 4, dimnames = list(paste0("row", 1:1000), NULL))
expect_identical(memApply("X", 1, sum, NAMESPACE = rt, CLUSTER = cluster, SIMPLIFY = TRUE),
                 apply(x, 1, sum))
expect_identical(memApply(rt[["X"]], 2, sum, CLUSTER = cluster, SIMPLIFY = TRUE), apply(x, 2, sum))
expect_identical(memApply(rt[["named"]], 2, function(v) names(v)[c(1, 1000)], CLUSTER = cluster),
                 rep(list(c("row1", "row1000")), 4))

# Large variables around FUN are not sent by value.
scope <- local({
  unused <- rnorm(1e6)
  used <- rnorm(1e6)
  helper <- function(i) used[[i]]
  list(fun = function(v) helper(1) + v[[1]], expected = function(m) used[[1]] + m[1, ])
})
cargo <- fileheap:::new_cargo(FALSE)
shipped <- fileheap:::ship_function(cargo, scope$fun)
expect_true(length(serialize(list(shipped$fun, shipped$vars), NULL)) < 1e5)
fileheap:::drop_cargo(cargo)
expect_equal(memApply(x, 2, scope$fun, CLUSTER = cluster, SIMPLIFY = TRUE), scope$expected(x))

# memLapply: vectors, matrices, data frames, columns of a data frame, lists, nothing.
things <- list(a = rnorm(5), m = matrix(1:6, 2), d = frame, l = list(1, list("x")), n = NULL,
               f = factor("q"), long = as.character(1:5000), wide = rnorm(1e5))
expect_identical(memLapply(things, function(x) x, CLUSTER = cluster), things)
expect_identical(memLapply(things, class, CLUSTER = cluster), lapply(things, class))
expect_identical(memLapply(frame, mean, CLUSTER = cluster), lapply(frame, mean))
expect_identical(memLapply(1:5, function(i) i^2, CLUSTER = cluster), lapply(1:5, function(i) i^2))
expect_identical(memLapply(Sys.Date() + 0:2, format, CLUSTER = cluster),
                 lapply(Sys.Date() + 0:2, format))
expect_identical(memLapply(list(), sum, CLUSTER = cluster), list())
expect_identical(memLapply(list(1, NULL), function(x) NULL, CLUSTER = cluster), list(NULL, NULL))
expect_identical(memLapply(list(a = 1, b = 2), sum, CLUSTER = cluster, SIMPLIFY = TRUE),
                 sapply(list(a = 1, b = 2), sum))
many <- lapply(1:3000, function(i) rnorm(i %% 7))
expect_identical(memLapply(many, sum, CLUSTER = cluster), lapply(many, sum))

# Random numbers do not depend on how many work, and leave this session's alone.
set.seed(5)
before <- .Random.seed
draw <- function(v) c(runif(1), rnorm(1))
first <- memLapply(1:2500, draw, CLUSTER = cluster, SEED = 42)
expect_identical(.Random.seed, before)
most <- if (nzchar(Sys.getenv("_R_CHECK_LIMIT_CORES_"))) 2 else 3
expect_identical(memLapply(1:2500, draw, CLUSTER = "fork", MAX.CORES = most, SEED = 42), first)
expect_identical(memLapply(1:2500, draw, CLUSTER = cluster[1], SEED = 42), first)
expect_equal(anyDuplicated(unlist(first)), 0L)
expect_false(identical(memLapply(1:3, draw, CLUSTER = cluster, SEED = 43), first[1:3]))
set.seed(9)
one <- memLapply(1:3, draw, CLUSTER = cluster, SEED = TRUE)
set.seed(9)
expect_identical(memLapply(1:3, draw, CLUSTER = cluster, SEED = TRUE), one)

# Results in place.
out <- create_fmalloc_matrix("numeric", 2, 5, runtime = rt)
expect_identical(memApply(x, 2, range, CLUSTER = cluster, OUT = out), out)
expect_identical(out + 0, unname(apply(x, 2, range)))
sums <- create_fmalloc_vector("numeric", 12, rt)
memApply(x, 1, sum, CLUSTER = "fork", MAX.CORES = 2, OUT = sums)
expect_identical(sums + 0, apply(x, 1, sum))
counts <- create_fmalloc_vector("numeric", 5, rt)
memApply(x, 2, length, CLUSTER = cluster, OUT = counts) # integers are numbers, too
expect_identical(counts + 0, rep(12, 5))
bad <- caught(memApply(x, 2, function(v) "text", CLUSTER = cluster, OUT = counts))
expect_inherits(bad, "fileheap_error_fun")
expect_true(refuses(memApply(x, 2, sum, CLUSTER = cluster, OUT = numeric(5)), "read_only"))
expect_true(refuses(memApply(x, 2, sum, CLUSTER = cluster, OUT = sums), "length"))

# Progress, in order; warnings name their element.
seen <- integer()
invisible(memLapply(1:50, sqrt, CLUSTER = cluster, PROGRESS = function(done, count) {
  seen <<- c(seen, done)
}))
expect_false(is.unsorted(seen))
expect_equal(max(seen), 50)
expect_warning(r <- memLapply(list(a = 1, b = -1), sqrt, CLUSTER = cluster), "element 2 \\(\"b\"\\)")
expect_identical(r, list(a = 1, b = NaN))
bar <- utils::capture.output(invisible(memLapply(1:20, sqrt, CLUSTER = cluster, PROGRESS = TRUE)))
expect_equal(bar, character()) # nothing on stdout

# Bad input.
expect_true(refuses(memApply(1:3, 2, sum, CLUSTER = cluster), "dim"))
expect_true(refuses(memApply(array(1, 2:4), 2, sum, CLUSTER = cluster), "dim"))
expect_true(refuses(memApply(x, 3, sum, CLUSTER = cluster), "invalid_argument"))
expect_true(refuses(memApply(x, 2, sum, CLUSTER = 7), "invalid_argument"))
expect_true(refuses(memApply(x, 2, sum, CLUSTER = cluster, VARS = "y"), "invalid_argument"))
expect_true(refuses(memApply(x, 2, sum, CLUSTER = cluster, VARS = list(1)), "invalid_argument"))
expect_true(refuses(memApply(x, 2, sum, MAX.CORES = 0), "invalid_argument"))
expect_true(refuses(memApply("X", 2, sum, NAMESPACE = "never", CLUSTER = cluster), "not_found"))
# What was meant for FUN is not taken for a namespace without a word.
expect_true(refuses(memLapply(1:2, `+`, 10, CLUSTER = cluster), "invalid_argument"))
for (seed in list(1.5, 1e10, Inf, FALSE)) {
  expect_true(refuses(memLapply(1:2, identity, CLUSTER = cluster, SEED = seed), "invalid_argument"))
}
# Several workers cannot store text to one vector: it is refused before anything is lost.
expect_true(refuses(memApply(x, 2, function(v) "a", CLUSTER = cluster,
                             OUT = create_fmalloc_vector("character", ncol(x), rt)), "type"))
if (getRversion() >= "4.3") {
  expect_true(refuses(memApply(x, 2, function(v) list(1), CLUSTER = cluster,
                               OUT = create_fmalloc_vector("list", ncol(x), rt)), "type"))
}
# A wrong result is told without what the package did inside.
wrong <- caught(memApply(x, 2, function(v) NULL, CLUSTER = cluster,
                         OUT = create_fmalloc_vector("numeric", ncol(x), rt)))
expect_true(grepl("found NULL of length 0$", conditionMessage(wrong)))
# When a call is over nobody has the vector for its results open any more.
rt[["results"]] <- numeric(ncol(x))
results <- edit(rt, "results")
memApply(x, 2, length, CLUSTER = cluster, OUT = results)
rm(results)
invisible(gc())
results <- edit(rt, "results")
expect_identical(results[[1]], nrow(x) + 0)
rm(results)
memshare_gc()
expect_equal(left_over(), character())
parallel::stopCluster(cluster)
