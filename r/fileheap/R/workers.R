# Workers: own ones, a cluster's, forked ones, those of future and BiocParallel.

# How a call reaches its workers: a list with `kind`, and what that kind needs.
backend_of <- function(cluster, core_count, count) {
  if (is.null(cluster)) cluster <- getOption("fileheap.cluster", "psock")
  if (inherits(cluster, "BiocParallelParam")) {
    need_package("BiocParallel")
    return(list(kind = "bioc", param = cluster, is_repeated = FALSE))
  }
  if (inherits(cluster, "cluster")) {
    if (!length(cluster)) fail("invalid_argument", "CLUSTER has no workers")
    return(c(list(kind = "cluster", is_own = FALSE, is_repeated = TRUE), ready_cluster(cluster)))
  }
  if (!is.character(cluster) || length(cluster) != 1L ||
      !cluster %in% c("psock", "keep", "fork", "future")) {
    fail("invalid_argument", "expected for CLUSTER a cluster of the parallel package, a ",
         "BiocParallelParam, \"psock\", \"keep\", \"fork\" or \"future\"; found ", brief(cluster))
  }
  cores <- as_cores(core_count, count)
  if (cluster == "future") need_package("future")
  if (cluster %in% c("fork", "future")) {
    return(list(kind = cluster, cores = cores, is_repeated = FALSE))
  }
  if (cluster == "keep") {
    kept <- kept_cluster(as_cores(core_count, Inf))
    return(c(list(kind = "cluster", is_own = FALSE, is_repeated = TRUE, is_kept = TRUE), kept))
  }
  c(list(kind = "cluster", is_own = TRUE, is_repeated = FALSE), own_cluster(cores))
}

need_package <- function(name) {
  if (!requireNamespace(name, quietly = TRUE)) {
    fail("unsupported", "the package ", name, " is not installed; install it, or leave CLUSTER out")
  }
}

as_cores <- function(cores, count) {
  if (is.null(cores)) {
    cores <- parallel::detectCores()
    cores <- if (is.na(cores)) 1 else max(1, cores - 1)
  }
  if (!is.numeric(cores) || length(cores) != 1L || is.na(cores) || cores < 1) {
    fail("invalid_argument", "expected for MAX.CORES a number from 1; found ", brief(cores))
  }
  max(1, min(floor(cores), count))
}

# ---- clusters of the parallel package ----

# R has room for so many connections; one is for what listens.
connections_max <- 128L

# Workers carry a mark from their first moment, and it is noted before: an interrupt while they are
# started ends them, and so does whoever comes after this session was killed.
own_cluster <- function(cores) {
  room <- connections_max - 1L - nrow(showConnections(all = TRUE))
  mark <- new_base()
  note <- note_workers(integer(), mark)
  cluster <- NULL
  is_ready <- FALSE
  on.exit(if (!is_ready) {
    kill_marked(mark)
    for (node in cluster) try(close(node$con), silent = TRUE)
    remove_notes(note)
  })
  cluster <- with_mark(mark, parallel::makePSOCKcluster(max(1, min(cores, room)), useXDR = FALSE))
  ready <- ready_cluster(cluster)
  ready$note <- note_workers(vapply(ready$workers, function(worker) worker$pid, 0L), mark)
  ready$guard <- removes_notes(ready$note, Sys.getpid())
  is_ready <- TRUE
  ready
}

# Takes the note away when the session ends, and its workers with it.
removes_notes <- function(note, pid) {
  guard <- new.env(parent = emptyenv())
  reg.finalizer(guard, function(guard) if (identical(pid, Sys.getpid())) remove_notes(note),
                onexit = TRUE)
  guard
}

# Evaluates code whose child processes carry a mark.
with_mark <- function(mark, code) {
  old <- Sys.getenv(mark_name, NA)
  do.call(Sys.setenv, stats::setNames(list(mark), mark_name))
  on.exit(if (is.na(old)) Sys.unsetenv(mark_name)
          else do.call(Sys.setenv, stats::setNames(list(old), mark_name)))
  code
}

