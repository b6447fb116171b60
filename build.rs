//! Linker arguments of the freestanding binary; the library and the tests link as usual.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for arg in [
        // Our own `_start` (src/rt/arch) instead of the C start files.
        "-nostartfiles",
        // No interpreter, yet position independent: `_start` applies the relocations itself.
        "-static-pie",
        // Relative relocations packed into bitmaps (8 bytes for up to 63 of them, instead of 24 each).
        // A linker that does not know the word warns and writes the long form; src/rt reads both.
        "-Wl,-z,pack-relative-relocs",
        // Nothing is re-protected after relocation, so no padding to a page for it.
        "-Wl,-z,norelro",
        "-Wl,--build-id=none",
        "-Wl,--gc-sections",
        "-Wl,--no-eh-frame-hdr",
    ] {
        println!("cargo::rustc-link-arg-bin=mini={arg}");
    }
    let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    println!("cargo::rerun-if-changed=link.ld");
    println!("cargo::rustc-link-arg-bin=mini=-Wl,-T,{root}/link.ld");
}
