//! Man pages without warnings, and completions tried in the shells that they are for.

use crate::stage::Stage;
use std::fs;
use std::path::Path;
use std::process::Command;

/// mandoc(1) and groff(1) have nothing to say about the man pages.
pub fn man_pages_are_clean(stage: &Stage) -> Result<(), String> {
    let mut seen = 0;
    for entry in fs::read_dir(stage.top.join("man")).unwrap().flatten() {
        let page = entry.path();
        seen += 1;
        for program in [
            &["mandoc", "-T", "lint", "-W", "warning"][..],
            &["groff", "-ww", "-man", "-T", "utf8", "-z"],
        ] {
            let output = Command::new(program[0]).args(&program[1..]).arg(&page).output().unwrap();
            let said = [output.stdout, output.stderr].concat();
            if !said.is_empty() {
                return Err(format!("{program:?}: {}", String::from_utf8_lossy(&said)));
            }
        }
        let text = fs::read_to_string(&page).unwrap();
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "SEE ALSO"] {
            assert!(text.contains(&format!(".SH {section}\n")), "{page:?} has no {section}");
        }
    }
    assert!(seen >= 3, "{seen} man pages");
    Ok(())
}

/// Each shell reads its completion, and runs no part of it.
pub fn completions_are_read(stage: &Stage) -> Result<(), String> {
    for (shell, file) in [("bash", "mini.bash"), ("zsh", "_mini"), ("fish", "mini.fish")] {
        let script = stage.top.join("completions").join(file);
        let output = Command::new(shell).arg("-n").arg(script).output().unwrap();
        if !output.status.success() || !output.stderr.is_empty() {
            return Err(format!("{shell}: {}", String::from_utf8_lossy(&output.stderr)));
        }
    }
    Ok(())
}

/// What is typed, and what a shell must and must not offer then.
const TYPED: [(&str, &[&str], &[&str]); 16] = [
    ("mini ", &["run", "check", "help"], &["--network"]),
    ("mini ru", &["run"], &["check"]),
    ("mini run --net", &["--network"], &["--name", "--pid"]),
    ("mini run --network ", &["none", "host"], &["--pid"]),
    ("mini run --network h", &["host"], &["none"]),
    ("mini run --rootfs ro", &["rootfile"], &["another"]),
    ("mini run -v ro", &["rootfile"], &["another"]),
    ("mini run --timeout 5 --pi", &["--pidfile", "--pids-limit"], &["--network"]),
    ("mini run --cap-add NET_B", &["NET_BIND_SERVICE", "NET_BROADCAST"], &["SYS_ADMIN"]),
    ("mini check --j", &["--json"], &["--network"]),
    ("mini run -m 64m -- mkfif", &["mkfifo"], &["--network"]),
    ("mini --roo", &["--root"], &["--network"]),
    ("mini --log-format ", &["text", "json"], &["run"]),
    ("mini --root /x --log=/y cre", &["create"], &["run"]),
    ("mini --root /x create --bun", &["--bundle"], &["--network"]),
    ("mini run --rm cat ro", &["rootfile"], &["another"]),
];

pub fn bash_completes(stage: &Stage) -> Result<(), String> {
    let script = r#"
        source "$1"
        complete -p mini >/dev/null || exit 1
        COMP_LINE=$2 COMP_POINT=${#2}
        read -ra COMP_WORDS <<<"$2"
        [[ $2 = *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        compopt() { :; }
        _mini
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    try_all(stage, |line, directory| {
        let mut command = Command::new("bash");
        command.args(["--norc", "-c", script, "bash"]);
        command.arg(stage.top.join("completions/mini.bash")).arg(line).current_dir(directory);
        command
    })
}

pub fn fish_completes(stage: &Stage) -> Result<(), String> {
    try_all(stage, |line, directory| {
        let mut command = Command::new("fish");
        command.args(["--no-config", "-c", "source $argv[1]; complete -C $argv[2]"]);
        command.arg(stage.top.join("completions/mini.fish")).arg(line).current_dir(directory);
        command.env("HOME", directory);
        command
    })
}

/// zsh completes on a terminal only, here one of its own (zpty).
pub fn zsh_completes(stage: &Stage) -> Result<(), String> {
    let script = r#"
        zmodload zsh/zpty
        zpty -b z zsh -f -i
        say() { zpty -w z "$1"; }
        # Reads until a mark has come, at most ten seconds.
        hear() {
            local text= part i
            for i in {1..1000}; do
                while zpty -r -t z part; do text+=$part; done
                [[ $text = *$1* ]] && break
                sleep 0.01
            done
            print -r -- "$text"
        }
        say "unsetopt zle_bracketed_paste beep; PROMPT= RPROMPT= LISTMAX=10000 COLUMNS=200 LINES=400"
        say "fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D"
        # What is offered, instead of what a terminal would show of it.
        say "zstyle ':completion:*' list-rows-first yes"
        say "compadd() { builtin compadd \"\$@\"; local -a seen; builtin compadd -O seen \"\$@\"; offered+=(\$seen); }"
        say "_offer() { typeset -ga offered; offered=(); _main_complete; }"
        say "zle -C offer complete-word _offer; bindkey '^X' offer"
        say "show() { BUFFER=; zle -I; print -l -- begin-of-it \$offered end-of-it; }; zle -N show; bindkey '^Y' show"
        say "print rea''dy"
        hear ready >/dev/null
        zpty -w -n z "$2"$'\C-X\C-Y'
        hear end-of-it | tr -d '\r' | sed -n '/begin-of-it/,/end-of-it/p'
        zpty -d z
    "#;
    try_all(stage, |line, directory| {
        let mut command = Command::new("zsh");
        command.args(["-f", "-c", script, "zsh"]);
        command.arg(stage.top.join("completions")).arg(line).current_dir(directory);
        command.env("HOME", directory).env("TERM", "vt100");
        command
    })
}

fn try_all(stage: &Stage, shell: impl Fn(&str, &Path) -> Command) -> Result<(), String> {
    let directory = stage.directory(crate::stage::Who::Root);
    for name in ["rootfile", "another"] {
        fs::write(directory.join(name), "").unwrap();
    }
    let mut wrong = String::new();
    for (line, wanted, unwanted) in TYPED {
        let output = shell(line, &directory).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        // fish adds a description after a tab; an option that takes a value may end with =.
        let offered: Vec<_> = text
            .lines()
            .map(|line| line.split('\t').next().unwrap_or_default().trim_end_matches(['=', ' ']))
            .collect();
        let has = |word: &&&str| offered.contains(*word);
        let missing: Vec<_> = wanted.iter().filter(|word| !has(word)).collect();
        let surplus: Vec<_> = unwanted.iter().filter(has).collect();
        if !missing.is_empty() || !surplus.is_empty() || !complaint.is_empty() {
            wrong.push_str(&format!(
                "{line:?}: lacks {missing:?}, has {surplus:?}: {offered:?} {complaint}\n"
            ));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}
