//! What the binary is made of.

use crate::world::World;
use crate::{Need, Promise};
use std::fs;
use std::path::Path;

pub const PROMISES: &[Promise] = &[
    Promise { name: "the_binary_needs_no_loader_and_no_library", needs: &[], check: standalone },
    Promise { name: "unsafe_stays_in_sys_and_rt", needs: &[Need::Root], check: unsafe_places },
    Promise {
        name: "a_dependency_never_brings_std_into_the_binary",
        needs: &[Need::Root],
        check: features,
    },
];

/// Reads the program headers and the dynamic section itself, so that no tool is needed.
fn standalone(world: &World) {
    let elf = fs::read(world.mini()).unwrap();
    let number = |at: usize, size: usize| -> usize {
        elf[at..at + size].iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    };
    assert_eq!(&elf[..5], b"\x7fELF\x02");
    const INTERP: usize = 3;
    const DYNAMIC: usize = 2;
    const NEEDED: usize = 1;
    let (headers, count) = (number(32, 8), number(56, 2));
    let mut dynamic = None;
    for header in (0..count).map(|index| headers + index * 56) {
        assert_ne!(number(header, 4), INTERP, "it asks for a dynamic loader");
        if number(header, 4) == DYNAMIC {
            dynamic = Some((number(header + 8, 8), number(header + 32, 8)));
        }
    }
    let (offset, size) = dynamic.expect("position independent");
    for entry in (offset..offset + size).step_by(16) {
        assert_ne!(number(entry, 8), NEEDED, "it asks for a shared library");
    }
}

fn unsafe_places(_: &World) {
    fn walk(directory: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(directory).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if !path.ends_with("src/sys") && !path.ends_with("src/rt") {
                    walk(&path, found);
                }
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            if code.lines().any(|line| line.contains("unsafe ") && !line.trim().starts_with("//")) {
                found.push(path.display().to_string());
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert_eq!(found, Vec::<String>::new());
}

fn features(_: &World) {
    let cargo = std::env::var("CARGO").unwrap_or("cargo".into());
    let output = std::process::Command::new(cargo)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--offline", "-e", "features", "-i", "libc"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(!String::from_utf8(output.stdout).unwrap().contains("libc feature \"std\""));
}
