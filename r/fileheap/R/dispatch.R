# Dispatch: chunks to the workers of a cluster, one at a time to each, and results from them.
#
# Every answer carries the tag of its question: what an interrupted call left in a connection is
# known as such, and never taken for a result.

run_on_cluster <- function(backend, job, collector, elements) {
  nodes <- backend$cluster
  if (!all(vapply(nodes, inherits, NA, c("SOCKnode", "SOCK0node")))) {
    return(run_on_other_cluster(nodes, job, collector, elements))
  }
  board <- new.env(parent = emptyenv())
  board$chunks <- vector("list", length(nodes)) # what each is at
  board$told <- logical(length(nodes))          # it knows the job
  board$dead <- logical(length(nodes))
  board$pool <- first_shares(job$count, length(nodes)) # ranges that nobody is at
  board$per_second <- NA_real_
  board$elements <- elements
  board$ended <- FALSE
  board$is_beginning <- TRUE
  on.exit(if (!board$ended) abandon(backend, board, job))
  for (w in seq_along(nodes)) give(backend, board, job, collector, w)
  board$is_beginning <- FALSE
  while (any(busy(board))) {
    for (w in wait_for(backend, board, collector)) take(backend, board, job, collector, w)
    for (w in which(!busy(board))) give(backend, board, job, collector, w)
  }
  # Those that were not told with their last chunk that it was the last one.
  for (w in which(board$told & !board$dead)) send(backend, board, job, collector, w, 1, 0, TRUE)
  while (any(busy(board))) {
    for (w in wait_for(backend, board, collector)) take(backend, board, job, collector, w)
  }
  board$ended <- TRUE
  if (any(board$dead) && isTRUE(backend$is_kept)) stop_kept_workers()
}

busy <- function(board) !vapply(board$chunks, is.null, NA)

tag_of <- function(job, chunk) paste(job$id, chunk[[1L]], chunk[[2L]])

first_shares <- function(count, worker_count) {
  each <- ceiling(count / worker_count)
  lapply(seq.int(1, count, by = each), function(from) c(from, min(count, from + each - 1)))
}

# The next chunk to a worker: its first share, later a part of what is left.
give <- function(backend, board, job, collector, w) {
  if (!length(board$pool) || length(collector$failures) || board$dead[[w]]) return()
  chunk <- board$pool[[1L]]
  size <- chunk[[2L]] - chunk[[1L]] + 1
  if (!board$is_beginning) {
    left <- sum(vapply(board$pool, function(range) range[[2L]] - range[[1L]] + 1, 0))
    size <- min(size, chunk_size(left, length(backend$cluster), board$per_second))
  }
  to <- chunk[[1L]] + size - 1
  board$pool <- c(if (to < chunk[[2L]]) list(c(to + 1, chunk[[2L]])), board$pool[-1L])
  last <- board$is_beginning || !length(board$pool)
  send(backend, board, job, collector, w, chunk[[1L]], to, last)
}

send <- function(backend, board, job, collector, w, from, to, last) {
  node <- backend$cluster[[w]]
  chunk <- c(from, to)
  arguments <- list(job$id, if (!board$told[[w]]) job, from, to, last, slice_seconds,
                    if (!is.null(board$elements)) chunk_elements(board$elements, from, to))
  message <- list(type = "EXEC", data = list(fun = chunk_entry, args = arguments, return = TRUE,
                                             tag = tag_of(job, chunk)), tag = NULL)
  sent <- tryCatch({
    suppressWarnings(serialize(message, node$con, xdr = !inherits(node, "SOCK0node")))
    TRUE
  }, error = function(e) FALSE)
  board$chunks[w] <- list(chunk)
  if (!sent) return(lose(backend, board, collector, w))
  board$told[[w]] <- TRUE
}

# The workers that have something to say.
wait_for <- function(backend, board, collector) {
  waiting <- which(busy(board))
  connections <- lapply(backend$cluster[waiting], function(node) node$con)
  ready <- socketSelect(connections, FALSE, timeout = 1)
  if (!any(ready)) collector$progress(min(collector$done, collector$count), collector$count)
  waiting[ready]
}

take <- function(backend, board, job, collector, w) {
  chunk <- board$chunks[[w]]
  said <- tryCatch(suppressWarnings(unserialize(backend$cluster[[w]]$con)), error = identity)
  if (inherits(said, "error")) return(lose(backend, board, collector, w))
  if (!identical(said$tag, tag_of(job, chunk))) return() # an answer to an earlier question
  board$chunks[w] <- list(NULL)
  result <- said$value
  if (inherits(result, "try-error") || is.null(result$id)) {
    text <- paste0("the worker failed: ", trimws(paste(as.character(result), collapse = " ")))
    return(collect_loss(collector, text, chunk[[1L]], chunk[[2L]]))
  }
  if (isTRUE(result$has_ended)) board$told[[w]] <- FALSE
  if (result$to < chunk[[2L]]) board$pool <- c(board$pool, list(c(result$to + 1, chunk[[2L]])))
  if (result$to >= result$from && isTRUE(result$seconds > 0)) {
    board$per_second <- (result$to - result$from + 1) / result$seconds
  }
  collect(collector, result)
}

lose <- function(backend, board, collector, w) {
  chunk <- board$chunks[[w]]
  board$chunks[w] <- list(NULL)
  board$dead[[w]] <- TRUE
  worker <- backend$workers[[w]]
  collect_loss(collector, paste0("worker ", w, " (process ", worker$pid, " on ", worker$host,
                                 ") ended while it worked"), chunk[[1L]], chunk[[2L]], worker$pid)
}

# What is under way gets so many seconds to end when a call is interrupted.
grace_seconds <- 2

# The call was interrupted. Own workers end at once; others may finish what they are at, so that
# their cluster can be used again, and are ended if they do not.
abandon <- function(backend, board, job) {
  if (backend$is_own) return(end_cluster(backend, at_once = TRUE))
  end <- Sys.time() + grace_seconds
  nothing <- new_collector(job$count, NULL, function(...) NULL)
  while (any(busy(board)) && Sys.time() < end) {
    for (w in wait_for(backend, board, nothing)) take(backend, board, job, nothing, w)
  }
  stuck <- which(busy(board))
  for (w in stuck) kill_worker(backend$workers[[w]])
  if (length(stuck)) {
    if (isTRUE(backend$is_kept)) return(stop_kept_workers())
    pids <- vapply(backend$workers[stuck], function(worker) worker$pid, 0L)
    message("fileheap: interrupted; ended the workers that did not stop: process ",
            paste(pids, collapse = ", "), "; make a new cluster")
  }
}

# Clusters with connections of their own kind.
run_on_other_cluster <- function(cluster, job, collector, elements) {
  chunks <- equal_chunks(job$count, length(cluster))
  calls <- lapply(chunks, function(chunk) whole_chunk(job, chunk, elements))
  results <- tryCatch(parallel::clusterApplyLB(cluster, calls, chunk_runner(), libraries()),
                      error = function(e) rep(list(e), length(calls)))
  collect_all(collector, job, chunks, results)
}
