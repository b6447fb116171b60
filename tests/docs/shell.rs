//! Runs the console blocks of a page as a reader would: one after the other, in one directory.

use crate::markdown::{Block, Page, matches};
use crate::stage::{Stage, Who};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A page and who reads it; its blocks are run when the first of them is asked about.
pub struct Reading {
    page: Arc<Page>,
    who: Who,
    stage: Arc<Stage>,
    results: Mutex<Option<Vec<Result<(), String>>>>,
}

impl Reading {
    pub fn new(page: &Arc<Page>, who: Who, stage: &Arc<Stage>) -> Arc<Reading> {
        let results = Mutex::new(None);
        Arc::new(Reading { page: page.clone(), who, stage: stage.clone(), results })
    }

    /// What became of the block with this index.
    pub fn result(&self, index: usize) -> Result<(), String> {
        // A page that panicked is one whose blocks all fail.
        let mut results =
            self.results.lock().map_err(|_| "the page could not be run".to_string())?;
        results.get_or_insert_with(|| self.run())[index].clone()
    }

    fn run(&self) -> Vec<Result<(), String>> {
        let directory = self.stage.directory(self.who);
        self.page
            .blocks
            .iter()
            .map(|block| {
                if let Some(name) = &block.file {
                    let path = directory.join(name);
                    fs::write(&path, block.lines.join("\n") + "\n").unwrap();
                    self.stage.give(self.who, &path);
                }
                if block.language != "console"
                    || block.by.is_some()
                    || !self.stage.is_for(self.who, &block.needs)
                    || self.stage.missing(self.who, &block.needs).is_some()
                {
                    return Ok(());
                }
                self.block(block, &directory)
            })
            .collect()
    }

    fn block(&self, block: &Block, directory: &Path) -> Result<(), String> {
        let examples = block.examples();
        let mut script = String::from("exec 2>&1\n");
        for example in &examples {
            // The status is kept for `echo $?` on a line of its own.
            script.push_str(&format!(
                "{}\n__status=$?; printf '\\036%s\\n' $__status; (exit $__status)\n",
                example.command
            ));
        }
        let limit = if block.needs.iter().any(|need| need == "kernel") { 300 } else { 120 };
        let printed = self.bash(&script, block, directory, Duration::from_secs(limit))?;
        let mut rest = printed.as_str();
        let mut wrong = String::new();
        for (at, example) in examples.iter().enumerate() {
            let Some((output, more)) = rest.split_once('\u{1e}') else {
                return Err(format!(
                    "line {}: does not end: {}\n{rest}",
                    example.line, example.command
                ));
            };
            let (status, more) = more.split_once('\n').unwrap_or((more, ""));
            rest = more;
            let lines: Vec<_> = output.lines().map(|line| line.trim_end_matches('\r')).collect();
            if !matches(&example.output, &lines) {
                wrong.push_str(&format!(
                    "{}:{}: $ {}\n--- the page\n{}\n--- what was printed\n{}\n",
                    self.page.name,
                    example.line,
                    example.command,
                    example.output.join("\n"),
                    lines.join("\n")
                ));
                self.stage.propose(&self.page.name, example, &lines);
            }
            let told = example.command.contains("$?")
                || examples.get(at + 1).is_some_and(|next| next.command.contains("$?"));
            if status != "0" && !told {
                wrong.push_str(&format!(
                    "{}:{}: $ {}\nends with status {status}, which the page does not show:\n{output}\n",
                    self.page.name, example.line, example.command
                ));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// Runs a script; all of its processes are gone afterwards.
    fn bash(
        &self,
        script: &str,
        block: &Block,
        directory: &Path,
        limit: Duration,
    ) -> Result<String, String> {
        let file = directory.join(".script");
        let output = directory.join(".output");
        fs::write(&file, script).unwrap();
        let sink = fs::File::create(&output).unwrap();
        let mut command = Command::new("bash");
        command.arg(&file).stdin(Stdio::null()).stdout(sink);
        self.stage.prepare(&mut command, self.who, block, directory);
        command.process_group(0);
        let mut child = command.spawn().unwrap();
        let deadline = Instant::now() + limit;
        let ended = loop {
            match child.try_wait().unwrap() {
                Some(_) => break true,
                None if Instant::now() > deadline => break false,
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        let group = rustix::process::Pid::from_child(&child);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = child.wait();
        let text = visible(&String::from_utf8_lossy(&fs::read(&output).unwrap()));
        if ended { Ok(text) } else { Err(format!("not within {limit:?}:\n{text}")) }
    }
}

/// What a terminal shows of a text: without escape sequences, such as those of a machine's firmware.
fn visible(text: &str) -> String {
    let mut shown = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\u{1b}' {
            shown.push(letter);
        } else if letters.next() == Some('[') {
            letters.by_ref().find(char::is_ascii_alphabetic);
        }
    }
    shown
}
