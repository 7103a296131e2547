# Released views are ordinary values: whatever takes vectors takes them, in all ways to work.
source("shared_helper.R", local = TRUE)

x <- matrix(rnorm(2e5), 1000)
sums <- as.list(apply(x, 2, sum))
cluster <- parallel::makeCluster(2)
works <- function(v, way, what) {
  expect_identical(memApply(v$x, 2, sum, CLUSTER = way, MAX.CORES = 2), sums, info = what)
  expect_identical(memLapply(v$l, sum, CLUSTER = way, MAX.CORES = 2), list(a = sum(x)), info = what)
  expect_identical(memLapply(1, function(i, x) sum(x), VARS = list(x = v$x), CLUSTER = way,
                             MAX.CORES = 1), list(sum(x)), info = what)
}
for (way in list(cluster, "fork", "psock")) {
  what <- if (is.character(way)) way else "cluster"
  registerVariables("released", list(x = x, l = list(a = x), rest = 1:5000))
  v <- retrieveViews("released", c("x", "l"))
  suppressMessages(releaseVariables("released", c("x", "l", "x"))) # the variables
  works(v, way, what)
  memshare_gc("released") # the namespace
  works(v, way, what)
  registerVariables("released", list(again = v$x, both = list(v$x, 1)))
  expect_identical(retrieveViews("released", "again")$again, x)
  expect_identical(memApply("again", 2, sum, NAMESPACE = "released", CLUSTER = way, MAX.CORES = 2),
                   sums, info = what)
  expect_identical(retrieveViews("released", "both")$both, list(x, 1))
  memshare_gc("released")
}

# A vector whose name in a heap is gone, or whose heap is.
rt <- new_heap()
rt[["x"]] <- x
v <- list(x = rt[["x"]], l = list(a = rt[["x"]]))
fmalloc_remove(rt, "x")
works(v, cluster, "name removed")
path <- new_path()
scratch <- open_fmalloc(path, mode = "scratch")
v <- list(x = as_fmalloc(x, scratch))
v$l <- list(a = v$x)
cleanup_fmalloc(scratch)
rm(scratch)
works(v, cluster, "heap closed")
unlink(path)
works(v, cluster, "heap removed")

# Working on a temporary vector of a persistent heap leaves nothing in the file.
options(fileheap.copy_bytes = 1e5)
rt[["x"]] <- x
for (i in 1:3) {
  changed <- rt[["x"]]
  changed[1] <- i
  expect_true(is_file_backed(changed))
  expect_identical(memApply(changed, 2, sum, CLUSTER = cluster), as.list(apply(changed, 2, sum)))
  registerVariables("temporary", list(x = changed))
  rm(changed)
  invisible(gc())
  expect_identical(memApply("x", 2, max, NAMESPACE = "temporary", CLUSTER = cluster),
                   as.list(apply(retrieveViews("temporary", "x")$x, 2, max)))
  memshare_gc("temporary", cluster)
}
invisible(gc())
rt[["x"]] <- NULL
expect_equal(sum(list_fmalloc_allocations(rt)$recoverable), 0L)
options(fileheap.copy_bytes = NULL)

# Results cannot go to what workers do not find any more.
registerVariables("out", list(m = matrix(0, 2, 3)), writable = TRUE)
out <- edit(memToken("out"), "m")
memApply(matrix(as.double(1:3), 1), 2, rep, times = 2, CLUSTER = cluster, OUT = out)
expect_identical(out + 0, rbind(1:3, 1:3) + 0)
suppressMessages(releaseVariables("out", "m"))
for (way in list(cluster, "fork")) {
  expect_true(refuses(memApply(x[1, 1:3, drop = FALSE], 2, rep, times = 2, CLUSTER = way,
                               OUT = out), "destroyed"))
}
expect_identical(out + 0, rbind(1:3, 1:3) + 0)

# Names that are no text are refused before anything is made; so is what is no cluster.
for (bad in c("\xff", "")) {
  expect_true(refuses(registerVariables(bad, list(a = 1)), "invalid_argument"))
  expect_true(refuses(registerVariables("names", stats::setNames(list(1), bad)),
                      "invalid_argument"))
}
expect_equal(pageList(), list())
expect_true(refuses(memshare_gc(cluster = 3), "invalid_argument"))
parallel::stopCluster(cluster)
rm(v, out)
memshare_gc()
expect_equal(left_over(), character())
