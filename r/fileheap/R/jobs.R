# Jobs: what a worker is told once in a call, and how it works on a chunk of the elements.

# Runs in a worker. The result is data, also if something failed: nothing is lost on the way. It
# covers fewer elements than were asked for if `seconds` are over; the job then goes on. `elements` are
# those of the chunk where they are not the job's.
run_chunk <- function(id, job, from, to, last, seconds, elements = NULL) {
  state <- shared_state()
  failure <- NULL
  if (!is.null(job)) {
    begun <- tryCatch(begin_job(job), error = identity)
    if (inherits(begun, "error")) failure <- told_failure(begun, NA)
    else state$jobs[[id]] <- begun
    begun <- NULL # the job is to be collected when it ends
  }
  result <- if (is.null(failure)) work(state$jobs[[id]], from, to, seconds, elements)
            else list(failure = failure, to = to)
  result$has_ended <- last && (result$to == to || !is.null(result$failure))
  if (result$has_ended) end_job(id, job)
  c(list(id = id, from = from, pid = Sys.getpid()), result)
}

# By this a cluster's worker finds the function in its own copy of the package.
chunk_entry <- function(...) run_chunk(...)

# `job` is what came with its last chunk: of one that could not begin there is nothing else.
end_job <- function(id, job) {
  state <- shared_state()
  worker <- state$jobs[[id]]
  state$jobs[[id]] <- NULL
  if (is.null(job)) job <- worker$job
  for (path in job$closing) detach_heap(path)
  # The pages of what was shared are free when the last vector over them is collected.
  is_large <- !is.null(worker) && worker$bytes > session_heap_limit_bytes
  # Nobody can edit what a vector here may store to, until it is collected and its heap let go.
  out_path <- job$out$path
  worker <- NULL
  if (is_large || !is.null(out_path)) {
    gc(FALSE)
    if (!is.null(out_path)) detach_heap(out_path)
    forget_attached()
  }
}

begin_job <- function(job) {
  x <- open_cargo(job$x)
  list(job = job, element = if (!is.null(x)) element_of(x, job), one = caller_of(job),
       out = if (!is.null(job$out)) resolve_record(job$out, writable = TRUE),
       bytes = if (job$is_forked) 0 else max(job$bytes, as.numeric(utils::object.size(x))))
}

# A list of the elements, or a function that gives one by its number.
element_of <- function(x, job) {
  if (job$kind == "elements") {
    if (!is.vector(x) || is.object(x)) x <- as.list(x)
    return(if (is.list(x)) x else function(i) x[[i]])
  }
  rows <- nrow(x)
  columns <- ncol(x)
  is_number <- typeof(x) %in% c("logical", "integer", "double", "complex", "raw")
  names <- if (job$kind == "columns") rownames(x) else colnames(x)
  if (!is_number) {
    return(if (job$kind == "columns") function(i) as_element_of(x[, i], names)
           else function(i) as_element_of(x[i, ], names))
  }
  if (job$kind == "columns") return(function(i) .Call(C_slice, x, (i - 1) * rows, rows, names))
  row_function(x, rows, columns, names)
}

as_element_of <- function(x, names) {
  names(x) <- names
  x
}

# Rows lie scattered: a block of them is gathered at a time.
block_bytes <- 2^20

row_function <- function(x, rows, columns, names) {
  each <- max(1, block_bytes %/% (columns * element_size(x)))
  first <- 0
  count <- 0
  block <- NULL
  function(i) {
    if (i <= first || i > first + count) {
      first <<- i - 1
      count <<- min(each, rows - first)
      block <<- .Call(C_rows, x, rows, first, count)
    }
    .Call(C_slice, block, (i - 1 - first) * columns, columns, names)
  }
}

# A function of one element: FUN with the further arguments and the variables that it asks for.
caller_of <- function(job) {
  fun <- open_cargo(job$fun)
  vars <- in_one_scope(lapply(job$vars, open_cargo))
  extra <- lapply(job$extra, open_cargo)
  asked <- intersect(names(vars), names(formals(args(fun)))[-1L])
  around <- vars[setdiff(names(vars), asked)]
  if (length(around) && !is.primitive(fun)) {
    environment(fun) <- list2env(around, parent = environment(fun))
  }
  given <- c(extra, vars[asked])
  if (!length(given)) return(fun)
  symbols <- lapply(seq_along(given), function(i) as.name(paste0(".argument", i)))
  frame <- list2env(c(list(FUN = fun), stats::setNames(given, as.character(symbols))),
                    parent = baseenv())
  names(symbols) <- names(given)
  one <- function(element) NULL
  body(one) <- as.call(c(list(quote(forceAndCall), 1L + length(given), quote(FUN),
                              quote(element)), symbols))
  environment(one) <- frame
  one
}

# Functions of the global environment that are among the variables see the others, as there.
in_one_scope <- function(vars) {
  is_global <- vapply(vars, function(it) is.function(it) && identical(environment(it), globalenv()),
                      NA)
  if (!any(is_global)) return(vars)
  scope <- new.env(parent = globalenv())
  vars[is_global] <- lapply(vars[is_global], function(f) {
    environment(f) <- scope
    f
  })
  list2env(vars, scope)
  vars
}

# At most so many warnings of a chunk are passed on.
warnings_max <- 20L

