# Upkeep: trim, backup, compaction, beside transactions, other processes and interrupts.
source("helper.R")

on_disk <- function(path) {
  1024 * as.numeric(strsplit(system2("du", c("-k", path), stdout = TRUE), "\t")[[1L]][1L])
}
told <- function(rt) diagnose_fmalloc_runtime(rt)$summary

# What an interrupted call leaves is seen, and given back.
path <- new_path()
out <- elsewhere(c(
  "rt <- open_fmalloc(path)",
  "rt$x <- 1:10",
  "big <- numeric(2e7)",
  "left <- function() {",
  "  system(sprintf('(sleep 0.1; kill -INT %d) &', Sys.getpid()))",
  "  tryCatch({ for (i in 1:1000) rt$big <- big; FALSE }, interrupt = function(e) TRUE)",
  "}",
  "cat(left(), '')",
  "if (fmalloc_exists(rt, 'big')) fmalloc_remove(rt, 'big')",
  "seen <- diagnose_fmalloc_runtime(rt)",
  "cat(seen$summary$unused_bytes > 1e8, seen$summary$compaction_wins_bytes > 1e8, '')",
  "cat(any(grepl('unused: fmalloc_trim', capture.output(print(seen)), fixed = TRUE)), '')",
  "won <- fmalloc_trim(rt)",
  "cat(won$cut_bytes + won$punched_bytes > 1e8, won$hindered, '')",
  "after <- diagnose_fmalloc_runtime(rt, check = TRUE)$summary",
  "cat(after$unused_bytes < 1e6, length(after$findings), rt$x)"), path = path)
expect_identical(out, "TRUE TRUE TRUE TRUE TRUE FALSE TRUE 0 1 2 3 4 5 6 7 8 9 10")
expect_true(on_disk(path) < 2e6)

# Trim keeps what there is, and goes on beside others.
rt <- open_fmalloc(path)
rt$big <- as.double(1:3e6)
v <- create_fmalloc_vector("numeric", 1e5, rt)
v[] <- 1:1e5
fmalloc_remove(rt, "big")
invisible(gc())
rt$touch <- 1
expect_true(told(rt)$unused_bytes > 2e7)
won <- fmalloc_trim(rt)
expect_identical(names(won), c("cut_bytes", "punched_bytes", "hindered"))
expect_true(won$cut_bytes + won$punched_bytes > 2e7)
expect_identical(v[1e5], 1e5)
v[1] <- -1
expect_identical(sum(v), sum(1:1e5) - 2)
expect_true(refuses(with_transaction(rt, fmalloc_trim(rt)), "in_use"))
expect_true(refuses(fmalloc_trim(1), "handle"))

# A backup is the heap as it was committed, whoever goes on.
rt$v <- v
copy <- new_path()
expect_identical(fmalloc_backup(copy, rt), copy)
v[2] <- -2
other <- open_fmalloc(copy)
expect_identical(sort(names(other)), sort(names(rt)))
expect_identical(other$v[1:3], c(-1, 2, 3))
expect_true(is_clean(other))
other$x <- "changed"
expect_identical(rt$x, 1:10)
expect_true(refuses(fmalloc_backup(copy, rt), "already_exists"))
expect_true(refuses(fmalloc_backup(file.path(tempdir(), "no", "folder"), rt), "not_found"))
expect_true(refuses(fmalloc_backup(rt), "invalid_argument"))
expect_true(refuses(with_transaction(rt, fmalloc_backup(new_path(), rt)), "in_use"))
scratch <- open_fmalloc(new_path(), mode = "scratch")
expect_true(refuses(fmalloc_backup(new_path(), scratch), "mode"))
expect_false(file.exists(file.path(dirname(copy), "no")))

# Another process's transaction: a backup does not wait for it, a trim no longer than it may.
flag <- tempfile()
elsewhere(c("rt <- open_fmalloc(path)",
            "with_transaction(rt, {",
            "  rt$x <- 'not committed'",
            "  file.create(flag)",
            "  while (file.exists(flag)) Sys.sleep(0.02)",
            "})"), path = path, flag = flag, wait = FALSE)
expect_true(await(function() file.exists(flag)))
second <- new_path()
fmalloc_backup(second, rt)
expect_identical(open_fmalloc(second)$x, 1:10)
old <- options(fileheap.wait = 0.3)
busy <- tryCatch(fmalloc_trim(rt), fileheap_error_busy = identity)
expect_true(is.numeric(busy$pid) && busy$pid != Sys.getpid())
options(old)
unlink(flag)
expect_true(await(function() identical(rt$x, "not committed")))

# An interrupted backup leaves no copy, no process, and nothing that is held up.
folder <- tempfile()
dir.create(folder)
out <- elsewhere(c(
  "rt <- open_fmalloc(path)",
  "rt$big <- runif(3e6)",
  "at <- function(i) file.path(folder, paste0(i, '.heap'))",
  "once <- function(after) {",
  "  system(sprintf('(sleep %g; kill -INT %d) &', after, Sys.getpid()))",
  "  tryCatch({ repeat { fmalloc_backup(at(1), rt); unlink(at(1)) } },",
  "           interrupt = function(e) 'interrupted')",
  "}",
  "for (after in c(0.1, 0.13, 0.17, 0.2, 0.25)) {",
  "  cat(once(after), '')",
  "  unlink(at(1))", # it may have been whole
  "}",
  "stats <- Sys.glob('/proc/[0-9]*/stat')",
  "stats <- unlist(lapply(stats, function(it) tryCatch(readLines(it), error = function(e) '',",
  "                                                    warning = function(w) '')))",
  "ours <- grep(sprintf('[)] . %d ', Sys.getpid()), stats, value = TRUE)",
  "cat(length(ours), length(list.files(folder)), '')",
  "rt$after <- 1",
  "invisible(fmalloc_trim(rt))",
  "fmalloc_backup(at(2), rt)",
  "cat(open_fmalloc(at(2))$after, length(diagnose_fmalloc_runtime(rt, TRUE)$summary$findings))"),
  path = path, folder = folder)
expect_identical(out, paste0(strrep("interrupted ", 5), "0 0 1 0"))

# Compaction: nobody may have it open, this session neither.
before <- c(rt$v)
busy <- tryCatch(fmalloc_compact(path), fileheap_error_busy = identity)
expect_true(grepl("cleanup_fmalloc", conditionMessage(busy)))
cleanup_fmalloc(rt)
rm(rt, v, busy)
won <- fmalloc_compact(path)
expect_identical(names(won), c("before_bytes", "after_bytes", "moved_count"))
expect_true(won$after_bytes <= won$before_bytes && abs(on_disk(path) - won$after_bytes) < 1e5)
rt <- open_fmalloc(path)
expect_identical(c(rt$v), before)
expect_true(is_clean(rt))
expect_true(refuses(fmalloc_compact(new_path()), "not_found"))
expect_true(refuses(fmalloc_compact(1), "invalid_argument"))
