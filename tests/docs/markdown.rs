//! What a page of documentation holds: blocks with commands, files to save, links, and headings.

use std::fs;
use std::path::{Path, PathBuf};

/// One page.
pub struct Page {
    /// Its path from the top of the repository.
    pub name: String,
    pub text: String,
    pub blocks: Vec<Block>,
}

/// A fenced block.
pub struct Block {
    /// The number of its first line, the fence.
    pub line: usize,
    /// The first word after the fence.
    pub language: String,
    /// What the machine must have, from `needs=ONE,TWO` after the language.
    pub needs: Vec<String>,
    /// The name under which the reader saves the block, from `file=NAME`.
    pub file: Option<String>,
    /// What else runs it, from `by=NAME`.
    pub by: Option<String>,
    pub lines: Vec<String>,
}

/// A command of a console block, and the output that the page shows for it.
pub struct Example {
    /// The number of the line with the prompt.
    pub line: usize,
    pub command: String,
    pub output: Vec<String>,
}

impl Page {
    pub fn read(top: &Path, name: &str) -> Page {
        let text = fs::read_to_string(top.join(name)).unwrap();
        let blocks = blocks(&text);
        Page { name: name.into(), text, blocks }
    }

    /// The targets of the page's links, with the number of the line.
    pub fn links(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for (line, text) in self.prose() {
            let mut rest = text;
            while let Some(at) = rest.find("](") {
                rest = &rest[at + 2..];
                let end = rest.find(')').unwrap_or(rest.len());
                found.push((line, rest[..end].to_string()));
                rest = &rest[end..];
            }
        }
        found
    }

    /// The anchors that GitHub makes of the page's headings.
    pub fn anchors(&self) -> Vec<String> {
        let headings = self.prose().into_iter().filter(|(_, line)| line.starts_with('#'));
        headings.map(|(_, line)| anchor(line.trim_start_matches('#'))).collect()
    }

    /// The lines outside of fences, with their numbers.
    pub fn prose(&self) -> Vec<(usize, &str)> {
        let mut inside = false;
        let mut lines = Vec::new();
        for (at, line) in self.text.lines().enumerate() {
            if line.starts_with("```") {
                inside = !inside;
            } else if !inside {
                lines.push((at + 1, line));
            }
        }
        lines
    }
}

/// Every page of the repository: at the top, in docs/ and in examples/.
pub fn pages(top: &Path) -> Vec<Page> {
    let mut names = Vec::new();
    for directory in ["", "docs", "examples"] {
        for entry in fs::read_dir(top.join(directory)).unwrap().flatten() {
            let name = PathBuf::from(directory).join(entry.file_name());
            if name.extension().is_some_and(|extension| extension == "md") {
                names.push(name.to_str().unwrap().to_string());
            }
        }
    }
    names.sort();
    names.iter().map(|name| Page::read(top, name)).collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        letter if letter.is_alphanumeric() => Some(letter.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let mut words = info.split_whitespace();
        let language = words.next().unwrap_or_default().to_string();
        let mut block = Block {
            line: at + 1,
            language,
            needs: Vec::new(),
            file: None,
            by: None,
            lines: Vec::new(),
        };
        for word in words {
            match word.split_once('=') {
                Some(("needs", value)) => {
                    block.needs = value.split(',').map(String::from).collect();
                }
                Some(("file", value)) => block.file = Some(value.into()),
                Some(("by", value)) => block.by = Some(value.into()),
                _ => panic!("line {}: what is {word}?", at + 1),
            }
        }
        let body = lines.by_ref().map(|(_, line)| line).take_while(|line| !line.starts_with("```"));
        block.lines = body.map(String::from).collect();
        blocks.push(block);
    }
    blocks
}

impl Block {
    /// The commands of a console block: `$ ` begins one, `> ` continues it, the rest is output.
    pub fn examples(&self) -> Vec<Example> {
        let mut examples: Vec<Example> = Vec::new();
        for (at, line) in self.lines.iter().enumerate() {
            let number = self.line + 1 + at;
            if let Some(command) = line.strip_prefix("$ ") {
                let example = Example { line: number, command: command.into(), output: Vec::new() };
                examples.push(example);
                continue;
            }
            let last = examples.last_mut().expect("a console block begins with a command");
            match line.strip_prefix("> ") {
                Some(more) if last.output.is_empty() => {
                    last.command.push('\n');
                    last.command.push_str(more);
                }
                _ => last.output.push(line.clone()),
            }
        }
        examples
    }
}

/// Whether output is as a page shows it: a line `...` stands for any lines, `[..]` for any part of a line.
pub fn matches(shown: &[String], printed: &[&str]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first.trim() == "..." => {
            (0..=printed.len()).any(|skip| matches(rest, &printed[skip..]))
        }
        Some((first, rest)) => printed.split_first().is_some_and(|(line, others)| {
            line_matches(first.trim_end(), line.trim_end()) && matches(rest, others)
        }),
    }
}

fn line_matches(shown: &str, printed: &str) -> bool {
    match shown.split_once("[..]") {
        None => shown == printed,
        Some((before, after)) => printed.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices()
                .map(|(at, _)| at)
                .chain([rest.len()])
                .any(|at| line_matches(after, &rest[at..]))
        }),
    }
}

/// The harness itself must be able to say no.
pub fn check_matching() {
    let shown = |text: &str| text.lines().map(String::from).collect::<Vec<_>>();
    let cases = [
        ("one\ntwo", "one\ntwo", true),
        ("one\ntwo", "one", false),
        ("one", "one\ntwo", false),
        ("one\n...", "one\ntwo\nthree", true),
        ("...\nthree", "one\ntwo\nthree", true),
        ("...\ntwo", "one\ntwo\nthree", false),
        ("pid [..] of [..]!", "pid 5 of 6!", true),
        ("pid [..] of [..]!", "pid 5 of 6", false),
        ("", "something", false),
    ];
    for (page, printed, wanted) in cases {
        let printed: Vec<_> = printed.lines().collect();
        assert_eq!(matches(&shown(page), &printed), wanted, "{page:?} and {printed:?}");
    }
    assert_eq!(anchor(" With `--rootfs`: what, where?"), "with---rootfs-what-where");
}
