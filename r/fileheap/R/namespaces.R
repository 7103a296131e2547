# Namespaces: variables under names that this user's other processes find.
#
# A namespace of a session is one heap, or several where the first place had no room for all; a
# persistent heap is a namespace, too. Two sessions may have namespaces of the same name.

registerVariables <- function(namespace, variableList, writable = FALSE) {
  as_flag(writable, "writable")
  names <- names(variableList)
  if (!is.list(variableList) || !length(variableList) || is.null(names) || anyNA(names) ||
      any(!nzchar(names)) || anyDuplicated(names)) {
    fail("invalid_argument", "expected for variableList a list in which each variable has a name ",
         "of its own; found ", brief(variableList))
  }
  for (name in names) as_name(name)
  if (inherits(namespace, "fmalloc_runtime")) {
    for (name in names) {
      value <- variableList[[name]]
      bind_shared(namespace, name, value, writable, link = FALSE)
    }
    return(invisible(namespace))
  }
  namespace <- as_space_name(namespace)
  for (name in names) put_variable(namespace, name, variableList[[name]], writable)
  invisible(namespace)
}

as_space_name <- function(namespace) {
  if (inherits(namespace, "fileheap_token")) {
    if (namespace$owner != Sys.getpid()) not_the_owner(namespace$name, namespace$owner)
    return(namespace$name)
  }
  if (!is.character(namespace) || length(namespace) != 1L || is.na(namespace) ||
      !nzchar(namespace) || !validEnc(namespace) || Encoding(namespace) == "bytes" ||
      grepl("\n", namespace, fixed = TRUE)) {
    fail("invalid_argument", "expected a namespace: one string, a runtime or a token; found ",
         brief(namespace))
  }
  enc2utf8(namespace)
}

not_the_owner <- function(name, pid) {
  fail("not_the_owner", "the namespace \"", name, "\" belongs to process ", pid, ", which alone ",
       "registers and releases its variables", fields = list(found = pid, pid = pid))
}

# Into one of the namespace's heaps, or a new one where there is room.
put_variable <- function(namespace, name, value, writable) {
  state <- shared_state()
  sweep_shared()
  space <- state$spaces[[namespace]]
  if (is.null(space)) space <- list(name = namespace, heaps = list(), held = list(),
                                    owner = Sys.getpid())
  bytes <- shared_bytes(value)
  store <- function(runtime) {
    bind_shared(runtime, name, value, writable, link = TRUE)
    TRUE
  }
  old <- heap_with(space, name)
  stored <- FALSE
  for (heap in rev(space$heaps)) {
    if (!has_room(heap$path, bytes)) next
    stored <- tryCatch(store(heap$runtime), fileheap_error_disk_full = function(e) FALSE)
    if (stored) break
  }
  if (!stored) {
    made <- make_shared(bytes, function(runtime) {
      store(runtime)
      heap <- as_heap(runtime)
      if (write_note(paste0(heap$path, ".note"), c(heap$uuid, namespace))) return(heap)
      fail("disk_full", "no room for the note that leads other processes to ", heap$path)
    })
    heap <- made$value
    space$heaps <- c(space$heaps, list(heap))
  }
  if (!is.null(old) && old$path != heap$path) .Call(C_unbind, old$runtime, name)
  space$held[[name]] <- if (any_reachable(value)) value # lives as long as the link to it
  state$spaces[[namespace]] <- space
}

# What has to be copied.
shared_bytes <- function(x) if (is_reachable(x)) 0 else as.numeric(utils::object.size(x))

any_reachable <- function(x) {
  if (is_reachable(x)) return(TRUE)
  if (!is.list(x)) return(FALSE)
  for (part in unclass(x)) if (any_reachable(part)) return(TRUE)
  FALSE
}

# Binds an object as it can be shared; again for the reason that `[[<-` has.
bind_shared <- function(runtime, name, x, writable, link) {
  while (!.Call(C_bind, runtime, name, shared_form(x, runtime, name, writable, link))) NULL
}

