# File-backed vectors beside base R and beside the least that an ALTREP class can do, in processor
# time: what is above the floor is ours, the rest is R's own way to elements of such vectors.
# usage: Rscript bench/r/floor.R [REPEATS]
suppressPackageStartupMessages(library(fileheap))
repeats <- as.integer(c(commandArgs(TRUE), "7")[1])
folder <- tempfile("floor-")
dir.create(folder)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)))
stopifnot(file.copy(file.path(here, "floor.c"), folder))
invisible(system2(file.path(R.home("bin"), "R"), c("CMD", "SHLIB", file.path(folder, "floor.c")),
                  stdout = FALSE))
dll <- dyn.load(file.path(folder, "floor.so"))
floor_of <- function(name, ...) .Call(getNativeSymbolInfo(name, dll), ...)
rt <- open_fmalloc(file.path(folder, "floor.heap"))
set.seed(1)

spent <- function() sum(proc.time()[1:2])
seconds <- function(code) {
  start <- spent()
  times <- 0L
  repeat {
    code()
    times <- times + 1L
    if (spent() - start > 0.1) return((spent() - start) / times)
  }
}
row <- function(what, candidates) {
  least <- rep(Inf, 3L)
  for (round in seq_len(repeats)) for (i in 1:3) {
    invisible(gc())
    least[i] <- min(least[i], seconds(candidates[[i]]))
  }
  cat(sprintf("| %s | %.3g ms | %.2f | %.2f |\n", what, 1000 * least[1], least[2] / least[1],
              least[3] / least[1]))
}
three <- function(f, all) lapply(all, function(x) function() f(x))

cat("| work | base R | floor | fileheap |\n|---|---|---|---|\n")
made <- sprintf("a string that is longer: %d", sample(1e6))
rt[["texts"]] <- made
lengths <- nchar(made)
bytes <- charToRaw(paste(made, collapse = ""))
row("first full read of 1e6 strings",
    list(function() nchar(made, "bytes"),
         function() nchar(floor_of("floor_make", bytes, lengths), "bytes"),
         function() nchar(rt[["texts"]], "bytes")))
texts <- list(made, floor_of("floor_texts", made), rt[["texts"]])
invisible(nchar(texts[[3L]]))
row("later reads (nchar bytes)", three(function(x) nchar(x, "bytes"), texts))
row("x == y", three(function(x) x == "s7", texts))
row("unique", three(unique, texts))

n <- 1e6
values <- runif(n)
numbers <- list(values, floor_of("floor_numbers", values + 0), as_fmalloc(values, rt))
look <- function(x) {
  total <- 0
  for (i in seq_len(n)) total <- total + x[[i]]
  total
}
row("loop of x[[i]]", three(look, numbers))
# The vector is made where it is stored to, so that R knows of one reference.
stores <- function(make) function() {
  x <- make()
  for (pass in 1:10) for (i in seq_len(n)) x[i] <- pass
}
row("create, loop of x[i] <- v, 10 x",
    list(stores(function() numeric(n)), stores(function() floor_of("floor_numbers", numeric(n))),
         stores(function() create_fmalloc_vector("numeric", n, rt))))
rm(rt, texts, numbers)
invisible(gc())
unlink(folder, recursive = TRUE)
