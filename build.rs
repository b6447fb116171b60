//! The freestanding binary's linker arguments, and tables that are made when building.

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

/// For the binary alone; the library and the tests link as usual.
fn link() {
    for arg in [
        // Our own `_start` (src/rt/arch) instead of the C start files.
        "-nostartfiles",
        // No interpreter, yet position independent: `_start` applies the relocations itself.
        "-static-pie",
        // Some compilers (riscv64) know the former only as -pie, and would name a loader.
        "-Wl,--no-dynamic-linker",
        // Relative relocations packed into bitmaps (8 bytes for up to 63 of them, instead of 24
        // each). A linker that does not know the word warns and writes the long form; src/rt
        // reads both.
        "-Wl,-z,pack-relative-relocs",
        // Nothing is re-protected after relocation, so no padding to a page for it.
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

/// The kernel's errors in words, a line for each number from 0 on: as a `match` in the `syscalls`
/// crate they would take twice the room. The numbers mini can meet are the same on its CPUs.
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
