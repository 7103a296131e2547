# The examples of README.md and docs/guide/r.md, as they stand there, and what they must give.
source("helper.R", local = TRUE)
folder <- tempfile("guide")
dir.create(folder)
before <- setwd(folder)

library(fileheap)
rt <- open_fmalloc("data.heap")               # made if it is missing; grows as needed
rt[["x"]] <- matrix(rnorm(6e5), ncol = 600)   # an ordinary matrix, in the file
colMeans(rt[["x"]])[1:3]
with_transaction(rt, {                        # both of them, or neither
  v <- edit(rt, "x")
  v[, 1] <- 0                                 # stored in the file, not in a copy
  rt[["changed"]] <- Sys.time()
})
memApply("x", 2, sd, NAMESPACE = rt, MAX.CORES = 2, SIMPLIFY = TRUE)[1:3]

expect_identical(sort(names(rt)), c("changed", "x"))
expect_true(all(rt[["x"]][, 1] == 0))
expect_true(is_file_backed(rt[["x"]]))
expect_identical(memApply("x", 2, sd, NAMESPACE = rt, MAX.CORES = 2, SIMPLIFY = TRUE),
                 apply(rt[["x"]], 2, sd))

m <- create_fmalloc_matrix("numeric", nrow = 1000, ncol = 50, runtime = rt)
for (j in 1:50) m[, j] <- j                   # in the file at once
rt[["filled"]] <- m                           # the name copies nothing

expect_identical(colMeans(rt[["filled"]]), as.double(1:50))

saveRDS(rt[["filled"]], "filled.rds")         # a few hundred bytes
identical(readRDS("filled.rds"), rt[["filled"]])

expect_true(file.size("filled.rds") < 1000)
expect_identical(readRDS("filled.rds"), rt[["filled"]])

fmalloc_backup("copy.heap", rt)               # whole, whoever goes on writing
fmalloc_trim(rt)                              # gives back what nothing uses
reference <- open_fmalloc("copy.heap", read_only = TRUE)

expect_identical(reference[["filled"]], rt[["filled"]])
expect_true(refuses(reference[["filled"]] <- 1, "read_only"))
rm(reference)

registerVariables("study", list(X = rt[["filled"]], weights = runif(1000)))
memApply("X", 2, function(v, weights) sum(v * weights), NAMESPACE = "study", VARS = "weights",
         MAX.CORES = 2, SIMPLIFY = TRUE)[1:3]
releaseVariables("study", c("X", "weights"))

expect_error(memApply("X", 2, sum, NAMESPACE = "study"))
expect_true(is_clean(rt))
rm(v, m)
cleanup_fmalloc(rt)
setwd(before)
