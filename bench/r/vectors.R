# File-backed vectors beside base R, bigmemory and ff: ratios to base R, as a markdown table.
# usage: Rscript bench/r/vectors.R [SHARE]   SHARE of the full sizes, 1 by default (needs 6 GB)
suppressPackageStartupMessages(library(fileheap))
share <- as.numeric(c(commandArgs(TRUE), "1")[1])
repeats <- 5L
folder <- tempfile("vectors-")
dir.create(folder)
rt <- open_fmalloc(file.path(folder, "bench.heap"))
has <- function(package) requireNamespace(package, quietly = TRUE)
wide <- floor(1e8 * share)
loops <- floor(1e6 * share)
texts <- floor(1e6 * share)

seconds <- function(code) {
  start <- proc.time()[["elapsed"]]
  times <- 0L
  repeat { # short things often enough to be measured
    code()
    times <- times + 1L
    spent <- proc.time()[["elapsed"]] - start
    if (spent > 0.05) return(spent / times)
  }
}

# Each candidate in turn, again and again; the least of each.
race <- function(candidates, repeats. = repeats) {
  least <- rep(Inf, length(candidates))
  for (round in seq_len(repeats.)) {
    for (i in seq_along(candidates)) {
      if (is.null(candidates[[i]])) next
      invisible(gc())
      least[i] <- min(least[i], seconds(candidates[[i]]))
    }
  }
  names(least) <- names(candidates)
  least
}

row <- function(what, limit, candidates, ...) {
  least <- race(candidates, ...)
  ratio <- function(name) {
    value <- least[name]
    if (is.na(value) || is.infinite(value)) "" else sprintf("%.2f", value / least["base"])
  }
  cat(sprintf("| %s | %s | %.3g ms | %s | %s | %s |\n", what, limit, 1000 * least["base"],
              ratio("ours"), ratio("bigmemory"), ratio("ff")))
}

cat("| work | limit | base R | fileheap | bigmemory | ff |\n|---|---|---|---|---|---|\n")

# ---- numbers ----
base <- as.numeric(seq_len(wide)) %% 1000
ours <- as_fmalloc(base, rt)
big <- if (has("bigmemory")) {
  bigmemory::filebacked.big.matrix(wide, 1, backingfile = "big.bin", backingpath = folder,
                                   descriptorfile = "big.desc")
}
if (!is.null(big)) big[, 1] <- base
slow <- if (has("ff")) {
  ff::ff(base, vmode = "double", filename = file.path(folder, "slow.ff"), overwrite = TRUE)
}
# What the others can do on the whole is to fetch it and let R do the work.
whole <- function(f) {
  list(base = function() f(base), ours = function() f(ours),
       bigmemory = if (!is.null(big)) function() f(big[, 1]),
       ff = if (!is.null(slow)) function() f(slow[]))
}
row("sum", "1.05", whole(sum))
row("mean", "1.05", whole(mean))
row("x + 1", "1.05", whole(function(x) x + 1))
row("x > 0.5", "1.05", whole(function(x) x > 0.5))
index <- sample(wide, loops)
row("x[idx], a hundredth", "1.2",
    list(base = function() base[index], ours = function() ours[index],
         bigmemory = if (!is.null(big)) function() big[index, 1],
         ff = if (!is.null(slow)) function() slow[index]))
look <- function(x) {
  total <- 0
  for (i in seq_len(loops)) total <- total + x[[i]]
  total
}
few <- floor(loops / 1000)
row("loop of x[[i]]", "1.05", list(base = function() look(base), ours = function() look(ours)))
row("x[[i]], one by one, few", "",
    list(base = function() for (i in seq_len(few)) base[[i]],
         ours = function() for (i in seq_len(few)) ours[[i]],
         bigmemory = if (!is.null(big)) function() for (i in seq_len(few)) big[i, 1],
         ff = if (!is.null(slow)) function() for (i in seq_len(few)) slow[[i]]))
local_store <- function(make, passes) {
  # The loop and its variable in one function, as code is written; made anew for each call.
  function() {
    x <- make()
    for (pass in seq_len(passes)) for (i in seq_len(loops)) x[i] <- pass
    x
  }
}
for (passes in c(10, 1)) {
  row(paste("create, loop of x[i] <- v,", passes, "x"), if (passes > 1) "1.05" else "",
      list(base = local_store(function() numeric(loops), passes),
           ours = local_store(function() create_fmalloc_vector("numeric", loops, rt), passes)))
}
for (name in c("rowSums", "colSums")) {
  side <- floor(sqrt(wide))
  n <- side * side
  plain <- matrix(base[seq_len(n)], side)
  filed <- as_fmalloc_matrix(ours[seq_len(n)], side, side, runtime = rt)
  f <- if (name %in% getNamespaceExports("fileheap")) getExportedValue("fileheap", name)
       else get(name, baseenv())
  row(paste(name, side, "x", side), "0.6",
      list(base = function() get(name, baseenv())(plain), ours = function() f(filed)))
  destroy_fmalloc_vector(filed)
  rm(plain, filed)
}
rm(base, ours, big, slow, index)
invisible(gc())

# ---- strings ----
for (kind in c("short", "long")) {
  made <- sprintf(if (kind == "short") "s%d" else "a string that is longer: %d",
                  sample(texts))
  rt[["texts"]] <- made
  said <- function(what) paste0(what, ", ", kind)
  row(said("create 1e6 strings"), "3",
      list(base = function() made[seq_along(made)],
           ours = function() {
             x <- as_fmalloc(made, rt)
             destroy_fmalloc_vector(x)
           }))
  row(said("first full read"), "4",
      list(base = function() nchar(made, "bytes"),
           ours = function() nchar(rt[["texts"]], "bytes")))
  saved <- tempfile()
  saveRDS(made, saved, compress = FALSE)
  row(said("first full read, beside readRDS()"), "",
      list(base = function() nchar(readRDS(saved), "bytes"),
           ours = function() nchar(rt[["texts"]], "bytes")))
  unlink(saved)
  filed <- rt[["texts"]]
  invisible(nchar(filed))
  later <- function(f) list(base = function() f(made), ours = function() f(filed))
  row(said("later reads (nchar bytes)"), "1.1", later(function(x) nchar(x, "bytes")))
  row(said("x == y"), "1.1", later(function(x) x == "s7"))
  row(said("unique"), "1.1", later(unique))
  row(said("sort (radix)"), "1.1", later(function(x) sort(x, method = "radix")))
  row(said("paste0"), "", later(function(x) paste0(x, "!")), 2L)
  rm(made, filed)
}

# ---- creation ----
row("create 100 numbers", "",
    list(base = function() numeric(100),
         ours = function() create_fmalloc_vector("numeric", 100, rt)))
row("create and destroy 800 MB, uninitialised", "",
    list(base = function() numeric(wide),
         ours = function() {
           destroy_fmalloc_vector(create_fmalloc_vector("numeric", wide, rt,
                                                        zero_initialize = FALSE))
         }))
rm(rt)
invisible(gc())
unlink(folder, recursive = TRUE)
