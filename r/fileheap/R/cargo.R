# Cargo: what one call sends to its workers. Data goes through a heap, and a token in its stead.

# What is so small is not larger than a token.
by_value_bytes <- 1024
# Smaller data goes through one heap that the session keeps while a cluster is used again and again.
session_heap_bytes <- 1024^2
slight_bytes <- 256 * 1024
# Attributes of so few bytes travel with a token.
token_bytes <- 2048

new_cargo <- function(is_repeated) {
  cargo <- new.env(parent = emptyenv())
  cargo$is_repeated <- is_repeated
  cargo$heaps <- list()  # made for this call
  cargo$names <- character() # bound in the session's heap
  cargo$held <- list()
  cargo$bytes <- 0
  cargo
}

# A value, or what stands for it. Without cargo all values stay: a fork has them, and so have we.
ship <- function(cargo, x) {
  if (is.null(cargo)) return(x)
  if (is.function(x)) return(ship_function(cargo, x))
  if (is_reachable(x)) {
    cargo$held <- c(cargo$held, list(x))
    if (utils::object.size(attributes(x)) <= token_bytes) return(record_token(x))
    bare <- record_token(x, keep_attributes = FALSE)
    return(structure(list(bare = bare, attributes = ship(cargo, attributes(x))),
                     class = "fileheap_dressed"))
  }
  if (isS4(x) || !(is.atomic(x) || is.list(x)) || is.null(x)) return(x)
  bytes <- as.numeric(utils::object.size(x))
  if (bytes <= by_value_bytes) return(x)
  cargo$bytes <- cargo$bytes + bytes
  in_cargo_heap(cargo, bytes, function(runtime) put_cargo(cargo, x, runtime))
}

# Lists of small things are one vector of bytes: what they consist of is not worth a place each.
is_fine_grained <- function(x) {
  is.list(x) && length(x) > 0L && max(lengths(x, use.names = FALSE)) <= 256L &&
    utils::object.size(x) <= 4096 * max(16, length(x))
}

# Whether elements are so small, and all of them so few, that they may well be sent twice.
is_slight <- function(x) {
  is.vector(x) && !is.object(x) && !is_file_backed(x) && (is.atomic(x) || is_fine_grained(x)) &&
    utils::object.size(x) <= slight_bytes
}

# Returns what stands for the value.
put_cargo <- function(cargo, x, runtime) {
  if (is_fine_grained(x)) {
    bytes <- put_cargo(cargo, serialize(x, NULL, xdr = FALSE), runtime)
    return(structure(list(bytes = bytes), class = "fileheap_packed"))
  }
  is_plain <- is.atomic(x) && utils::object.size(attributes(x)) <= token_bytes
  if (is_plain) {
    copy <- .Call(C_copy_in, runtime, x, TRUE, TRUE)
    cargo$held <- c(cargo$held, list(copy))
    token <- record_token(copy, keep_attributes = FALSE)
    token["attributes"] <- list(attributes(x))
    return(token)
  }
  name <- paste0("cargo", length(cargo$names) + 1L)
  bind_shared(runtime, name, x, FALSE, link = TRUE)
  cargo$held <- c(cargo$held, list(x))
  cargo$names <- c(cargo$names, name)
  heap <- as_heap(runtime)
  structure(list(path = heap$path, uuid = heap$uuid, name = name), class = "fileheap_named")
}

in_cargo_heap <- function(cargo, bytes, store) {
  if (cargo$is_repeated && bytes < session_heap_bytes) {
    return(tryCatch(store(session_heap()), fileheap_error_disk_full = function(e) {
      own_cargo_heap(cargo, bytes, store)
    }))
  }
  for (heap in cargo$heaps) {
    if (!has_room(heap$path, bytes)) next
    stored <- tryCatch(store(heap$runtime), fileheap_error_disk_full = function(e) NULL)
    if (!is.null(stored)) return(stored)
  }
  own_cargo_heap(cargo, bytes, store)
}

own_cargo_heap <- function(cargo, bytes, store) {
  made <- make_shared(bytes, store)
  cargo$heaps <- c(cargo$heaps, list(made[c("runtime", "path")]))
  made$value
}

session_heap <- function() {
  state <- shared_state()
  if (is.null(state$session_heap)) {
    state$session_heap <- make_shared(0, function(runtime) NULL)
  }
  state$session_heap$runtime
}

# Space that workers may still look at is not used again: a new heap is cheaper than a large one.
session_heap_limit_bytes <- 32 * 1024^2

close_session_heap <- function() {
  state <- shared_state()
  heap <- state$session_heap
  if (is.null(heap)) return(invisible())
  remove_shared(heap$path)
  if (.Call(C_is_open, heap$runtime)) .Call(C_close, heap$runtime)
  state$session_heap <- NULL
  invisible()
}

# After a call, however it ended: nothing of it stays.
drop_cargo <- function(cargo) {
  cargo$held <- list()
  for (heap in cargo$heaps) {
    remove_shared(heap$path)
    if (.Call(C_is_open, heap$runtime)) .Call(C_close, heap$runtime)
  }
  heap <- shared_state()$session_heap
  if (!is.null(heap)) {
    for (name in intersect(cargo$names, .Call(C_names, heap$runtime))) {
      .Call(C_unbind, heap$runtime, name)
    }
    if (isTRUE(file.size(heap$path) > session_heap_limit_bytes)) close_session_heap()
  }
  invisible()
}

# Files of the heaps made for a call: workers let go of them when it is over.
cargo_paths <- function(cargo) vapply(cargo$heaps, function(heap) heap$path, "")

# In a worker: what stands for a value gives it.
open_cargo <- function(x) {
  if (inherits(x, "fileheap_link")) return(resolve_record(x))
  if (inherits(x, "fileheap_dressed")) {
    return(set_attributes(resolve_record(x$bare), open_cargo(x$attributes)))
  }
  if (inherits(x, "fileheap_function")) {
    for (name in names(x$vars)) assign(name, open_cargo(x$vars[[name]]), envir = x$into)
    return(x$fun)
  }
  if (inherits(x, "fileheap_packed")) return(unserialize(open_cargo(x$bytes)))
  if (inherits(x, "fileheap_named")) {
    heap <- list(runtime = attach_own_or_other(x$path, x$uuid), path = x$path)
    return(load_variable(list(name = x$path, heaps = list(heap)), x$name))
  }
  if (inherits(x, "fileheap_variable")) {
    return(load_variable(find_space(x$token), x$name))
  }
  x
}
