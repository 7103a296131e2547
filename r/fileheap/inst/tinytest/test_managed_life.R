# Managed vectors: how they come, what becomes of them, and of their results.
source("helper.R")
path <- new_path()
rt <- open_fmalloc(path)
old <- options(Rfmalloc.reduce_result_length = 100)
base <- as.double(1:500)
x <- as_fmalloc(base, rt)
kept <- function(x) inherits(x, "fmalloc") && is_file_backed(x)

# Put on and taken off; a value of its own either way, long or short.
for (n in c(3, 64, 500)) {
  x <- as_fmalloc(base[seq_len(n)], rt)
  y <- managed(x)
  expect_true(kept(y), info = n)
  expect_identical(class(x), "numeric", info = n)
  x[1] <- -1
  expect_identical(y[1], 1, info = n)
  y[2] <- -2
  expect_identical(c(x[1], x[2]), c(-1, 2), info = n)
  plain <- unmanaged(managed(as_fmalloc(base[seq_len(n)], rt)))
  expect_true(is_file_backed(plain) && is.vector(plain), info = n)
  expect_identical(plain, base[seq_len(n)], info = n)
}
expect_true(refuses(managed(1:3), "not_file_backed"))
expect_true(refuses(managed(list(1)), "type"))
expect_identical(unmanaged(1:3), 1:3)

# By option at creation.
options(fileheap.managed = TRUE)
made <- list(create_fmalloc_vector("numeric", 5, rt), create_fmalloc_matrix("integer", 2, 3,
             runtime = rt), as_fmalloc(base, rt), as_fmalloc_matrix(base, 50, runtime = rt))
expect_true(all(vapply(made, kept, NA)))
made[[1]][2] <- 7
expect_true(is_file_backed(made[[1]]))
options(fileheap.managed = NULL)
expect_false(inherits(create_fmalloc_vector("numeric", 5, rt), "fmalloc"))

# Results: of this heap, as long as they are used, ordinary ones below the option's length.
m <- managed(as_fmalloc(base, rt))
expect_true(kept(m + 1) && kept(1 + m) && kept(-m) && kept(sqrt(m)) && kept(m > 3))
expect_true(kept(cumsum(m)) && kept(rev(m)) && kept(m[-1]) && kept(is.na(m)) && kept(sort(m)))
expect_true(kept(round(m, 1)) && kept(unique(m)) && kept(m[m > 50]) && kept(m[1:200]))
expect_false(inherits(m[1:100], "fmalloc") || is_file_backed(m[1:100]))
expect_identical(fmalloc_info(m + 1)$path, fmalloc_info(m)$path)
expect_true(fmalloc_info(m + 1)$temporary)
square <- as_fmalloc_matrix(base[1:144], 12, runtime = rt)
expect_true(kept(managed(square)[, 1:10]) && kept(t(managed(square))))
if (getRversion() >= "4.3") expect_true(kept(managed(square) %*% square))
if (getRversion() >= "4.4") expect_true(kept(crossprod(managed(square))))
expect_identical(unmanaged((m + 1) * 2 - m), (base + 1) * 2 - base)
invisible(gc())
before <- nrow(list_fmalloc_allocations(rt))
for (i in 1:20) m + i
invisible(gc())
create_fmalloc_vector("raw", 1, rt)[1]
expect_true(nrow(list_fmalloc_allocations(rt)) <= before + 3L)

# Wrong options are told; conditions are those of the user's call.
options(Rfmalloc.reduce_result_length = -1)
expect_true(refuses(m + 1, "invalid_argument"))
options(Rfmalloc.reduce_result_length = 100)
said <- tryCatch(sqrt(-m), warning = identity)
expect_identical(conditionMessage(said), "NaNs produced")
expect_identical(conditionCall(said), quote(sqrt(-m)))
said <- tryCatch(m + "a", error = identity)
expect_identical(conditionCall(said), quote(m + "a"))