# A cluster whose workers have the package loaded, with their processes. Asked once of each.
ready_cluster <- function(cluster) {
  state <- shared_state()
  ids <- lapply(cluster, function(node) attr(node$con, "conn_id"))
  for (known in state$clusters) if (identical(known$ids, ids)) return(known$ready)
  hello <- function(paths, ports) {
    .libPaths(unique(c(paths, .libPaths())))
    if (!requireNamespace("fileheap", quietly = TRUE)) return(NULL)
    asNamespace("fileheap")$hurry(ports)
    list(pid = Sys.getpid(), host = Sys.info()[["nodename"]])
  }
  environment(hello) <- baseenv()
  ports <- ports_of(cluster)
  hurry(ports)
  told <- tryCatch(parallel::clusterCall(cluster, hello, libraries(), ports), error = function(e) {
    fail("worker", "the cluster does not answer: ", conditionMessage(e),
         "; make a new one with parallel::makeCluster()")
  })
  if (any(vapply(told, is.null, NA))) {
    fail("worker", "a worker of the cluster cannot load the package fileheap")
  }
  ready <- list(cluster = cluster, workers = told)
  if (!any(vapply(ids, is.null, NA))) {
    state$clusters <- utils::tail(c(state$clusters, list(list(ids = ids, ready = ready))), 8L)
  }
  ready
}

# Where packages are, this one among them, though it may have been loaded from elsewhere.
libraries <- function() unique(c(.libPaths(), dirname(getNamespaceInfo(topenv(), "path"))))

# The ports that the connections of a cluster go to.
ports_of <- function(cluster) {
  ports <- lapply(cluster, function(node) {
    if (is.null(node$con)) return(NULL)
    as.integer(sub("^.*:", "", tryCatch(summary(node$con)$description, error = function(e) "0")))
  })
  unique(unlist(ports))
}

hurry <- function(ports) for (port in ports) .Call(C_hurry, port)

kept_cluster <- function(cores) {
  state <- shared_state()
  kept <- state$kept
  if (!is.null(kept)) {
    alive <- vapply(kept$workers, function(worker) !is.na(process_start(worker$pid)), NA)
    if (all(alive) && length(kept$cluster) == cores) return(kept)
    stop_kept_workers()
  }
  state$kept <- own_cluster(cores)
  state$kept
}

stop_kept_workers <- function() {
  state <- shared_state()
  if (!is.null(state$kept)) end_cluster(state$kept)
  state$kept <- NULL
}

forget_cluster <- function(ready) {
  state <- shared_state()
  ids <- lapply(ready$cluster, function(node) attr(node$con, "conn_id"))
  state$clusters <- Filter(function(known) !identical(known$ids, ids), state$clusters)
}

# Ends own workers; those that are busy at once.
end_cluster <- function(ready, at_once = FALSE) {
  forget_cluster(ready)
  if (at_once) lapply(ready$workers, kill_worker)
  for (node in ready$cluster) {
    if (!at_once) {
      try(suppressWarnings(serialize(list(type = "DONE", data = NULL, tag = NULL), node$con)),
          silent = TRUE)
    }
    try(close(node$con), silent = TRUE)
  }
  remove_notes(ready$note)
}

kill_worker <- function(worker) {
  if (identical(worker$host, Sys.info()[["nodename"]])) tools::pskill(worker$pid, 9L)
}

# ---- chunks ----

# Each worker begins with its share, and gives back what it did not come to in a slice of time: one
# message each way if elements are quick, an even load if they are not.
slice_seconds <- 0.1
# No chunk is done faster than it is sent.
chunk_seconds <- 0.005

chunk_size <- function(left, worker_count, per_second) {
  least <- if (is.na(per_second)) 1 else per_second * chunk_seconds
  min(left, max(1, ceiling(left / (2 * worker_count)), ceiling(least)))
}

# Chunks for ways of working that take all of them at once.
equal_chunks <- function(count, worker_count) {
  each <- max(1, ceiling(count / (4 * worker_count)))
  lapply(seq.int(1, count, by = each), function(from) c(from, min(count, from + each - 1)))
}

# What has come back from the workers.
new_collector <- function(count, names, progress) {
  collector <- new.env(parent = emptyenv())
  collector$values <- vector("list", count)
  collector$failures <- collector$warnings <- list()
  collector$done <- 0
  collector$count <- count
  collector$progress <- progress
  collector
}

collect <- function(collector, result) {
  if (length(result$values)) {
    collector$values[seq.int(result$from, result$to)] <- result$values
  }
  collector$done <- collector$done + result$to - result$from + 1
  collector$warnings <- c(collector$warnings, result$warnings)
  if (!is.null(result$failure)) {
    result$failure$pid <- result$pid
    collector$failures <- c(collector$failures, list(result$failure))
  }
  collector$progress(min(collector$done, collector$count), collector$count)
}