work <- function(worker, from, to, seconds = Inf, elements = NULL) {
  if (to < from) return(list(values = list(), to = to, seconds = 0))
  values <- vector("list", to - from + 1)
  element <- worker$element
  first <- if (is.null(elements)) 1 else from
  if (is.null(elements) && is.list(element)) elements <- element
  FUN <- worker$one
  out <- worker$out
  streams <- worker$job$streams
  if (!is.null(streams)) {
    restore <- keep_generator()
    on.exit(restore())
  }
  warnings <- list()
  note_warning <- function(w) {
    if (length(warnings) < warnings_max) {
      warnings[[length(warnings) + 1L]] <<- list(index = at, message = conditionMessage(w))
    }
    invokeRestart("muffleWarning")
  }
  began <- proc.time()[[3L]]
  at <- from
  look_at <- from # the element after which to look at the clock
  # What no handler of errors sees would take R to its top level, and so end the worker.
  last_error <- geterrmessage()
  failure <- withRestarts(tryCatch(withCallingHandlers({
    for (at in seq.int(from, to)) {
      if (!is.null(streams)) use_stream(streams, at, from)
      item <- if (is.null(elements)) element(at) else elements[[at - first + 1]]
      value <- forceAndCall(1L, FUN, item) # what FUN returns may look at it later
      if (!is.null(out)) store_result(out, at, worker$job$count, value)
      else if (!is.null(value)) values[[at - from + 1]] <- value
      if (at == look_at) {
        spent <- proc.time()[[3L]] - began
        if (spent >= seconds) break
        look_at <- if (spent < seconds / 4) at + (at - from + 1) else at + 1
      }
    }
    NULL
  }, warning = note_warning), error = function(e) told_failure(e, at)), abort = function() {
    told <- geterrmessage()
    told_failure(simpleError(paste0("it left for R's top level",
                                    if (told != last_error) paste0(": ", trimws(told)))), at)
  })
  if (at < to && is.null(failure)) values <- values[seq_len(at - from + 1)]
  list(values = if (is.null(out)) values, to = if (is.null(failure)) at else to, failure = failure, warnings = warnings,
       seconds = proc.time()[[3L]] - began)
}

told_failure <- function(error, index) {
  call <- if (!inherits(error, "fileheap_error_result")) conditionCall(error)
  list(index = index, message = paste(conditionMessage(error), collapse = "\n"),
       class = class(error),
       call = if (!is.null(call)) paste(deparse(call, nlines = 3L), collapse = " "))
}

# The result of element i is the i-th of `count` equal parts of the vector.
store_result <- function(out, i, count, value) {
  length <- length(out) / count
  if (typeof(value) != typeof(out) && is.atomic(value)) {
    order <- c("logical", "integer", "double", "complex")
    if (isTRUE(match(typeof(value), order) < match(typeof(out), order))) {
      storage.mode(value) <- typeof(out)
    }
  }
  if (typeof(value) != typeof(out) || length(value) != length) {
    fail("result", "expected for OUT a result of type ", typeof(out), " and length ", length,
         "; found ", typeof(value), " of length ", length(value),
         fields = list(expected = length, found = length(value)))
  }
  .Call(C_store, out, (i - 1) * length, value)
}

# ---- random numbers: a stream for each block of elements, a substream for each element ----

stream_block <- 1000

# Streams of the blocks, from a seed or, if it is TRUE, from the generator of this session.
make_streams <- function(seed, count) {
  if (is.null(seed)) return(NULL)
  if (isTRUE(seed)) {
    seed <- trunc(stats::runif(1L, -.Machine$integer.max, .Machine$integer.max))
  }
  limit <- .Machine$integer.max
  if (!is.numeric(seed) || length(seed) != 1L || is.na(seed) || abs(seed) > limit ||
      seed != trunc(seed)) {
    fail("invalid_argument", "expected for SEED a whole number, TRUE or NULL; found ", brief(seed))
  }
  restore <- keep_generator()
  on.exit(restore())
  set.seed(as.integer(seed), kind = "L'Ecuyer-CMRG", normal.kind = "Inversion",
           sample.kind = "Rejection")
  streams <- vector("list", ceiling(count / stream_block))
  stream <- get(".Random.seed", globalenv(), inherits = FALSE)
  for (i in seq_along(streams)) {
    streams[[i]] <- stream
    stream <- parallel::nextRNGStream(stream)
  }
  streams
}

# Returns a function that brings this session's generator back.
keep_generator <- function() {
  kinds <- RNGkind()
  old <- get0(".Random.seed", globalenv(), inherits = FALSE)
  function() {
    suppressWarnings(RNGkind(kinds[[1L]], kinds[[2L]], kinds[[3L]]))
    if (is.null(old)) rm(list = ".Random.seed", envir = globalenv())
    else assign(".Random.seed", old, envir = globalenv())
  }
}

substream <- new.env(parent = emptyenv())

# Elements of a chunk come in order: the next substream is one step away.
use_stream <- function(streams, at, from) {
  block <- (at - 1) %/% stream_block + 1
  within <- (at - 1) %% stream_block
  if (at == from || within == 0) {
    seed <- streams[[block]]
    for (i in seq_len(within)) seed <- parallel::nextRNGSubStream(seed)
  } else {
    seed <- parallel::nextRNGSubStream(substream$seed)
  }
  substream$seed <- seed
  assign(".Random.seed", seed, envir = globalenv())
}