# Classes of their own keep them.
days <- as.Date("2026-01-01") + 0:499
f <- factor(rep(c("u", "v"), 250))
span <- as.difftime(base, units = "hours")
md <- managed(as_fmalloc(days, rt))
mf <- managed(as_fmalloc(f, rt))
ms <- managed(as_fmalloc(span, rt))
expect_identical(unmanaged(md), days)
expect_identical(unmanaged(md + 1), days + 1)
expect_true(kept(md + 1))
expect_identical(unmanaged(md == md), days == days)
expect_identical(range(md), range(days))
expect_identical(unmanaged(rev(md)), rev(days))
expect_identical(unmanaged(md[-1]), days[-1])
expect_identical(unmanaged(sort(md, decreasing = TRUE)), sort(days, decreasing = TRUE))
expect_identical(format(md), format(days))
expect_identical(months(md[1:2]), months(days[1:2]))
expect_identical(unmanaged(mf == "u"), f == "u")
expect_identical(levels(mf), levels(f))
expect_identical(table(mf, dnn = NULL), table(f, dnn = NULL))
expect_identical(summary(mf), summary(f))
expect_identical(unmanaged(ms * 2), span * 2)
expect_identical(sum(ms), sum(span))
if (getRversion() >= "4.3") {
  expect_identical(unmanaged(md - days), days - days)
  expect_identical(unmanaged(m[1:500] + days), base + days)
}

# Printed and told about as what they are.
expect_identical(capture.output(print(m)), capture.output(print(base)))
expect_identical(summary(m), summary(base))
expect_stdout(str(m), "managed")
expect_identical(as.data.frame(managed(square)), as.data.frame(square[]))
expect_identical(sapply(managed(as_fmalloc(base[1:5], rt)), function(v) v * 2), base[1:5] * 2)
expect_identical(quantile(m), quantile(base))
expect_identical(median(m), median(base))
expect_identical(var(m), var(base))

# Reading changes nothing; a name keeps the class; the next session has it.
rt[["m"]] <- m
image <- rt[["m"]][]
invisible(rt[["m"]] + 1)
invisible(cumsum(rt[["m"]]))
expect_identical(unmanaged(rt[["m"]]), base)
rt[["sum"]] <- m + 1
out <- elsewhere(c("rt <- open_fmalloc(path)", "s <- rt[['sum']]",
                   "cat(class(s), is_file_backed(s), sum(s))"), path = path)
expect_identical(trimws(out), paste("fmalloc TRUE", sum(base + 1)))

# A result of a transaction that was undone says so; where the heap is for reading, R has it.
try(with_transaction(rt, {
  undone <- m + 1
  stop("no")
}), silent = TRUE)
expect_true(refuses(undone[1:3], "destroyed"))
expect_true(is_clean(rt))
out <- elsewhere(c(
  "rt <- fileheap:::as_runtime(.Call(fileheap:::C_open, path, 0, 1L, TRUE)[[1]])",
  "options(Rfmalloc.reduce_result_length = 100)",
  "m <- rt[['m']]",
  "result <- cumsum(m + 1)",
  "cat(is_file_backed(m), is_file_backed(result), class(result), sum(m + 1))"), path = path)
expect_identical(trimws(out), paste("TRUE FALSE numeric", sum(base + 1)))
options(old)

# A managed view of what has a name stays in the file whatever base R asks of it; so in a child.
rt[["long"]] <- as.double(1:1e5)
view <- managed(rt[["long"]])
invisible(list(var(view), order(view), range(view), cumsum(unmanaged(view)), which.max(view)))
expect_true(is_file_backed(view))
if (requireNamespace("parallel", quietly = TRUE)) {
  told <- parallel::mclapply(1:2, function(i) {
    options(Rfmalloc.reduce_result_length = 100)
    sum(view + i)
  }, mc.cores = 2)
  expect_identical(told, list(sum(1:1e5 + 1), sum(1:1e5 + 2)))
}
