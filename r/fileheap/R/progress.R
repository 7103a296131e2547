# Long operations: in steps between which the user can interrupt, with a bar after two seconds.

# Elements in one step of an operation.
steps <- new.env(parent = emptyenv())
steps$elements <- 65536

# Calls work(at, count) for the pieces of 0..n, in order; fewer than `least` elements at the end
# belong to the piece before.
over_pieces <- function(n, what, work, step = steps$elements, least = 1) {
  bar <- new_bar(n, what)
  on.exit(bar$close())
  at <- 0
  while (at < n) {
    count <- if (n - at < step + least) n - at else step
    work(at, count)
    at <- at + count
    bar$tell(at)
  }
}

no_bar <- list(tell = function(at) NULL, close = function() NULL)

# A bar that appears when two seconds are over, in interactive sessions or if the option says so.
new_bar <- function(total, what) {
  if (!isTRUE(getOption("fileheap.progress", interactive()))) return(no_bar)
  start <- proc.time()[[3L]]
  shown <- NULL
  tell <- function(at) {
    if (is.null(shown) && proc.time()[[3L]] - start >= getOption("fileheap.progress_after", 2)) {
      shown <<- show_bar(total, what)
    }
    if (!is.null(shown)) shown$tell(at)
  }
  list(tell = tell, close = function() if (!is.null(shown)) shown$close())
}

show_bar <- function(total, what) {
  if (requireNamespace("cli", quietly = TRUE)) {
    old <- options(cli.progress_show_after = 0) # we have waited
    on.exit(options(old))
    bar <- cli::cli_progress_bar(what, total = total, .auto_close = FALSE)
    list(tell = function(at) cli::cli_progress_update(set = at, id = bar),
         close = function() cli::cli_progress_done(id = bar))
  } else {
    bar <- utils::txtProgressBar(max = total, style = 3, file = stderr())
    list(tell = function(at) utils::setTxtProgressBar(bar, at),
         close = function() close(bar))
  }
}
