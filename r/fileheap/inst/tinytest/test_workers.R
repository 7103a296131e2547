# Workers: what fails is told, whoever dies is named, nothing stays behind.
source("shared_helper.R", local = TRUE)

x <- matrix(as.double(1:200000), 1000, dimnames = list(NULL, sprintf("c%d", 1:200)))
sums <- apply(x, 2, sum)
pids_of <- function(cluster) unlist(parallel::clusterCall(cluster, Sys.getpid))
cluster <- parallel::makeCluster(2)
workers <- pids_of(cluster)
good <- function(cluster) identical(memApply(x, 2, sum, CLUSTER = cluster, SIMPLIFY = TRUE), sums)

# Every way to work gives the same, and leaves nothing.
expect_true(good(cluster))
expect_equal(left_over(), character())
for (way in c("psock", "fork")) {
  expect_identical(memApply(x, 2, sum, CLUSTER = way, MAX.CORES = 2, SIMPLIFY = TRUE), sums,
                   info = way)
  expect_equal(left_over(), character(), info = way)
}
own <- memApply(x, 2, function(v) Sys.getpid(), CLUSTER = "psock", MAX.CORES = 2)
expect_true(await(function() !any(vapply(unique(own), alive, NA))))
forked <- parallel::makeForkCluster(2)
expect_true(good(forked))
registerVariables("forked", list(v = rnorm(1000)))
expect_identical(memLapply(1:3, function(i, v) sum(v), CLUSTER = forked, NAMESPACE = "forked",
                           VARS = "v"), rep(list(sum(retrieveViews("forked", "v")$v)), 3))
parallel::stopCluster(forked)
memshare_gc("forked")

# Workers that are kept are used again, and end with memshare_gc().
first <- memLapply(1:2, function(i) Sys.getpid(), CLUSTER = "keep", MAX.CORES = 2)
second <- memLapply(1:2, function(i) Sys.getpid(), CLUSTER = "keep", MAX.CORES = 2)
expect_true(all(unlist(second) %in% fileheap:::shared$kept$workers[[1]]$pid |
                unlist(second) %in% fileheap:::shared$kept$workers[[2]]$pid))
expect_true(all(vapply(first, alive, NA)))
memshare_gc()
expect_true(await(function() !any(vapply(first, alive, NA))))
expect_equal(left_over(), character())

# They end with their session, too, and so does the note of them.
kept <- elsewhere('options(fileheap.shared_path = place)
  cat(unlist(memLapply(1:2, function(i) Sys.getpid(), CLUSTER = "keep", MAX.CORES = 2)))',
  place = shared_place)
kept <- strsplit(kept, " ")[[1]]
expect_equal(length(kept), 2L)
expect_true(await(function() !any(vapply(kept, alive, NA))))
expect_equal(left_over(), character())

# An error names the element, and carries the worker's message and call.
broken <- function(v) if (v[[1]] == x17) stop("no luck") else sum(v)
e <- caught(memApply(x, 2, broken, CLUSTER = cluster, VARS = list(x17 = x[1, 17])))
expect_inherits(e, "fileheap_error_fun")
expect_equal(e$index, 17)
expect_equal(e$name, "c17")
expect_equal(e$worker_message, "no luck")
expect_true(grepl("^FUN\\(", e$worker_call))
expect_true(e$pid %in% workers)
expect_true(grepl("element 17 (\"c17\"): no luck", conditionMessage(e), fixed = TRUE))
expect_equal(left_over(), character())
expect_true(good(cluster)) # and not on old data
expect_identical(memApply(x + 1, 2, sum, CLUSTER = cluster, SIMPLIFY = TRUE), sums + 1000)
for (way in c("psock", "fork")) {
  e <- caught(memApply(x, 2, broken, CLUSTER = way, MAX.CORES = 2, VARS = list(x17 = x[1, 17])))
  expect_inherits(e, "fileheap_error_fun", info = way)
  expect_equal(e$index, 17, info = way)
  expect_equal(left_over(), character(), info = way)
}
# Whatever a worker raises is told: a condition of the user's, something that cannot be sent.
odd <- function(v) stop(structure(class = c("odd", "error", "condition"),
                                  list(message = "odd one", call = NULL)))
