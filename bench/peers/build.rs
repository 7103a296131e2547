//! Compiles the C++ shim of the Boost peer when the feature `cpp` is on.

fn main() {
    println!("cargo:rerun-if-changed=cpp/boost.cpp");
    #[cfg(feature = "cpp")]
    cc::Build::new().cpp(true).std("c++17").opt_level(2).file("cpp/boost.cpp").compile("boostpeer");
}
