# Views: retrieve and release; what is registered, and what this session looks at.

retrieveViews <- function(namespace, variableNames, writable = FALSE) {
  need_given("namespace", "variableNames")
  as_flag(writable, "writable")
  variableNames <- as_variable_names(variableNames)
  space <- find_space(namespace)
  missing <- setdiff(variableNames, space_names(space))
  if (length(missing)) no_variable(space, missing)
  state <- shared_state()
  state$views[[space$name]] <- union(state$views[[space$name]], variableNames)
  # No variable has the list before the caller's has: stores to its parts then go in place.
  names(variableNames) <- variableNames
  lapply(variableNames, function(name) load_variable(space, name, writable))
}

# The view for writing alone: a variable that has it can be stored to.
edit.fileheap_token <- function(name, object, ...) {
  need_given("object")
  load_variable(find_space(name), as_name(object), writable = TRUE)
}

as_variable_names <- function(names) {
  names <- unlist(names)
  if (!is.character(names) || !length(names) || anyNA(names)) {
    fail("invalid_argument", "expected names of variables; found ", brief(names))
  }
  names
}

releaseViews <- function(namespace, variableNames) {
  need_given("namespace", "variableNames")
  state <- shared_state()
  space <- label_of(namespace)
  variableNames <- as_variable_names(variableNames)
  missing <- setdiff(variableNames, state$views[[space]])
  if (length(missing)) {
    fail("not_found", "this session has no view of \"", missing[[1L]], "\" in the namespace \"",
         space, "\"", fields = list(expected = missing, found = state$views[[space]]))
  }
  left <- setdiff(state$views[[space]], variableNames)
  state$views[[space]] <- if (length(left)) left
  if (!length(left) && is.null(state$spaces[[space]])) forget_attached()
  invisible(TRUE)
}

label_of <- function(namespace) {
  if (inherits(namespace, "fmalloc_runtime")) return(.Call(C_path, namespace))
  if (inherits(namespace, "fileheap_token")) return(namespace$name)
  as_space_name(namespace)
}

# When no view is left that might need them.
forget_attached <- function() {
  state <- shared_state()
  if (length(setdiff(names(state$views), names(state$spaces))) || length(state$jobs)) return()
  for (path in names(state$attached)) detach_heap(path)
}

releaseVariables <- function(namespace, variableNames) {
  need_given("namespace", "variableNames")
  variableNames <- unique(as_variable_names(variableNames))
  if (inherits(namespace, "fmalloc_runtime")) {
    holders <- holders_of(list(as_heap(namespace)))
    fmalloc_remove(namespace, variableNames)
    return(tell_holders(holders, label_of(namespace), variableNames))
  }
  name <- as_space_name(namespace)
  state <- shared_state()
  space <- state$spaces[[name]]
  if (is.null(space)) not_the_owner(name, find_token(name)$owner)
  missing <- setdiff(variableNames, space_names(space))
  if (length(missing)) no_variable(space, missing)
  heaps <- unique(lapply(variableNames, function(variable) heap_with(space, variable)))
  viewed <- intersect(variableNames, state$views[[name]])
  holders <- holders_of(heaps, is_viewed_here = length(viewed) > 0L)
  for (variable in variableNames) {
    .Call(C_unbind, heap_with(space, variable)$runtime, variable)
    space$held[[variable]] <- NULL
  }
  state$spaces[[name]] <- space
  close_empty(name)
  tell_holders(holders, name, variableNames)
}

# Processes that have vectors of these heaps; this one only if it took views.
holders_of <- function(heaps, is_viewed_here = FALSE) {
  pids <- unlist(lapply(heaps, function(heap) .Call(C_holders, heap$runtime)))
  pids <- setdiff(pids, Sys.getpid())
  as.integer(sort(c(pids, if (is_viewed_here) Sys.getpid())))
}

# Views stay good; their space is given back when the last of them was collected.
tell_holders <- function(holders, name, variables) {
  if (length(holders)) {
    message("fileheap: released ", paste(variables, collapse = ", "), " of \"", name, "\"; its ",
            "space is kept until views are gone in process ", paste(holders, collapse = ", "))
  }
  invisible(holders)
}

# A heap without variables goes, the namespace with its last one.
close_empty <- function(name) {
  state <- shared_state()
  space <- state$spaces[[name]]
  is_empty <- vapply(space$heaps, function(heap) !length(.Call(C_names, heap$runtime)), NA)
  for (heap in space$heaps[is_empty]) {
    remove_shared(heap$path)
    .Call(C_close, heap$runtime)
  }
  space$heaps <- space$heaps[!is_empty]
  state$spaces[[name]] <- if (length(space$heaps)) space
}

retrieveMetadata <- function(namespace, variableName) {
  need_given("namespace", "variableName")
  variableName <- as_variable_names(variableName)
  if (length(variableName) != 1L) {
    fail("invalid_argument", "expected the name of one variable; found ", brief(variableName))
  }
  space <- find_space(namespace)
  x <- load_variable(space, variableName)
  heap <- heap_with(space, variableName)
  kind <- if (is.data.frame(x)) "data.frame" else if (is.matrix(x)) "matrix"
  else if (is.array(x)) "array" else if (is.list(x)) "list"
  else if (is.atomic(x)) "vector" else typeof(x)
  list(type = kind, element = typeof(x), class = class(x), length = length(x), dim = dim(x),
       nrow = NROW(x), ncol = NCOL(x), bytes = as.numeric(utils::object.size(x)),
       attributes = names(attributes(x)), path = heap$path, uuid = heap$uuid, owner = space$owner,
       holders = holders_of(list(heap), variableName %in% shared_state()$views[[space$name]]))
}

viewList <- function() {
  views <- shared_state()$views
  as.list(as.character(unlist(lapply(names(views), function(name) paste0(name, ".", views[[name]])))))
}

pageList <- function() {
  spaces <- shared_state()$spaces
  as.list(as.character(unlist(lapply(spaces, function(space) {
    paste0(space$name, ".", space_names(space))
  }), use.names = FALSE)))
}

memshare_gc <- function(namespace = NULL, cluster = NULL) {
  state <- shared_state()
  if (!is.null(cluster)) {
    if (!inherits(cluster, "cluster")) {
      fail("invalid_argument", "expected a cluster of the parallel package; found ", brief(cluster))
    }
    forget <- function(namespace) forget_space(namespace)
    environment(forget) <- topenv()
    parallel::clusterCall(ready_cluster(cluster)$cluster, forget, namespace)
  }
  if (!is.null(namespace)) {
    forget_space(namespace)
  } else {
    stop_kept_workers()
    close_session_heap()
  }
  gc(FALSE)
  forget_attached()
  sweep_shared(now = TRUE)
  sweep_scratch()
  invisible(TRUE)
}

# Views and variables of one namespace, or all views.
forget_space <- function(namespace) {
  state <- shared_state()
  if (is.null(namespace)) {
    state$views <- list()
  } else {
    name <- label_of(namespace)
    state$views[[name]] <- NULL
    space <- state$spaces[[name]]
    if (!is.null(space)) suppressMessages(releaseVariables(name, space_names(space)))
  }
  gc(FALSE)
  forget_attached()
  NULL
}