collect_loss <- function(collector, text, from, to, pid = NA) {
  failure <- list(index = from, to = to, message = text, is_lost = TRUE, pid = pid)
  collector$failures <- c(collector$failures, list(failure))
}

# `elements` go with the chunks, if they are not the job's.
run_job <- function(backend, job, collector, elements) {
  switch(backend$kind, cluster = run_on_cluster(backend, job, collector, elements),
         fork = run_forked(backend, job, collector),
         future = run_futures(backend, job, collector, elements),
         bioc = run_bioc(backend, job, collector, elements))
}

chunk_elements <- function(elements, from, to) elements[seq.int(from, length.out = to - from + 1)]

# What run_chunk() is called with for a chunk of those that are worked through in one go.
whole_chunk <- function(job, chunk, elements) {
  from <- chunk[[1L]]
  to <- chunk[[2L]]
  list(job$id, job, from, to, TRUE, Inf, chunk_elements(elements, from, to))
}

# What a worker does with it that may not have the package loaded yet.
chunk_runner <- function() {
  run <- function(arguments, libraries) {
    loadNamespace("fileheap", lib.loc = c(libraries, .libPaths()))
    do.call(asNamespace("fileheap")$run_chunk, arguments)
  }
  environment(run) <- baseenv()
  run
}

# Results of chunks. What a package brings from a worker that failed is not taken on trust: it may
# belong to another call.
collect_all <- function(collector, job, chunks, results) {
  for (i in seq_along(chunks)) {
    chunk <- chunks[[i]]
    result <- if (is.list(results) && length(results) >= i) results[[i]]
    if (is.list(result) && identical(result$id, job$id) && identical(result$from, chunk[[1L]])) {
      collect(collector, result)
    } else {
      text <- if (inherits(result, c("condition", "try-error"))) {
        paste0(": ", trimws(if (inherits(result, "condition")) conditionMessage(result)
                            else as.character(result)))
      }
      collect_loss(collector, paste0("no result came back from the worker", text),
                   chunk[[1L]], chunk[[2L]])
    }
  }
}

run_forked <- function(backend, job, collector) {
  chunks <- equal_chunks(job$count, backend$cores)
  base <- new_base()
  on.exit(remove_notes(forked_notes(base)))
  results <- suppressWarnings(parallel::mclapply(chunks, function(chunk) {
    note_workers(Sys.getpid(), paste0(base, "-", chunk[[1L]]))
    run_chunk(job$id, job, chunk[[1L]], chunk[[2L]], TRUE, Inf)
  }, mc.cores = backend$cores, mc.preschedule = FALSE))
  collect_all(collector, job, chunks, results)
}

# Each forked worker has written a note of its own.
forked_notes <- function(base) {
  unlist(lapply(shared_places(), function(place) {
    folder <- shared_folder(place)
    if (is.null(folder)) return(NULL)
    files <- list.files(folder, "[.]workers$", full.names = TRUE)
    files[startsWith(basename(files), paste0(base, "-"))]
  }))
}

# To begin a future can take the result of an earlier one, and fail as that does.
run_futures <- function(backend, job, collector, elements) {
  chunks <- equal_chunks(job$count, future::nbrOfWorkers())
  run <- chunk_runner()
  libraries <- libraries()
  futures <- lapply(chunks, function(chunk) {
    arguments <- whole_chunk(job, chunk, elements)
    tryCatch(future::future(run(arguments, libraries),
                            globals = list(run = run, arguments = arguments, libraries = libraries),
                            seed = NULL), error = identity)
  })
  results <- lapply(futures, function(it) {
    if (inherits(it, "condition")) it else tryCatch(future::value(it), error = identity)
  })
  collect_all(collector, job, chunks, results)
}

run_bioc <- function(backend, job, collector, elements) {
  chunks <- equal_chunks(job$count, BiocParallel::bpnworkers(backend$param))
  calls <- lapply(chunks, function(chunk) whole_chunk(job, chunk, elements))
  # Workers that are started for this call alone are to end with it.
  mark <- new_base()
  note <- note_workers(integer(), mark)
  is_over <- FALSE
  on.exit({
    if (!is_over) kill_marked(mark)
    remove_notes(note)
  })
  begin <- function() BiocParallel::bplapply(calls, chunk_runner(), libraries = libraries(),
                                             BPPARAM = backend$param)
  results <- tryCatch(BiocParallel::bptry(with_mark(mark, begin())),
                      error = function(e) rep(list(e), length(calls)))
  is_over <- TRUE
  collect_all(collector, job, chunks, results)
}
