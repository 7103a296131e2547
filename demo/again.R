# Opens the heap after the kill and compares it with what was committed: again.R FILE
library(fileheap, warn.conflicts = FALSE)
started <- Sys.time()
rt <- open_fmalloc(commandArgs(TRUE)[[1]])
cat(sprintf("   opened in %.0f ms; names: %s\n", 1000 * as.numeric(Sys.time() - started, "secs"),
            paste(names(rt), collapse = ", ")))
set.seed(7)
same <- c(
  measured = identical(rt[["measured"]], matrix(rnorm(2e7), 20000, 1000)),
  people = identical(rt[["people"]], data.frame(
    name = sample(c("Ada", "Grace", "Emmy", "Sofia"), 5000, TRUE),
    born = sample(1815:1906, 5000, TRUE),
    score = round(runif(5000), 3))))
cat(sprintf("   %s: %s\n", names(same), ifelse(same, "every element as it was", "CHANGED")), sep = "")
stopifnot(same)
