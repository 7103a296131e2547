# Closures: what FUN and functions among its variables need reaches the workers, without large data.
source("shared_helper.R", local = TRUE)

cluster <- parallel::makeCluster(2)
x <- matrix(as.double(1:20000), 100)
sums <- apply(x, 2, sum)
run <- function(.fun, ...) memApply(x, 2, .fun, CLUSTER = cluster, SIMPLIFY = TRUE, ...)
# Bytes that are sent for a function.
sent <- function(f) {
  cargo <- fileheap:::new_cargo(FALSE)
  on.exit(fileheap:::drop_cargo(cargo))
  length(serialize(fileheap:::ship(cargo, f), NULL))
}

# A function that holds large data, wherever it comes from: as FUN, around it, among VARS, in `...`.
make <- function() {
  heavy <- rnorm(1e6)
  function(v) sum(v) + 0 * heavy[[1]]
}
holder <- make()
around <- local({
  inner <- make()
  function(v) inner(v)
})
for (f in list(holder, around)) {
  expect_true(sent(f) < 1e4)
  expect_equal(run(f), sums)
}
expect_equal(run(function(v) h(v), VARS = list(h = holder)), sums)
expect_equal(run(function(v, f) f(v), f = holder), sums)
# Functions that hold each other.
ring <- local({
  pad <- rnorm(1e5)
  one <- function(v) if (length(v) > 1) two(v[-1]) + v[[1]] else v + 0 * pad[[1]]
  two <- local({
    back <- one
    pad2 <- rnorm(1e5)
    function(v) back(v) + 0 * pad2[[1]]
  })
  one
})
expect_true(sent(ring) < 1e5)
expect_equal(run(ring), sums)

# The dots of the function that calls, beside data that stays behind.
with_dots <- function(m, ...) {
  unused <- rnorm(1e5)
  memApply(m, 2, function(v) sum(v, ...), CLUSTER = cluster, SIMPLIFY = TRUE)
}
expect_equal(with_dots(x), sums)
expect_equal(with_dots(x, 5, quote = 6), sums + 11)

# Names that are not written down as such.
expect_equal(local({
  heavy <- rep(2, 1e5)
  run(function(v) sum(v) * get("heavy")[[1]])
}), 2 * sums)
expect_equal(local({
  heavy <- rep(2, 1e5)
  twice <- function(s) s * heavy[[1]]
  run(function(v) do.call("twice", list(sum(v))))
}), 2 * sums)
expect_equal(local({
  heavy <- rep(2, 1e5)
  run(function(v) {
    inside <- function(by = heavy[[1]]) sum(v) * by
    inside()
  })
}), 2 * sums)

# Functions of the global environment among VARS see the other variables, as they would here.
evalq({
  fh_outer <- function(v) fh_inner(v) + 1
  fh_inner <- function(v) sum(v) * fh_weight
}, globalenv())
vars <- list(fh_outer = fh_outer, fh_inner = fh_inner, fh_weight = 3)
expect_equal(run(function(v) fh_outer(v), VARS = vars), 3 * sums + 1)
expect_equal(run(function(v, fh_outer) fh_outer(v), VARS = vars), 3 * sums + 1)
# One that was forgotten is named.
e <- caught(run(function(v) fh_outer(v)))
expect_inherits(e, "fileheap_error_fun")
expect_true(grepl("do not have \"fh_outer\" of this session's global environment: pass it in VARS",
                  conditionMessage(e), fixed = TRUE))
expect_false(grepl("VARS", conditionMessage(caught(run(function(v) fh_nowhere)))))
rm(fh_outer, fh_inner, envir = globalenv())

# A function that is returned has its own element, and not what surrounded it in the worker.
late <- list(function(i, w) function() c(i, w), function(v) function() sum(v))
for (i in 1:2) environment(late[[i]]) <- globalenv()
for (way in list(cluster, "fork")) {
  done <- memLapply(1:6, late[[1]], VARS = list(w = 7L), CLUSTER = way, MAX.CORES = 2)
  expect_identical(lapply(done, function(f) f()), lapply(1:6, function(i) c(i, 7L)))
  done <- memApply(x, 2, late[[2]], CLUSTER = way, MAX.CORES = 2)
  expect_identical(vapply(done, function(f) f(), 0), sums)
}

# An error without a text.
expect_true(grepl("^FUN failed for element 1: it gave no reason", conditionMessage(caught(run(
  function(v) stop())))))
expect_true(refuses(memApply(x, 2, sum, CLUSTER = cluster[0]), "invalid_argument"))
parallel::stopCluster(cluster)
memshare_gc()
expect_equal(left_over(), character())
