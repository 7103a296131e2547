# Changes the heap within a transaction, says so, and waits to be killed: crash.R FILE READY
library(fileheap, warn.conflicts = FALSE)
words <- commandArgs(TRUE)
rt <- open_fmalloc(words[[1]])
with_transaction(rt, {
  x <- edit(rt, "measured")
  x[, 1] <- -1
  fmalloc_remove(rt, "people")
  cat(sprintf("   R, process %d: the first column is all %g, people is %s; not committed\n",
              Sys.getpid(), unique(rt[["measured"]][, 1]),
              if ("people" %in% names(rt)) "there" else "gone"))
  invisible(file.create(words[[2]]))
  Sys.sleep(600)
})
