# Random programs: variables and names over a heap go through what R code does, beside plain ones.
source("helper.R")
seed <- as.integer(Sys.getenv("FILEHEAP_SEED", "1"))
steps <- as.integer(Sys.getenv("FILEHEAP_STEPS", "1500"))
set.seed(seed)
old <- options(fileheap.copy_bytes = 2000) # copies of both kinds
rt <- new_heap()

pick <- function(from) from[[sample(length(from), 1L)]]
values <- list(
  logical = c(TRUE, FALSE, NA), integer = c(NA, -3:3), double = c(NA, NaN, Inf, -0.5, 2),
  complex = c(1i, NA, 2+2i), raw = as.raw(0:9),
  character = c(NA, "", "a", "a text of more than twelve bytes", "\u00e9"))
some <- function(type, n) sample(values[[type]], n, TRUE)
vector_of <- function() {
  x <- some(pick(names(values)), pick(c(0, 1, 3, 10, 70, 700)))
  shape <- sample(3L, 1L)
  if (shape == 1L && length(x)) names(x) <- paste0("k", seq_along(x))
  if (shape == 2L && length(x)) dim(x) <- c(1L, length(x))
  x
}

ours <- new.env()
plain <- new.env()
bound <- list()
variables <- letters[1:8]
labels <- c("one", "two", "three")

# The same code in both worlds: it fails in both or in none.
both <- function(code) {
  failed <- vapply(list(ours, plain), function(world) {
    inherits(try(suppressWarnings(eval(code, new.env(parent = world))), silent = TRUE), "try-error")
  }, NA)
  if (failed[1] != failed[2]) stop("fails in one world only: ", deparse(code)[1])
}
# `v` and `w` are names of variables, `i` are indices of v's elements, `to` is a value.
programs <- list(
  alias = quote(W <<- V),
  store = quote(V[I] <<- TO),
  store_first = quote(V[[1]] <<- TO),
  store_all = quote(V[] <<- rev(V)),
  loop = quote(for (at in I) V[at] <<- V[length(V)]),
  name = quote(names(V) <<- rev(paste0("z", seq_along(V)))),
  shape = quote(dim(V) <<- c(length(V), 1L)),
  strip = quote(attributes(V) <<- NULL),
  mark = quote(attr(V, "mark") <<- TO),
  levels = quote(levels(V) <<- c("u", "v")),
  longer = quote(length(V) <<- length(V) + 2L),
  part = quote(W <<- V[c(I, NA)]),
  joined = quote(W <<- c(V, V)),
  argument = quote({
    change <- function(p) {
      p[1] <- TO
      p
    }
    W <<- change(V)
  }),
  twins = quote({
    all <- list(V, V)
    all[[1]][1] <- TO
    W <<- all[[2]]
  }),
  swap = quote({
    copy <- V
    copy[1] <- copy[length(copy)]
    V[2] <<- TO
    W <<- copy
  }),
  frame = quote({
    frame <- data.frame(p = as.vector(V))
    frame$q <- frame$p
    frame$q[1] <- TO
    frame[I, ] <- frame[rev(I), ]
    W <<- frame$p
  }),
  reading = quote({
    sort(V)
    order(V)
    unique(V)
    match(V, V[1])
    paste(V)
    rev(V)
  }))
fill <- function(code, v, w, i, to) {
  do.call(substitute, list(code, list(V = as.name(v), W = as.name(w), I = i, TO = to)))
}

# What is done with a heap has its plain counterpart here.
with_heap <- list(
  make = function(v) ours[[v]] <- as_fmalloc(plain[[v]] <- vector_of(), rt),
  create = function(v) {
    plain[[v]] <- vector(pick(names(values)), pick(c(0, 1, 5, 600)))
    ours[[v]] <- create_fmalloc_vector(typeof(plain[[v]]), length(plain[[v]]), rt)
  },
  bring = function(v) ours[[v]] <- as_fmalloc(ours[[v]], rt),
  bind = function(v) {
    label <- pick(labels)
    rt[[label]] <- ours[[v]]
    bound[label] <<- list(plain[[v]])
  },
  bind_parts = function(v) {
    label <- pick(labels)
    rt[[label]] <- list(ours[[v]], list(ours[[v]]))
    bound[label] <<- list(list(plain[[v]], list(plain[[v]])))
  },
  find = function(v) {
    label <- pick(labels)
    if (!is.atomic(bound[[label]]) || is.null(bound[[label]])) return()
    plain[[v]] <- bound[[label]]
    ours[[v]] <- rt[[label]]
  },
  remove = function(v) {
    label <- pick(labels)
    if (!label %in% names(bound)) return()
    fmalloc_remove(rt, label)
    bound[[label]] <<- NULL
  },
  edit = function(v) {
    label <- pick(labels)
    if (!is.atomic(bound[[label]]) || length(bound[[label]]) < 2L) return()
    # What was fetched during an edit shows its stores: so it ends here.
    edited <- tryCatch(edit(rt, label), fileheap_error_edited = function(e) NULL)
    if (is.null(edited)) return()
    edited[[2]] <- edited[[1]]
    in_place <- isFALSE(fmalloc_info(edited)$temporary) # else R copied it
    if (in_place) bound[[label]][[2]] <<- bound[[label]][[1]]
    rm(edited)
    invisible(gc())
  },
  abort = function(v) {
    before <- plain[[v]]
    try(with_transaction(rt, {
      rt[[pick(labels)]] <- ours[[v]]
      ours[[v]][1] <- ours[[v]][length(before)]
      stop("no")
    }), silent = TRUE)
    # Stored in place it was undone; a copy that R made is R's.
    if (!identical(ours[[v]], before)) plain[[v]][1] <- before[length(before)]
  },
  refer = function(v) {
    twin <- unserialize(serialize(ours[[v]], NULL))
    stopifnot(identical(twin, plain[[v]]))
    if (length(twin)) twin[1] <- twin[length(twin)]
  },
  collect = function(v) invisible(gc()),
  drop = function(v) {
    rm(list = v, envir = ours)
    rm(list = v, envir = plain)
  })

differing <- function() {
  wrong <- Filter(function(v) !identical(ours[[v]], plain[[v]]), ls(plain))
  c(wrong, Filter(function(label) !identical(rt[[label]], bound[[label]]), names(bound)))
}
done <- character()
wrong <- character()
for (step in seq_len(steps)) {
  v <- pick(variables)
  what <- pick(c(names(programs), names(with_heap)))
  if (is.null(plain[[v]])) what <- pick(c("make", "create"))
  n <- length(plain[[v]])
  done <- c(done, paste(what, v))
  failed <- tryCatch({
    if (what %in% names(with_heap)) with_heap[[what]](v)
    else both(fill(programs[[what]], v, pick(variables), sample(n, min(n, 3L)),
                   some(pick(names(values)), 1L)))
    NULL
  }, error = conditionMessage)
  wrong <- c(differing(), failed)
  if (length(wrong)) break
}
expect_identical(wrong, character(),
                 info = paste("seed", seed, ":", paste(tail(done, 12L), collapse = "; ")))
expect_identical(length(done), steps)
rm(list = ls(ours), envir = ours)
expect_true(is_clean(rt))
options(old)
