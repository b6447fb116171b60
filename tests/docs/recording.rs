//! The picture of a session in the README, docs/session.svg: made from what the commands print.

use crate::stage::{Stage, Who, variable};
use std::fs;
use std::process::{Command, Stdio};

/// What is typed, in a directory that has a Debian root.
const SESSION: [&str; 5] = [
    "mini run -- sh -c 'echo \"hello from pid $$ on $(uname -n)\"'",
    "mini run --rootfs debian:O -u www-data -w /tmp -- sh -c 'head -n 1 /etc/os-release; id -un'",
    "mini run -m 64m -- tail /dev/zero; echo \"status $?\"",
    "mini run --timeout 0.5 -- sleep 60; echo \"status $?\"",
    "mini run --trace --rootfs debian true",
];

/// The picture shows what is printed now, but for numbers. MINI_TEST_UPDATE draws it.
pub fn is_up_to_date(stage: &Stage) -> Result<(), String> {
    let path = stage.top.join("docs/session.svg");
    let drawn = draw(&play(stage));
    if variable("MINI_TEST_UPDATE").is_some() {
        fs::write(&path, &drawn).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    if without_numbers(&there) == without_numbers(&drawn) {
        return Ok(());
    }
    Err(format!("docs/session.svg is another session than\n{drawn}"))
}

/// Each command, and the lines that it prints.
fn play(stage: &Stage) -> Vec<(&'static str, Vec<String>)> {
    let directory = stage.directory(Who::Root);
    let path = std::env::var("PATH").unwrap_or_default();
    let bin = stage.mini().parent().unwrap().display().to_string();
    let run = |command: &'static str| {
        let output = Command::new("bash")
            .args(["-c", &format!("exec 2>&1; {command}")])
            .env("PATH", format!("{bin}:{path}"))
            .current_dir(&directory)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (command, text.lines().map(String::from).collect())
    };
    SESSION.into_iter().map(run).collect()
}

fn without_numbers(text: &str) -> String {
    let mut kept = String::new();
    for letter in text.chars() {
        match letter.is_ascii_digit() {
            true if kept.ends_with('#') => {}
            true => kept.push('#'),
            false => kept.push(letter),
        }
    }
    kept
}

/// Letters of a line of the picture.
const COLUMNS: usize = 96;

fn draw(session: &[(&str, Vec<String>)]) -> String {
    let mut rows = Vec::new();
    for (command, output) in session {
        for part in folded(&format!("$ {command}")) {
            rows.push(("command", part));
        }
        // A trace is long: its beginning and its end tell enough.
        let shown: Vec<_> = match output.len() {
            0..12 => output.clone(),
            length => [&output[..4], &["...".to_string()], &output[length - 4..]].concat(),
        };
        for line in shown {
            rows.extend(folded(&line).into_iter().map(|part| ("output", part)));
        }
        rows.push(("output", String::new()));
    }
    rows.pop();
    let (letter, line) = (8.43, 19);
    let (width, height) = (COLUMNS as f64 * letter + 32.0, rows.len() * line + 28);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height}\" viewBox=\"0 0 {width:.0} {height}\">
<!-- Drawn from real output by tests/docs/recording.rs. -->
<style>
  text {{ font: 14px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; white-space: pre; }}
  .command {{ fill: #b5e8a0; }}
  .output {{ fill: #d8dee9; }}
</style>
<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#20242c\"/>
"
    );
    for (at, (class, text)) in rows.iter().enumerate() {
        let y = at * line + 27;
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        if !text.is_empty() {
            svg.push_str(&format!(
                "<text class=\"{class}\" x=\"16\" y=\"{y}\" xml:space=\"preserve\">{text}</text>\n"
            ));
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// A line as a terminal of that width breaks it.
fn folded(line: &str) -> Vec<String> {
    let letters: Vec<_> = line.chars().collect();
    letters.chunks(COLUMNS).map(|part| part.iter().collect()).collect()
}