e <- caught(memApply(x, 2, odd, CLUSTER = cluster))
expect_equal(c(e$index, "odd" %in% e$worker_class), c(1, TRUE))
e <- caught(memLapply(1:4, function(i) as.integer(readline()) + stop("x"), CLUSTER = cluster))
expect_inherits(e, "fileheap_error_fun")

# A worker that is killed is named; the others go on, its cluster is to be made anew.
doomed <- parallel::makeCluster(2)
pids <- pids_of(doomed)
killer <- function(v) if (v[[1]] == 1) tools::pskill(Sys.getpid(), 9) else sum(v)
e <- caught(memApply(x, 2, killer, CLUSTER = doomed))
expect_inherits(e, "fileheap_error_worker")
expect_true(e$pid %in% pids)
expect_true(grepl(e$pid, conditionMessage(e)))
expect_equal(e$index, 1)
expect_equal(left_over(), character())
expect_inherits(caught(memApply(x, 2, sum, CLUSTER = doomed)), "fileheap_error_worker")
try(parallel::stopCluster(doomed), silent = TRUE)
for (way in c("psock", "fork")) {
  e <- caught(memApply(x, 2, killer, CLUSTER = way, MAX.CORES = 2))
  expect_inherits(e, "fileheap_error_worker", info = way)
  expect_equal(left_over(), character(), info = way)
}
expect_true(good(cluster))

# Ctrl-C: own workers end at once; those of a cluster may finish what they are at.
session <- '
  options(fileheap.shared_path = place)
  cluster <- if (own) NULL else parallel::makeCluster(2)
  parent <- Sys.getpid()
  interrupt <- function(v) {
    if (v[[1]] == 1) { cat(Sys.getpid(), file = paste0(flag, "worker")); tools::pskill(parent, 2) }
    Sys.sleep(nap)
    sum(v)
  }
  x <- matrix(as.double(1:200000), 1000)
  seen <- tryCatch(memApply(x, 2, interrupt, CLUSTER = cluster, MAX.CORES = 2,
                            VARS = list(parent = parent, nap = nap, flag = flag)),
                   interrupt = function(e) "interrupted", error = conditionMessage)
  cat("got", if (is.list(seen)) "results" else seen, "\n")
  cat("left", length(list.files(place, recursive = TRUE)), "\n")
  if (!own && nap < 1) {
    right <- identical(memApply(x + 1, 2, sum, CLUSTER = cluster, SIMPLIFY = TRUE),
                       apply(x + 1, 2, sum))
    cat("again", right, "\n")
  }
  worker <- scan(paste0(flag, "worker"), quiet = TRUE)
  Sys.sleep(0.5)
  cat("worker", !is.na(fileheap:::process_start(worker)), "\n")'
run_session <- function(own, nap) {
  lines <- elsewhere(session, own = own, nap = nap, flag = tempfile(), place = shared_place)
  trimws(lines[grepl("^(got|left|again|worker)", lines)])
}
expect_equal(run_session(TRUE, 30), c("got interrupted", "left 0", "worker FALSE"))
expect_equal(run_session(FALSE, 0.02), c("got interrupted", "left 0", "again TRUE", "worker TRUE"))
expect_equal(run_session(FALSE, 30), c("got interrupted", "left 0", "worker FALSE"))

