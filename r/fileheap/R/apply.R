# memApply and memLapply: a function of each column, row or element, by workers that share the data.

memApply <- function(X, MARGIN, FUN, NAMESPACE = NULL, CLUSTER = NULL, VARS = NULL,
                     MAX.CORES = NULL, ..., OUT = NULL, SIMPLIFY = FALSE, SEED = NULL,
                     PROGRESS = NULL) {
  fun <- match.fun(FUN)
  if (!is.numeric(MARGIN) || length(MARGIN) != 1L || !MARGIN %in% 1:2) {
    fail("invalid_argument", "expected for MARGIN 1 (rows) or 2 (columns); found ", brief(MARGIN))
  }
  x <- subject_of(X, NAMESPACE, sys.call())
  if (is.data.frame(x$look)) x <- list(look = as.matrix(x$look), token = NULL)
  if (length(dim(x$look)) != 2L) {
    fail("dim", "expected a matrix; found ", brief(class(x$look)), " with ",
         length(dim(x$look)), " dimensions", fields = list(expected = 2, found = dim(x$look)))
  }
  kind <- if (MARGIN == 1) "rows" else "columns"
  done <- share_work(x, kind, dim(x$look)[[MARGIN]], dimnames(x$look)[[MARGIN]], fun, list(...),
                     NAMESPACE, CLUSTER, VARS, MAX.CORES, OUT, SEED, PROGRESS)
  if (!is.null(OUT)) return(invisible(OUT))
  if (!as_flag(SIMPLIFY, "SIMPLIFY")) {
    names(done) <- dimnames(x$look)[[MARGIN]]
    return(done)
  }
  if (length(done)) return(simplified(done, dimnames(x$look), MARGIN))
  none_of_these(vector(typeof(x$look), dim(x$look)[[3 - MARGIN]]), fun, list(...), VARS, NAMESPACE)
}

memLapply <- function(X, FUN, NAMESPACE = NULL, CLUSTER = NULL, VARS = NULL, MAX.CORES = NULL,
                      ..., OUT = NULL, SIMPLIFY = FALSE, SEED = NULL, PROGRESS = NULL) {
  fun <- match.fun(FUN)
  x <- subject_of(X, NAMESPACE, sys.call())
  if (!is.vector(x$look) || is.object(x$look)) {
    if (is.object(x$look) && !is.data.frame(x$look)) x$token <- NULL
    x$look <- as.list(x$look)
  }
  done <- share_work(x, "elements", length(x$look), names(x$look), fun, list(...), NAMESPACE,
                     CLUSTER, VARS, MAX.CORES, OUT, SEED, PROGRESS)
  if (!is.null(OUT)) return(invisible(OUT))
  names(done) <- names(x$look)
  if (!as_flag(SIMPLIFY, "SIMPLIFY")) return(done)
  if (is.character(x$look) && is.null(names(done))) names(done) <- x$look
  simplify2array(done, higher = FALSE)
}

# What to work on: a view of it here, and what stands for it if it is shared already.
subject_of <- function(X, namespace, call) {
  if (is.null(namespace)) return(list(look = X, token = NULL))
  need_namespace(namespace, call)
  is_name <- is.character(X) && length(X) == 1L && is.null(dim(X))
  if (!is_name) return(list(look = X, token = NULL))
  token <- variable_token(namespace, X)
  list(look = load_variable(find_space(namespace), X), token = token)
}

# What was meant for FUN is no namespace: the fourth argument, without its name, is to be one that
# there is. By its name one may be given that is not needed.
need_namespace <- function(namespace, call) {
  written <- as.character(names(call))
  is_named <- any(nzchar(written) & startsWith("NAMESPACE", written)) ||
    any(vapply(as.list(call), identical, NA, quote(...)))
  if (is_named) return(label_of(namespace))
  tryCatch(find_space(namespace), fileheap_error = function(e) {
    fail(e$kind, conditionMessage(e), "; further arguments of FUN are passed by their names",
         fields = list(expected = e$expected, found = e$found))
  })
}

