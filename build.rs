//! Linker arguments of the freestanding binary, and tables generated at build time.

#[path = "src/spec/capability.rs"]
#[allow(dead_code)]
mod capability;
#[path = "build/seccomp.rs"]
mod seccomp;
#[path = "build/syscalls.rs"]
mod system_calls;

use std::env::var;
use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    link();
    write("errors.txt", &error_texts());
    write("seccomp.rs", &seccomp_filter());
    let cpu = var("CARGO_CFG_TARGET_ARCH").expect("cargo sets it");
    write("syscalls.rs", &system_calls::generate(&cpu));
}

fn write(name: &str, content: &str) {
    let directory = PathBuf::from(var("OUT_DIR").expect("cargo sets it"));
    std::fs::write(directory.join(name), content).expect("OUT_DIR is writable");
}

/// Only for the binary; the library and the tests link as usual.
fn link() {
    for arg in [
        // `_start` (src/rt/arch) replaces the C start files.
        "-nostartfiles",
        // Position independent without an interpreter: `_start` applies the relocations itself.
        "-static-pie",
        // Some compilers (riscv64) know -static-pie only as -pie and would set an interpreter.
        "-Wl,--no-dynamic-linker",
        // Packs relative relocations into bitmaps (8 bytes for up to 63, instead of 24 each). A
        // linker without this option warns and writes the long form; src/rt reads both.
        "-Wl,-z,pack-relative-relocs",
        // Without RELRO, which would pad to a page: nothing changes page protection after
        // relocation.
        "-Wl,-z,norelro",
        "-Wl,--build-id=none",
        "-Wl,--gc-sections",
        "-Wl,--no-eh-frame-hdr",
    ] {
        println!("cargo::rustc-link-arg-bin=mini={arg}");
    }
    let root = var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    println!("cargo::rerun-if-changed=link.ld");
    println!("cargo::rustc-link-arg-bin=mini=-Wl,-T,{root}/link.ld");
}

/// Texts of the kernel's errors, one line per number. The `match` in the `syscalls` crate would
/// take twice the space. The numbers are the same on all of mini's CPUs.
fn error_texts() -> String {
    let lines: Vec<&str> =
        (0..=133).map(|number| syscalls::Errno::new(number).description().unwrap_or("")).collect();
    lines.join("\n")
}

fn seccomp_filter() -> String {
    const TABLE: &str = "src/plan/seccomp.table";
    println!("cargo::rerun-if-changed={TABLE}");
    println!("cargo::rerun-if-changed=src/spec/capability.rs");
    let table = std::fs::read_to_string(TABLE).expect("the table is there");
    let cpu = var("CARGO_CFG_TARGET_ARCH").expect("cargo sets it");
    seccomp::generate(&table, &cpu, &capability::NAMES)
}
