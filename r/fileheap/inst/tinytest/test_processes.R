# Several processes: readers, a second writer, kill -9, orphans, fork. P15, P16.
source("helper.R")
path <- new_path()
rt <- open_fmalloc(path)
rt[["x"]] <- c(1, 2, 3)

# Another process reads what is committed, and writes when nobody else does.
out <- elsewhere("rt <- open_fmalloc(path); cat(rt$x); rt$y <- 'there'", path = path)
expect_identical(out, "1 2 3")
expect_identical(rt$y, "there")

# A second writer waits, then is told who writes.
flag <- tempfile()
go <- tempfile()
elsewhere(c("rt <- open_fmalloc(path)", "with_transaction(rt, {", "  rt$z <- 1",
            "  writeLines(as.character(Sys.getpid()), flag)",
            "  while (!file.exists(go)) Sys.sleep(0.02)", "})",
            "file.create(paste0(flag, '-done'))"), path = path, flag = flag, go = go, wait = FALSE)
expect_true(await(function() file.exists(flag) && length(readLines(flag)) == 1L))
holder <- as.numeric(readLines(flag))
expect_identical(rt$x, c(1, 2, 3))
expect_false(fmalloc_exists(rt, "z"))
old <- options(fileheap.wait = 0.2)
busy <- tryCatch(rt$w <- 1, fileheap_error_busy = identity)
expect_inherits(busy, "fileheap_error_busy")
expect_identical(busy$pid, holder)
expect_true(grepl(holder, conditionMessage(busy)))
options(old)
file.create(go)
rt$w <- 1
expect_true(await(function() file.exists(paste0(flag, "-done"))))
expect_identical(c(rt$z, rt$w), c(1, 1))

# Who stored to a vector, and has it no more, stands in nobody's way: it was given a name, or edited,
# or was anonymous and R collected it.
rt[["n"]] <- c(1, 2)
edit_there <- c("rt <- open_fmalloc(path)", "e <- edit(rt, 'n')", "e[1] <- e[1] + 10")
expect_identical(elsewhere(edit_there, path = path), character())
expect_identical(rt[["n"]], c(11, 2))
e <- edit(rt, "n")
e[2] <- 20
expect_true(any(grepl(paste("process", Sys.getpid()), elsewhere(edit_there, path = path))))
rm(e)
anonymous <- create_fmalloc_vector("numeric", 3, rt)
file <- tempfile()
saveRDS(anonymous, file)
store_there <- c("v <- readRDS(file)", "v[1] <- v[1] + 1")
elsewhere(store_there, file = file)
expect_identical(anonymous, c(0, 0, 0))
rm(anonymous)
invisible(gc())
rt[["next entry"]] <- 1
expect_identical(elsewhere(edit_there, path = path), character())
expect_identical(rt[["n"]], c(21, 20))
elsewhere(store_there, file = file)
expect_identical(readRDS(file)[], c(1, 0, 0))

# Vectors that another process still looks at are not freed under its feet.
seen <- tempfile()
go <- tempfile()
elsewhere(c("rt <- open_fmalloc(path)", "v <- rt$big", "file.create(seen)",
            "while (!file.exists(go)) Sys.sleep(0.02)",
            "writeLines(as.character(sum(v)), paste0(seen, '-sum'))"),
          path = { rt$big <- rep(1, 1e5); path }, seen = seen, go = go, wait = FALSE)
expect_true(await(function() file.exists(seen)))
fmalloc_remove(rt, "big")
invisible(gc())
for (i in 1:5) rt[["other"]] <- rep(2, 1e5)
file.create(go)
expect_true(await(function() file.exists(paste0(seen, "-sum"))))
Sys.sleep(0.2)
expect_identical(readLines(paste0(seen, "-sum")), "1e+05")
expect_true(is_clean(rt))

# kill -9 at random during writes, bindings, transactions, gc: what survives is whole, for us and
# for the next session, which begins with a look at it.
whole <- function(rt) {
  has <- function(name) fmalloc_exists(rt, name)
  is_clean(rt) && (!has("two") || identical(rt$two, rep(rt$one, 400))) &&
    (!has("frame") || identical(rt$frame$s, as.character(rt$frame$n))) &&
    (!has("copy") || length(unique(rt$copy[])) == 1L) &&
    !any(list_fmalloc_allocations(rt)$temporary)
}
script <- c(
  "rt <- open_fmalloc(path)", "if (!whole(rt)) file.create(paste0(flag, '-bad'))",
  "file.create(flag)", "n <- 0",
  "v <- create_fmalloc_vector('numeric', 5000, rt)",
  "s <- create_fmalloc_vector('character', 500, rt)",
  "repeat { n <- n + 1",
  "  v[] <- n; s[n %% 500 + 1] <- paste('text number', n, 'that is long')",
  "  rt[['copy']] <- v + 0; rt[['frame']] <- data.frame(n = rep(n, 300), s = as.character(n))",
  "  with_transaction(rt, { rt[['one']] <- n; rt[['two']] <- rep(n, 400) })",
  "  if (n %% 7 == 0) { fmalloc_remove(rt, 'copy'); gc() } }")