variable_token <- function(namespace, name) {
  structure(list(token = memToken(namespace), name = name), class = "fileheap_variable")
}

# As apply() would.
simplified <- function(results, dimnames, margin) {
  frame <- array(seq_along(results), length(results), dimnames[margin])
  done <- apply(frame, 1L, function(i) results[[i]])
  labels <- names(dimnames)[c(3L - margin, margin)]
  # Results with as many names as what they were made of keep the name of those names.
  if (is.matrix(done) && length(labels) && nzchar(labels[[1L]]) &&
      length(rownames(done)) == length(dimnames[[3L - margin]])) {
    dimnames(done) <- stats::setNames(list(rownames(done), colnames(done)), labels)
  }
  done
}

# Where there is nothing to work on apply() asks FUN for the type of its results, by zeros.
none_of_these <- function(zeros, fun, extra, vars, namespace) {
  job <- list(fun = fun, extra = extra, vars = ship_vars(NULL, vars, namespace))
  value <- tryCatch(caller_of(job)(zeros), error = function(e) {
    fail("fun", "FUN failed for ", length(zeros), " zeros, by which the type of no results is ",
         "found: ", conditionMessage(e), fields = list(worker_message = conditionMessage(e)))
  })
  if (is.null(value)) value else value[1L][-1L]
}

share_work <- function(x, kind, count, names, fun, extra, namespace, cluster, vars, core_count,
                       out, seed, progress) {
  out_token <- if (!is.null(out)) as_out(out, count)
  if (count == 0) return(list())
  streams <- make_streams(seed, count)
  backend <- backend_of(cluster, core_count, count)
  is_over <- FALSE
  if (isTRUE(backend$is_own)) on.exit(end_cluster(backend, at_once = !is_over))
  is_forked <- backend$kind == "fork"
  cargo <- if (!is_forked) new_cargo(backend$is_repeated)
  if (!is_forked) on.exit(drop_cargo(cargo), add = TRUE)
  job <- list(id = new_base(), kind = kind, count = count, fun = ship(cargo, fun),
              extra = lapply(extra, function(it) ship(cargo, it)),
              vars = ship_vars(cargo, vars, namespace), streams = streams, out = out_token)
  # What is smaller than what would stand for it goes with the chunks.
  is_sent <- kind == "elements" && is.null(x$token) && !is_forked && is_slight(x$look)
  elements <- if (is_sent) unname(x$look)
  job$x <- if (!is.null(elements)) NULL else if (!is.null(x$token)) x$token
           else ship(cargo, x$look)
  job$is_forked <- is_forked
  job$closing <- cargo_paths(cargo)
  job$bytes <- cargo$bytes
  bar <- progress_bar(progress, count)
  on.exit(bar(NA, NA), add = TRUE)
  collector <- new_collector(count, names, bar)
  run_job(backend, job, collector, elements)
  is_over <- !length(collector$failures)
  pass_warnings(collector$warnings, names)
  if (!is_over) raise_failure(collector$failures, names)
  collector$values
}

# The vector for the results, as the workers are to find it.
as_out <- function(out, count) {
  told <- .Call(C_info, out)
  if (is.null(told) || !told$mutable) {
    fail("read_only", "OUT has to be a vector or matrix that is shared for writing: make it with ",
         "create_fmalloc_matrix(), or register it with writable = TRUE and retrieve a view with ",
         "writable = TRUE")
  }
  if (!is_reachable(out)) {
    fail("destroyed", "OUT was released, or its heap removed: workers cannot find it any more")
  }
  if (is.list(out) || is.character(out)) {
    fail("type", "expected for OUT a vector or matrix of numbers, flags or bytes: workers store to ",
         "its elements at the same time; found ", typeof(out), "; leave OUT out, and store the ",
         "result", fields = list(found = typeof(out)))
  }
  if (count > 0 && length(out) %% count != 0) {
    fail("length", "expected for OUT a length that is a multiple of ", count, "; found ",
         length(out), fields = list(expected = count, found = length(out)))
  }
  record_token(out, keep_attributes = FALSE)
}

