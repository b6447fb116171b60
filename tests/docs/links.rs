//! Links lead to files and headings that are there; pages keep the rules that let them be run.

use crate::markdown::{Page, pages};
use std::path::{Component, Path, PathBuf};

/// Every link to a file of the repository, and to a heading in one.
pub fn lead_somewhere(top: &Path) -> Result<(), String> {
    let mut wrong = String::new();
    let mut seen = 0;
    for page in pages(top) {
        for (line, link) in page.links() {
            seen += 1;
            if link.starts_with("https://") {
                continue;
            }
            if let Err(reason) = follow(top, &page, &link) {
                wrong.push_str(&format!("{}:{line}: {link}: {reason}\n", page.name));
            }
        }
    }
    assert!(seen > 30, "only {seen} links were found");
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn follow(top: &Path, page: &Page, link: &str) -> Result<(), String> {
    let (file, anchor) =
        link.split_once('#').map_or((link, None), |(file, name)| (file, Some(name)));
    let name = if file.is_empty() {
        PathBuf::from(&page.name)
    } else {
        flat(&Path::new(&page.name).parent().unwrap().join(file))
    };
    if !top.join(&name).exists() {
        return Err(format!("no {}", name.display()));
    }
    let Some(anchor) = anchor else { return Ok(()) };
    let target = Page::read(top, name.to_str().unwrap());
    if target.anchors().iter().any(|heading| heading == anchor) {
        Ok(())
    } else {
        Err(format!("no such heading; there are {:?}", target.anchors()))
    }
}

/// The path without `..`.
fn flat(path: &Path) -> PathBuf {
    let mut flat = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                flat.pop();
            }
            part => flat.push(part),
        }
    }
    flat
}

/// Each page of docs/ can be reached from the README.
pub fn reach_every_page(top: &Path) -> Result<(), String> {
    let readme = Page::read(top, "README.md");
    let links = readme.links();
    for page in pages(top) {
        let is_linked = links.iter().any(|(_, link)| link.split('#').next() == Some(&page.name));
        if page.name.starts_with("docs/") && !is_linked {
            return Err(format!("README.md does not link to {}", page.name));
        }
    }
    Ok(())
}

/// Commands stand in console blocks only, where they are run.
pub fn commands_are_in_console_blocks(top: &Path) -> Result<(), String> {
    for page in pages(top) {
        for block in page.blocks.iter().filter(|block| block.language != "console") {
            if let Some(line) = block.lines.iter().find(|line| line.starts_with("$ ")) {
                return Err(format!("{}:{}: not a console block: {line}", page.name, block.line));
            }
        }
    }
    Ok(())
}

/// The summary of docs/matrix.md is that of its rows.
pub fn matrix_is_summed_up(top: &Path) -> Result<(), String> {
    let page = std::fs::File::open(top.join("docs/matrix.md")).unwrap();
    let output = std::process::Command::new(top.join("tests/vm/matrix"))
        .arg("--summary")
        .stdin(page)
        .output()
        .unwrap();
    let summary = String::from_utf8(output.stdout).unwrap();
    assert_eq!(summary.lines().count(), 6, "{summary}");
    match Page::read(top, "docs/matrix.md").text.contains(&summary) {
        true => Ok(()),
        false => Err(format!("docs/matrix.md sums up otherwise than\n{summary}")),
    }
}

/// What a page leaves to another one is there, to be run, word for word.
pub fn others_run_what_is_left_to_them(top: &Path) -> Result<(), String> {
    let pages = pages(top);
    for page in &pages {
        for block in &page.blocks {
            let Some(other) = block.by.as_ref().filter(|by| by.ends_with(".md")) else { continue };
            let other = pages.iter().find(|page| page.name == *other).expect("the other page");
            let runs = |lines: &[String]| {
                other.blocks.iter().any(|it| it.by.is_none() && it.lines.as_slice() == lines)
            };
            if !runs(&block.lines) {
                return Err(format!(
                    "{}:{}: {} has no such block",
                    page.name, block.line, other.name
                ));
            }
        }
    }
    Ok(())
}
