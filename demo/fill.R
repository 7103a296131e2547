# Puts a matrix and a data frame into the heap, beside what Rust has there: fill.R FILE
library(fileheap, warn.conflicts = FALSE)
rt <- open_fmalloc(commandArgs(TRUE)[[1]])
set.seed(7)
rt[["measured"]] <- matrix(rnorm(2e7), 20000, 1000)
rt[["people"]] <- data.frame(
  name = sample(c("Ada", "Grace", "Emmy", "Sofia"), 5000, TRUE),
  born = sample(1815:1906, 5000, TRUE),
  score = round(runif(5000), 3))
commit(rt)
cat(sprintf("   names that R has in the heap: %s\n", paste(names(rt), collapse = ", ")))
cat(sprintf("   sum of the matrix, %.0f MB: %.6f\n", object.size(rt[["measured"]]) / 1e6,
            sum(rt[["measured"]])))
