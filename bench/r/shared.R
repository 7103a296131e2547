# Shared-memory parallelism against parallel, mclapply and bigmemory: ratios from one run.
#
# usage: Rscript shared.R [MEGABYTES] [ROUNDS]    with fileheap installed
# Ways are run in turns, and the least time of each counts: what else the machine does disturbs
# all of them alike.

suppressPackageStartupMessages({
  library(fileheap)
  library(parallel)
})
given <- as.numeric(commandArgs(TRUE))
megabytes <- if (length(given) > 0) given[[1]] else 800
rounds <- if (length(given) > 1) given[[2]] else 5

seconds <- function(code) {
  start <- Sys.time()
  force(code)
  as.numeric(Sys.time() - start, units = "secs")
}
# Least time of each way, run in turns.
compare <- function(title, ways, rounds, unit = "ms") {
  scale <- if (unit == "ms") 1e3 else 1
  least <- rep(Inf, length(ways))
  for (round in seq_len(rounds)) for (i in seq_along(ways)) {
    gc(FALSE)
    least[[i]] <- min(least[[i]], seconds(ways[[i]]()))
  }
  cat("\n", title, "\n", sep = "")
  for (i in seq_along(ways)) {
    cat(sprintf("  %-28s %10.2f %s  %6.2f\n", names(ways)[[i]], least[[i]] * scale, unit,
                least[[i]] / least[[1]]))
  }
}

private_kb <- function() {
  lines <- readLines("/proc/self/smaps_rollup")
  sum(as.numeric(gsub("\\D", "", grep("^Private_", lines, value = TRUE))))
}
cluster <- makePSOCKcluster(2)
invisible(clusterEvalQ(cluster, {
  library(fileheap)
  gc()
}))

small <- matrix(runif(100), 10)
compare("10 columns of 10, live cluster", list(
  "parallel::parApply" = function() parApply(cluster, small, 2, sum),
  memApply = function() memApply(small, 2, sum, CLUSTER = cluster)), rounds * 20)
many <- matrix(runif(1e5), 10)
compare("1e4 columns of 10", list(
  "parallel::parApply" = function() parApply(cluster, many, 2, sum),
  memApply = function() memApply(many, 2, sum, CLUSTER = cluster),
  apply = function() apply(many, 2, sum)), rounds * 4)
tiny <- lapply(1:1000, function(i) runif(5))
# What memLapply() does to a cluster's connections makes parLapply() quick on it, too.
untouched <- makePSOCKcluster(2, port = 12345)
compare("1000 tiny elements", list(
  "parallel::parLapply" = function() parLapply(cluster, tiny, sum),
  memLapply = function() memLapply(tiny, sum, CLUSTER = cluster),
  "parLapply, untouched cluster" = function() parLapply(untouched, tiny, sum)), rounds * 10)
stopCluster(untouched)

columns <- 2000
X <- matrix(runif(megabytes * 1e6 / 8), ncol = columns)
compare(sprintf("register %g MB", megabytes), list(
  "one copy in R" = function() {
    y <- X
    y[[1]] <- 0
  },
  registerVariables = function() registerVariables("bench", list(X = X))), rounds)
held <- retrieveViews("bench", "X")$X
compare("register what lives in a heap", list(
  registerVariables = function() registerVariables("again", list(X = held))), rounds * 10)
own <- list(
  "mclapply" = function() mclapply(seq_len(columns), function(j) sum(X[, j]), mc.cores = 2),
  "memApply, registered" = function() memApply("X", 2, sum, NAMESPACE = "bench", CLUSTER = cluster),
  "memApply, from R's heap" = function() memApply(X, 2, sum, CLUSTER = cluster),
  "memApply, forked" = function() memApply(X, 2, sum, CLUSTER = "fork", MAX.CORES = 2),
  "parApply by value" = function() parApply(cluster, X, 2, sum))
if (requireNamespace("bigmemory", quietly = TRUE)) {
  big <- bigmemory::as.big.matrix(X)
  at <- bigmemory::describe(big)
  own$"bigmemory, parLapply" <- function() parLapply(cluster, seq_len(columns), function(j, at) {
    if (!exists("big_x", globalenv())) assign("big_x", bigmemory::attach.big.matrix(at), globalenv())
    sum(get("big_x", globalenv())[, j])
  }, at)
}
before <- unlist(clusterCall(cluster, private_kb))
invisible(memApply("X", 2, sum, NAMESPACE = "bench", CLUSTER = cluster))
grown <- unlist(clusterCall(cluster, private_kb)) - before
compare(sprintf("sum of each column, %g MB, 2 workers", megabytes), own, max(2, rounds %/% 2))
cat("\nprivate memory of each worker grew by", grown, "kB\n")
memshare_gc("bench")
suppressMessages(memshare_gc("again"))
stopCluster(cluster)
