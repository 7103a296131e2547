//! Gives the shared library its name for the linker: a program asks for this ABI, not for a file.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libfileheap.so.0");
}
