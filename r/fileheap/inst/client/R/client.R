# Four functions over fileheap's C interface.

# What a vector is: NULL unless it is file-backed.
facts <- function(x) .Call(client_facts, x)

# The first element of doubles, read from the mapping.
first <- function(x) .Call(client_first, x)

# Multiplies in place: the stores reach the file.
scale_in_place <- function(x, by) invisible(.Call(client_scale, x, by))

# 1, 2, ... n in the heap of another vector.
ascending <- function(beside, n) .Call(client_ascending, beside, as.double(n))
