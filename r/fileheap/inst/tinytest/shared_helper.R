# What the tests of shared data share.
source("helper.R", local = TRUE)

# A place of their own for the shared heaps of these tests, so that leaks can be counted.
shared_place <- tempfile("shared")
dir.create(shared_place)
options(fileheap.shared_path = shared_place)
left_over <- function() list.files(shared_place, recursive = TRUE)

alive <- function(pid) !is.na(fileheap:::process_start(pid))

# The condition that an expression raises.
caught <- function(code) tryCatch({
  force(code)
  NULL
}, error = identity)
