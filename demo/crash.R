# Changes the heap within a transaction, says so, and waits to be killed: crash.R FILE READY
library(fileheap, warn.conflicts = FALSE)
words <- commandArgs(TRUE)
rt <- open_fmalloc(words[[1]])
with_transaction(rt, {
  x <- edit(rt, "measured")
  x[, 1] <- -1
  fmalloc_remove(rt, "people")
  cat(sprintf("   R, process %d: column 1 is all %g, there are %d names; not committed\n",
              Sys.getpid(), rt[["measured"]][[1, 1]], length(rt)))
  invisible(file.create(words[[2]]))
  Sys.sleep(600)
})