# kill -9 of the session in the middle of a call: its workers end, and the next call sweeps.
flag <- tempfile()
elsewhere('options(fileheap.shared_path = place)
  cat(Sys.getpid(), file = paste0(flag, "session"))
  x <- matrix(as.double(1:200000), 1000)
  memApply(x, 2, function(v, flag) {
    cat(Sys.getpid(), file = flag); Sys.sleep(0.5); sum(v) }, MAX.CORES = 2,
    VARS = list(flag = flag), CLUSTER = "psock")', flag = flag, place = shared_place, wait = FALSE)
expect_true(await(function() file.exists(flag) && file.size(flag) > 0))
worker <- scan(flag, quiet = TRUE)
expect_true(length(left_over()) > 0L)
session_pid <- scan(paste0(flag, "session"), quiet = TRUE)
tools::pskill(session_pid, 9L)
expect_true(await(function() !alive(session_pid)))
Sys.sleep(1.1)
expect_true(good(cluster)) # the next call
expect_equal(left_over(), character())
expect_true(await(function() !alive(worker)))

# The same while workers are started: they are ended, though nobody knows their numbers yet.
starting <- '
  options(fileheap.shared_path = place)
  hit <- call("{", call("pskill", Sys.getpid(), 2), quote(Sys.sleep(60)))
  hit[[2]][[1]] <- quote(tools::pskill)
  suppressMessages(trace("makePSOCKcluster", exit = hit, where = asNamespace("parallel"), print = FALSE))
  base <- fileheap:::new_base()
  mark <- sub("[0-9]+$", fileheap:::shared_state()$made_count + 1, base)
  said <- tryCatch(memLapply(1:2, identity, MAX.CORES = 2, CLUSTER = "psock"),
                   interrupt = function(e) "interrupted")
  writeLines(paste("got", said, length(fileheap:::marked_processes(mark)),
                   length(list.files(place))))'
# R may tell behind it of the connections of workers that it had not returned yet.
seen <- elsewhere(starting, place = shared_place)
expect_equal(grep("^got", seen, value = TRUE), "got interrupted 0 0", info = seen)
flag <- tempfile()
suppressWarnings(elsewhere('
  options(fileheap.shared_path = place)
  mark <- fileheap:::new_base()
  fileheap:::note_workers(integer(), mark)
  fileheap:::with_mark(mark, system2("sleep", "600", wait = FALSE, stdout = FALSE, stderr = FALSE))
  cat(mark, file = flag)
  tools::pskill(Sys.getpid(), 9)', flag = flag, place = shared_place))
mark <- readLines(flag, warn = FALSE)
expect_equal(basename(left_over()), paste0(mark, ".workers"))
expect_true(length(fileheap:::marked_processes(mark)) > 0L)
memshare_gc()
expect_equal(length(fileheap:::marked_processes(mark)), 0L)
expect_equal(left_over(), character())

# Private memory of the workers does not grow with the data.
private <- function() {
  lines <- readLines("/proc/self/smaps_rollup")
  sum(as.numeric(gsub("\\D", "", grep("^Private_(Clean|Dirty)", lines, value = TRUE))))
}
large <- matrix(runif(1e7), 1e4) # 80 MB
parallel::clusterCall(cluster, function() invisible(gc()))
before <- unlist(parallel::clusterCall(cluster, private))
expect_equal(unlist(memApply(large, 2, sum, CLUSTER = cluster)), colSums(large))
grown <- unlist(parallel::clusterCall(cluster, private)) - before
expect_true(all(grown < 5000), info = paste(grown, "kB"))
expect_equal(left_over(), character())

# What leaves for R's top level is told like an error, and no worker ends of it.
odd <- function(i) stop(structure(class = c("odd", "condition"), list(message = "so", call = NULL)))
for (way in list(cluster, "fork")) {
  failed <- caught(memLapply(1:2, odd, CLUSTER = way, MAX.CORES = 2))
  expect_inherits(failed, "fileheap_error_fun")
  expect_true(grepl("so$", conditionMessage(failed)))
  expect_inherits(caught(memLapply(1:2, function(i) invokeRestart("abort"), CLUSTER = way,
                                   MAX.CORES = 2)), "fileheap_error_fun")
}
expect_true(good(cluster))
many <- structure(class = c("many", "error", "condition"), list(message = c("one", "two"), call = NULL))
expect_identical(conditionMessage(caught(memLapply(1, function(i) stop(many), CLUSTER = cluster))),
                 "FUN failed for element 1: one\ntwo")
# A kept worker that cannot be talked to is not asked again, though its process may live on.
mute <- function(i) {
  suppressWarnings(closeAllConnections())
  i
}
expect_inherits(caught(memLapply(1:2, mute, CLUSTER = "keep", MAX.CORES = 2)),
                "fileheap_error_worker")
expect_identical(memLapply(1:2, identity, CLUSTER = "keep", MAX.CORES = 2), list(1L, 2L))
parallel::stopCluster(cluster)
memshare_gc()
expect_equal(left_over(), character())
