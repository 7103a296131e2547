# Closures: what a function takes along to a worker, and what it leaves behind.

# A variable of more bytes is not sent along with a function that it surrounds.
heavy_bytes <- 64 * 1024

# A function without the large variables that its environment happens to hold: those that it
# mentions are shared instead, the others stay behind. What stands for it has the shared ones by name,
# and the environment that the worker puts them into. `seen` are environments that are dealt with.
ship_function <- function(cargo, fun, seen = list()) {
  fun <- without_source(fun)
  if (is.primitive(fun)) return(fun)
  found <- enclosed(fun)
  values <- found$values
  seen <- c(seen, found$environments)
  is_heavy <- vapply(values, function(value) {
    (is.atomic(value) || is.list(value)) && utils::object.size(value) > heavy_bytes
  }, NA)
  is_foreign <- vapply(values, has_environment_beside, NA, seen)
  if (!any(is_heavy) && !any(is_foreign)) return(fun)
  used <- mentions(fun, values)
  is_used <- names(values) %in% used
  shipped <- lapply(values[is_foreign & is_used], function(f) ship_function(cargo, f, seen))
  shipped <- Filter(function(it) inherits(it, "fileheap_function"), shipped)
  if (!any(is_heavy) && !length(shipped)) return(fun)
  # What is not atomic may lead to heavy ones in its turn.
  is_small <- vapply(values, function(value) {
    is.atomic(value) && utils::object.size(value) <= by_value_bytes
  }, NA)
  is_kept <- !is_heavy & (is_used | is_small) & !names(values) %in% names(shipped)
  light <- light_frame(values[is_kept], if ("..." %in% used) found$dots, found)
  vars <- lapply(values[is_heavy & is_used], function(value) ship(cargo, value))
  structure(list(fun = moved_to(light, fun, found$environments), vars = c(vars, shipped),
                 into = light), class = "fileheap_function")
}

has_environment_beside <- function(value, environments) {
  if (!is.function(value) || is.primitive(value)) return(FALSE)
  at <- environment(value)
  !is_top(at) && !any(vapply(environments, identical, NA, at))
}

# An environment in the place of those around a function, with some of their variables.
light_frame <- function(kept, dots, found) {
  frame <- function(...) {
    list(...) # no promise stays that leads to where it came from
    environment()
  }
  environment(frame) <- found$top
  light <- if (is.null(dots)) new.env(parent = found$top)
           else do.call(frame, eval(quote(list(...)), dots), quote = TRUE)
  for (name in names(kept)) {
    assign(name, moved_to(light, kept[[name]], found$environments), envir = light)
  }
  light
}

moved_to <- function(light, f, environments) {
  inside <- is.function(f) && !is.primitive(f) &&
    any(vapply(environments, identical, NA, environment(f)))
  if (inside) environment(f) <- light
  without_source(f)
}

# The text that a function was parsed from can be longer than all else that is sent.
without_source <- function(f) {
  if (is.function(f) && !is.null(attr(f, "srcref"))) utils::removeSource(f) else f
}

# By these a function reaches variables whose names it does not write down.
reaching <- c("get", "get0", "mget", "exists", "eval", "evalq", "environment", "parent.frame",
              "sys.function", "as.name", "as.symbol", "parse", "str2lang", "ls")

# The names that a function uses, and those that the functions among them use; all that there are
# if that cannot be told.
mentions <- function(fun, values) {
  seen <- character()
  waiting <- list(fun)
  while (length(waiting)) {
    at <- waiting[[1L]]
    waiting <- waiting[-1L]
    if (is.primitive(at)) next
    new <- setdiff(c(words(body(at)), unlist(lapply(formals(at), words))), seen)
    seen <- c(seen, new)
    if (any(new %in% reaching)) return(c("...", names(values)))
    waiting <- c(waiting, Filter(is.function, values[intersect(new, names(values))]))
  }
  seen
}

# Names and short texts of an expression: do.call("f") uses f.
words <- function(code) {
  if (is.character(code)) return(code[nchar(code, "bytes") < 256L])
  if (!is.call(code) && !is.pairlist(code)) return(all.names(code))
  unlist(lapply(as.list(code), function(part) if (!missing(part)) words(part)))
}

is_top <- function(env) {
  identical(env, globalenv()) || identical(env, baseenv()) || identical(env, emptyenv()) ||
    isNamespace(env) || !is.null(attr(env, "name"))
}

# The variables around a function, up to the global environment or a namespace.
enclosed <- function(fun) {
  at <- environment(fun)
  values <- environments <- list()
  dots <- NULL
  while (!is_top(at)) {
    inside <- ls(at, all.names = TRUE, sorted = FALSE)
    if (is.null(dots) && "..." %in% inside) dots <- at
    for (name in setdiff(inside, c(names(values), "..."))) {
      value <- tryCatch(list(get(name, at, inherits = FALSE)), error = function(e) NULL)
      if (!is.null(value)) values[name] <- value
    }
    environments <- c(environments, list(at))
    at <- parent.env(at)
  }
  list(values = values, environments = environments, top = at, dots = dots)
}
