//! The collections that live in a file, each generic over its allocator.
