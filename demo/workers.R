# Two workers go through the columns of the matrix where it lies: workers.R FILE
library(fileheap, warn.conflicts = FALSE)
rt <- open_fmalloc(commandArgs(TRUE)[[1]])
matrix_mb <- object.size(rt[["measured"]]) / 1e6

# What a worker finds: its sum, who it is, and the memory that is its own, in MB.
look <- function(column) {
  told <- readLines("/proc/self/smaps_rollup")
  own <- as.numeric(gsub("[^0-9]", "", grep("^Private_Dirty", told, value = TRUE)))
  c(sum(column), Sys.getpid(), own / 1e3)
}
found <- memApply("measured", 2, look, NAMESPACE = rt, MAX.CORES = 2, SIMPLIFY = TRUE)
stopifnot(identical(found[1, ], apply(rt[["measured"]], 2, sum)))
for (worker in unique(found[2, ])) {
  by_it <- found[2, ] == worker
  cat(sprintf("   worker %.0f: %d columns, %.0f MB of its own, R itself included\n",
              worker, sum(by_it), max(found[3, by_it])))
}
cat(sprintf("   the matrix has %.0f MB and lies in memory once; 1000 sums are those of apply()\n",
            matrix_mb))
