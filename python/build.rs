//! Tells the code whether OpenSSL is this module's own copy, or the system's.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(own_openssl)");
    if std::env::var_os("DEP_OPENSSL_VENDORED").is_some() {
        println!("cargo::rustc-cfg=own_openssl");
    }
}