# VARS: a list of values, or names of variables of the namespace.
ship_vars <- function(cargo, vars, namespace) {
  if (is.null(vars)) return(list())
  if (is.character(vars)) {
    if (is.null(namespace)) {
      fail("invalid_argument", "VARS are names of variables, but there is no NAMESPACE to look ",
           "them up in")
    }
    space <- find_space(namespace)
    missing <- setdiff(vars, space_names(space))
    if (length(missing)) no_variable(space, missing)
    return(stats::setNames(lapply(vars, function(name) variable_token(namespace, name)), vars))
  }
  if (!is.list(vars) || is.null(names(vars)) || any(!nzchar(names(vars)))) {
    fail("invalid_argument", "expected for VARS a list whose parts have names, or names of ",
         "registered variables; found ", brief(vars))
  }
  lapply(vars, function(value) ship(cargo, value))
}

element_text <- function(index, names) {
  name <- if (!is.na(index) && length(names) >= index) names[[index]]
  paste0("element ", index, if (length(name) && nzchar(name)) paste0(" (\"", name, "\")"))
}

raise_failure <- function(failures, names) {
  order <- order(vapply(failures, function(it) as.numeric(it$index), 0))
  first <- failures[[order[[1L]]]]
  fields <- list(index = first$index, name = if (!is.na(first$index)) names[first$index],
                 worker_message = first$message, worker_call = first$call,
                 worker_class = first$class, pid = first$pid, failures = failures[order])
  if (isTRUE(first$is_lost)) {
    fail("worker", first$message, ", on elements ", first$index, " to ", first$to,
         ": their results are lost", fields = fields)
  }
  if (is.na(first$index)) {
    fail("worker", "a worker could not begin: ", first$message, fields = fields)
  }
  text <- if (nzchar(first$message)) first$message else "it gave no reason"
  fail("fun", "FUN failed for ", element_text(first$index, names), ": ", text,
       if (!is.null(first$call)) paste0(", in ", first$call), missed_global(text), fields = fields)
}

# A variable that a worker did not find, and this session has: the commonest error of all.
missed_global <- function(text) {
  if (nchar(text, "bytes") > 1000L) return(NULL)
  plain <- iconv(enc2utf8(text), "UTF-8", "ASCII", sub = "'") # R's quotes depend on the locale
  quoted <- regmatches(plain, gregexpr("[\"'][^\"']+", plain))[[1L]]
  found <- Filter(function(name) exists(name, globalenv(), inherits = FALSE), substring(quoted, 2L))
  if (length(found)) {
    paste0("; workers do not have \"", found[[1L]], "\" of this session's global environment: pass ",
           "it in VARS")
  }
}

pass_warnings <- function(warnings, names) {
  for (it in utils::head(warnings, warnings_max)) {
    warning(structure(class = c("fileheap_warning", "warning", "condition"),
                      list(message = paste0(element_text(it$index, names), ": ", it$message),
                           call = NULL, index = it$index)))
  }
}

# A function of done and count; NA ends it. Of its own accord it appears after two seconds.
progress_bar <- function(progress, count) {
  if (is.function(progress)) return(function(done, count) if (!is.na(done)) progress(done, count))
  wanted <- if (is.null(progress)) interactive() else as_flag(progress, "PROGRESS")
  if (!wanted) return(function(done, count) NULL)
  bar <- NULL
  began <- Sys.time()
  wait <- if (is.null(progress)) 2 else 0
  function(done, count) {
    if (is.na(done)) {
      if (!is.null(bar)) close(bar)
      return(invisible())
    }
    if (is.null(bar) && Sys.time() - began >= wait && done < count) {
      bar <<- utils::txtProgressBar(0, count, style = 3, file = stderr())
    }
    if (!is.null(bar)) utils::setTxtProgressBar(bar, done)
  }
}
