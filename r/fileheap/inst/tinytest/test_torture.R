# The hot part with a collection at every allocation.
source("helper.R")
rt <- new_heap()
x <- create_fmalloc_vector("numeric", 20, rt)
s <- create_fmalloc_vector("character", 20, rt)
tortured <- function(code) {
  gctorture(TRUE)
  on.exit(gctorture(FALSE))
  force(code)
}
expect_identical(tortured({
  x[3] <- 5
  y <- x
  y[1] <- 1
  c(x[3], y[1], sum(x), length(x[2:4]))
}), c(5, 1, 5, 3))
expect_identical(tortured({
  s[2] <- paste0("text ", 1, " that is longer than twelve")
  s[3] <- NA
  c(s[2], toupper(s[2]), is.na(s[3]), s[order(s)[20]])
}), c("text 1 that is longer than twelve", "TEXT 1 THAT IS LONGER THAN TWELVE", "TRUE", NA))
expect_identical(tortured({
  rt[["a"]] <- x
  rt[["b"]] <- list(x, "a", 1:3)
  b <- rt[["b"]]
  c(rt[["a"]][3], b[[1]][3], length(names(rt)))
}), c(5, 5, 2))
expect_identical(tortured(unserialize(serialize(x, NULL))[3]), 5)
expect_identical(tortured(class(tryCatch(rt[["none"]], error = identity))[1]),
                 "fileheap_error_not_found")
expect_true(is_clean(rt))