rounds <- as.integer(Sys.getenv("FILEHEAP_KILLS", "6"))
set.seed(20261121)
killed <- new_path()
for (round in seq_len(rounds)) {
  flag <- tempfile()
  elsewhere(c("writeLines(as.character(Sys.getpid()), pidfile)", script), path = killed,
            flag = flag, pidfile = paste0(flag, "-pid"), wait = FALSE, findings = findings,
            is_clean = is_clean, whole = whole)
  expect_true(await(function() file.exists(flag)))
  expect_false(file.exists(paste0(flag, "-bad")), info = round)
  Sys.sleep(runif(1, 0.05, 0.4))
  victim <- as.integer(readLines(paste0(flag, "-pid")))
  tools::pskill(victim, tools::SIGKILL)
  # Its locks go with its descriptors.
  await(function() !length(list.files(file.path("/proc", victim, "fd"))))
  survivor <- open_fmalloc(killed)
  expect_true(whole(survivor), info = round)
  cleanup_fmalloc(survivor)
  invisible(gc())
}

# Ctrl-C in a long operation: an interrupt, and the heap goes on.
out <- elsewhere(c("rt <- open_fmalloc(path)", "big <- as.character(seq_len(3e6))",
                   "system(sprintf('(sleep 1; kill -INT %d) &', Sys.getpid()))",
                   "how <- tryCatch({ repeat rt[['big']] <- big }, interrupt = function(e) 'stopped')",
                   "rt[['how']] <- how", "cat(how)"), path = path)
expect_identical(out, "stopped")
expect_identical(rt$how, "stopped")
expect_true(is_clean(rt))

# A scratch heap of a killed session goes when the next one opens anything.
orphan <- new_path()
flag <- tempfile()
elsewhere(c("rt <- open_fmalloc(path, mode = 'scratch')",
            "writeLines(as.character(Sys.getpid()), flag)", "Sys.sleep(60)"),
          path = orphan, flag = flag, wait = FALSE)
expect_true(await(function() file.exists(flag) && length(readLines(flag)) == 1L))
expect_true(file.exists(orphan))
expect_true(refuses(open_fmalloc(orphan), "mode"))
tools::pskill(as.integer(readLines(flag)), tools::SIGKILL)
await(function() !length(list.files(file.path("/proc", readLines(flag), "fd"))))
invisible(open_fmalloc(new_path()))
expect_identical(list.files(dirname(orphan), basename(orphan)), character())

# Fork: children read; what they store or collect stays theirs.
x <- create_fmalloc_vector("integer", 1000, rt)
x[1:3] <- 1:3
results <- parallel::mclapply(1:2, function(i) {
  x[1] <<- 100L + i
  refused <- tryCatch(rt$child <- 1, fileheap_error = function(e) class(e)[1])
  seen <- sum(x[1:3])
  rm(x, envir = globalenv())
  gc()
  list(seen = seen, refused = refused)
}, mc.cores = 2)
expect_identical(vapply(results, `[[`, 1L, "seen"), c(106L, 107L))
expect_identical(unique(vapply(results, `[[`, "", "refused")), "fileheap_error_forked_child")
expect_identical(x[1:3], 1:3)
expect_false(fmalloc_exists(rt, "child"))

# What a child stored to and hands back comes with what it stored.
sent <- parallel::mclapply(1:2, function(i) {
  x[1] <<- 100L + i
  list(x, x[1:2])
}, mc.cores = 2)
expect_identical(lapply(sent, function(it) it[[1]][1:2]), list(c(101L, 2L), c(102L, 2L)))
expect_identical(lapply(sent, `[[`, 2L), list(c(101L, 2L), c(102L, 2L)))
expect_identical(x[1:3], 1:3)

# Two processes that write in turns lose nothing and see whole transactions only.
rt[["count"]] <- 0
rt[["pair"]] <- c(0, 0)
turns <- 40
flag <- tempfile()
elsewhere(c("rt <- open_fmalloc(path)", "file.create(flag)",
            "for (i in seq_len(turns)) {",
            "  with_transaction(rt, { n <- rt$count + 1; rt$count <- n; rt$pair <- c(n, n) })",
            "  rt[[paste0('theirs', i)]] <- rep(i, 300)", "}",
            "file.create(paste0(flag, '-done'))"),
          path = path, turns = turns, flag = flag, wait = FALSE)
expect_true(await(function() file.exists(flag)))
torn <- 0
for (i in seq_len(turns)) {
  with_transaction(rt, {
    n <- rt$count + 1
    rt$count <- n
    rt$pair <- c(n, n)
  })
  pair <- rt$pair
  torn <- torn + (pair[1] != pair[2])
  rt[[paste0("mine", i)]] <- rep(i, 300)
}
expect_true(await(function() file.exists(paste0(flag, "-done")), 60))
expect_identical(c(rt$count, torn), c(2 * turns, 0))
expect_true(all(vapply(seq_len(turns), function(i) {
  identical(rt[[paste0("theirs", i)]], rep(i, 300)) &&
    identical(rt[[paste0("mine", i)]], rep(i, 300))
}, NA)))
expect_true(is_clean(rt))