# The object as it is bound: what lies in another heap is linked, the rest is copied.
shared_form <- function(x, runtime, name, writable, link) {
  if (.Call(C_is_in, x, runtime, name)) return(x)
  if (link && any_reachable(x)) {
    if (is_reachable(x)) return(record_token(x))
    kept <- attributes_of(x)
    x <- lapply(unclass(x), shared_form, runtime, name, writable, link)
    attributes(x) <- kept
    return(x)
  }
  if (!writable || is.null(x)) return(as_stored(x, runtime, name, top = TRUE))
  if (!is.atomic(x)) {
    fail("type", "only vectors, matrices and arrays can be shared for writing; found ",
         brief(class(x)), fields = list(found = class(x)))
  }
  set_attributes(.Call(C_copy_in, runtime, x, TRUE, FALSE), attributes(x))
}

# The heap of a namespace that has the variable.
heap_with <- function(space, name) {
  for (heap in space$heaps) if (!is.null(.Call(C_find, heap$runtime, name))) return(heap)
  NULL
}

# A namespace by a runtime, a token or its name.
find_space <- function(namespace) {
  if (inherits(namespace, "fmalloc_runtime")) {
    heap <- as_heap(namespace)
    return(list(name = heap$path, heaps = list(heap), owner = Sys.getpid()))
  }
  if (inherits(namespace, "fileheap_token")) {
    heaps <- lapply(namespace$heaps, function(heap) {
      c(list(runtime = attach_own_or_other(heap$path, heap$uuid)), heap)
    })
    return(list(name = namespace$name, heaps = heaps, owner = namespace$owner))
  }
  name <- as_space_name(namespace)
  own <- shared_state()$spaces[[name]]
  if (is.null(own)) find_space(find_token(name)) else own
}

# Looks through the notes of this user's other sessions.
find_token <- function(name) {
  sweep_shared()
  found <- list()
  for (place in shared_places()) {
    folder <- shared_folder(place)
    notes <- if (!is.null(folder)) list.files(folder, "[.]note$", full.names = TRUE)
    for (note in notes) {
      lines <- lines_of(note)
      if (length(lines) != 2L || lines[[2L]] != name) next
      owner <- as.integer(strsplit(basename(note), "-", fixed = TRUE)[[1L]][[2L]])
      key <- as.character(owner)
      heap <- list(path = sub("[.]note$", "", note), uuid = lines[[1L]])
      found[[key]] <- c(found[[key]], list(heap))
    }
  }
  if (!length(found)) {
    fail("not_found", "there is no namespace \"", name, "\": neither this session nor another one ",
         "of this user has registered variables under it", fields = list(expected = name))
  }
  if (length(found) > 1L) {
    fail("ambiguous", "processes ", paste(names(found), collapse = ", "), " have namespaces of ",
         "the name \"", name, "\": pass the token that memToken() makes in one of them",
         fields = list(expected = name, found = as.integer(names(found))))
  }
  structure(list(name = name, heaps = found[[1L]], owner = as.integer(names(found))),
            class = "fileheap_token")
}

load_variable <- function(space, name, writable = FALSE) {
  name <- as_name(name)
  for (heap in space$heaps) {
    found <- .Call(C_find, heap$runtime, name)
    if (is.null(found)) next
    x <- .Call(C_load, heap$runtime, found[[1L]])
    if (!writable || any_link(x)) return(resolve_links(x, writable))
    return(.Call(C_edit, heap$runtime, name, TRUE))
  }
  no_variable(space, name)
}

no_variable <- function(space, names) {
  fail("not_found", "the namespace \"", space$name, "\" has no variable \"", names[[1L]], "\"",
       fields = list(expected = names, found = space_names(space)))
}

space_names <- function(space) {
  as.character(unlist(lapply(space$heaps, function(heap) .Call(C_names, heap$runtime))))
}
