# Backends: other packages' ways to reach workers give the same, and what they lose is told.
source("shared_helper.R", local = TRUE)

x <- matrix(as.double(1:20000), 100, dimnames = list(NULL, sprintf("c%d", 1:200)))
sums <- apply(x, 2, sum)
weights <- rnorm(100)
registerVariables("backends", list(X = x, weights = weights))
rt <- new_heap()
draw <- function(i) c(runif(1), rnorm(1))
drawn <- memLapply(1:1200, draw, CLUSTER = "fork", MAX.CORES = 2, SEED = 7)
kept_files <- left_over()

# Whatever reaches the workers: results, names, errors, warnings, random numbers, OUT.
behaves <- function(way, what) {
  run <- function(...) memApply(..., CLUSTER = way, MAX.CORES = 2)
  expect_identical(run(x, 2, sum, SIMPLIFY = TRUE), sums, info = what)
  weighted <- run("X", 2, function(v, weights) sum(v * weights), NAMESPACE = "backends",
                  VARS = "weights", SIMPLIFY = TRUE)
  expect_identical(weighted, apply(x, 2, function(v) sum(v * weights)), info = what)
  e <- caught(run(x, 2, function(v) if (v[[1]] == bad) stop("no luck") else 1,
                  VARS = list(bad = x[1, 17])))
  expect_inherits(e, "fileheap_error_fun", info = what)
  expect_identical(c(e$index, e$name, e$worker_message), c("17", "c17", "no luck"), info = what)
  warned <- caught_warnings(memLapply(list(a = 1, b = -1), sqrt, CLUSTER = way, MAX.CORES = 2))
  expect_equal(length(warned), 1L, info = what)
  expect_true(grepl("^element 2 \\(\"b\"\\)", warned), info = what)
  expect_identical(memLapply(1:1200, draw, CLUSTER = way, MAX.CORES = 2, SEED = 7), drawn,
                   info = what)
  rt[["out"]] <- numeric(ncol(x))
  out <- edit(rt, "out")
  run(x, 2, sum, OUT = out)
  expect_identical(out + 0, unname(sums), info = what)
  rm(out)
  invisible(gc())
  out <- edit(rt, "out") # no worker has it any more
  out[[1]] <- -1
  expect_equal(rt[["out"]][[1]], -1, info = what)
  memshare_gc() # a heap of this session's stays for further calls until then
  expect_equal(left_over(), kept_files, info = what)
}
caught_warnings <- function(code) {
  seen <- character()
  withCallingHandlers(code, warning = function(w) {
    seen <<- c(seen, conditionMessage(w))
    invokeRestart("muffleWarning")
  })
  seen
}
killer <- function(i) if (i == 3) tools::pskill(Sys.getpid(), 9) else i
names_lost <- function(way, what) {
  e <- suppressWarnings(caught(memLapply(1:20, killer, CLUSTER = way, MAX.CORES = 2)))
  expect_inherits(e, "fileheap_error_worker", info = what)
  expect_true(e$index %in% 1:3, info = what)
  memshare_gc()
  expect_equal(left_over(), kept_files, info = what)
}

# Nodes of a kind of their own, as other packages make them, around those of parallel.
register <- function(generic, method) {
  registerS3method(generic, "oddnode", method, envir = asNamespace("parallel"))
}
register("sendData", function(node, data) serialize(data, node$node$con))
register("recvData", function(node) unserialize(node$node$con))
odd_cluster <- function() {
  structure(lapply(unclass(parallel::makePSOCKcluster(2)), function(node) {
    structure(list(node = node, host = node$host), class = "oddnode")
  }), class = c("oddcluster", "cluster"))
}
registerS3method("recvOneData", "oddcluster", function(cl) {
  connections <- lapply(unclass(cl), function(node) node$node$con)
  n <- which(socketSelect(connections))[[1L]]
  list(node = n, value = unserialize(connections[[n]]))
}, envir = asNamespace("parallel"))
odd <- odd_cluster()
behaves(odd, "nodes of another kind")
names_lost(odd, "nodes of another kind")
for (node in unclass(odd)) close(node$node$con)

behaves("fork", "fork")
names_lost("fork", "fork")
behaves("psock", "psock")
names_lost("psock", "psock")

# What another call left, or something else altogether, is no result.
chunks <- list(c(1, 2), c(3, 4), c(5, 6))
mine <- list(id = "this", from = 1, to = 2, values = list("a", "b"), pid = 1L)
stale <- list(id = "that", from = 3, to = 4, values = list("x", "y"), pid = 1L)
collector <- fileheap:::new_collector(6, NULL, function(...) NULL)
fileheap:::collect_all(collector, list(id = "this"), chunks, list(mine, stale, mine))
expect_identical(collector$values[1:2], list("a", "b"))
expect_true(all(vapply(collector$values[3:6], is.null, NA)))
expect_equal(vapply(collector$failures, function(it) it$index, 0), c(3, 5))
expect_equal(length({
  collector <- fileheap:::new_collector(6, NULL, function(...) NULL)
  fileheap:::collect_all(collector, list(id = "this"), chunks, NULL)
  collector$failures
}), 3L)

# Workers need not have the package where they look for packages.
script <- tempfile(fileext = ".R")
writeLines(sprintf('library(fileheap, lib.loc = %s)
  for (way in list("psock", "keep", parallel::makeCluster(1))) {
    cat(unlist(memLapply(1:3, function(i) i + 1, CLUSTER = way, MAX.CORES = 1)), "")
  }
  memshare_gc()', deparse(dirname(getNamespaceInfo("fileheap", "path")))), script)
said <- system2("env", c("-u", "R_LIBS", "-u", "R_LIBS_USER", file.path(R.home("bin"), "Rscript"),
                         "--vanilla", script), stdout = TRUE, stderr = FALSE)
expect_equal(said, "2 3 4 2 3 4 2 3 4 ")

# A job that a worker could not begin leaves no heap of it open there.
missing <- structure(list(path = tempfile(), uuid = "none", id = 1), class = "fileheap_link")
state <- fileheap:::shared_state()
state$attached[["a path"]] <- list(runtime = new_heap(), uuid = "other")
job <- list(id = "none", kind = "elements", count = 1, fun = sum, x = missing, closing = "a path")
result <- fileheap:::run_chunk("none", job, 1, 1, TRUE, Inf)
expect_true(result$has_ended)
expect_true("fileheap_error_heap_missing" %in% result$failure$class)
expect_null(state$attached[["a path"]])

# Those that are installed, in addition.
if (requireNamespace("future", quietly = TRUE)) {
  for (plan in c("multisession", "multicore", "sequential")) {
    if (plan == "sequential") future::plan(plan) else future::plan(plan, workers = 2)
    behaves("future", plan)
    if (plan != "sequential") names_lost("future", plan)
  }
  future::plan("sequential")
}
if (requireNamespace("BiocParallel", quietly = TRUE)) {
  ways <- list(BiocParallel::SerialParam(), BiocParallel::MulticoreParam(2),
               BiocParallel::MulticoreParam(2, tasks = 7L), BiocParallel::SnowParam(2))
  for (way in ways) behaves(way, class(way))
}
memshare_gc("backends")
memshare_gc()
expect_equal(left_over(), character())
