//! Tells the linker what the shared library is: its name is an ABI, not a file; it stays loaded.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libfileheap.so.0");
    // Threads end in it, and its own may be at work.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
