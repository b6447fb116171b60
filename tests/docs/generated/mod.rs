//! What is generated from the option tables: man pages, and completions for bash, zsh and fish.
//!
//! The files are committed, so that a package and a reader without a toolchain have them. A test compares them;
//! `MINI_TEST_UPDATE=1 cargo test --test docs generated` writes them.

mod bash;
mod fish;
mod man;
mod zsh;

use crate::stage::variable;
use std::fs;
use std::path::Path;

/// A verb of mini, as far as pages and completions are concerned.
pub struct Verb {
    pub name: &'static str,
    /// What it is for, as a sentence without its stop.
    pub summary: String,
    pub synopsis: String,
    pub options: Vec<Opt>,
    /// What follows the options.
    pub operand: Operand,
}

/// What follows the options of a verb.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    None,
    /// A command and its arguments.
    Command,
    /// The name of a verb.
    Verb,
    /// The id of a container.
    Id,
}

/// An option, with its texts.
#[derive(Clone)]
pub struct Opt {
    pub section: Option<String>,
    pub long: String,
    pub short: Option<char>,
    /// The word of the program mini descends from, with its dash.
    pub original: Option<String>,
    pub value: Option<String>,
    pub help: String,
}

/// What a shell offers for the value of an option.
pub enum Offer {
    Files,
    Directories,
    Words(Vec<String>),
    Users,
    Nothing,
}

impl Opt {
    fn new(option: mini::cli::Unpacked) -> Opt {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let some = |bytes: &[u8]| (!bytes.is_empty()).then(|| text(bytes));
        Opt {
            section: some(option.section),
            long: text(option.long),
            short: option.short.map(char::from),
            original: some(option.original),
            value: some(option.value),
            help: text(option.help),
        }
    }

    /// Name, letter, value and help; without it, empty.
    fn of_oci([long, letter, value, help]: [&str; 4]) -> Opt {
        Opt {
            section: None,
            long: long.into(),
            short: letter.chars().next(),
            original: None,
            value: (!value.is_empty()).then(|| value.into()),
            help: help.into(),
        }
    }

    /// What to offer for its value, from the word that help has for it.
    pub fn offer(&self) -> Offer {
        let Some(value) = self.value.as_deref() else { return Offer::Nothing };
        let words =
            |words: &str| Offer::Words(words.split_whitespace().map(String::from).collect());
        match self.long.as_str() {
            "rootfs" | "volume" | "device" | "overlay" | "report" | "console-socket" => {
                return Offer::Files;
            }
            "workdir" => return Offer::Directories,
            "log-format" => return words("text json"),
            "format" => return words("table json"),
            "rootless" => return words("true false"),
            "user" => return Offer::Users,
            "cap-add" | "cap-drop" => return Offer::Words(capabilities()),
            "stop-signal" => return words("TERM INT HUP QUIT KILL USR1 USR2"),
            "then" => return words("poweroff reboot halt panic"),
            "security-opt" => {
                return words(
                    "no-new-privileges=false seccomp=unconfined seccomp= mask= unmask= unmask=all",
                );
            }
            "mount" => {
                return words(
                    "type=bind type=tmpfs type=image type=overlay type=proc type=sysfs type=mqueue type=devpts",
                );
            }
            "ulimit" => {
                return words(
                    "as= core= cpu= data= fsize= locks= memlock= msgqueue= nice= nofile= nproc= rss= rtprio= \
                     rttime= sigpending= stack=",
                );
            }
            _ => {}
        }
        if value.contains('|')
            && value.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'|' | b'-'))
        {
            return Offer::Words(value.split('|').map(String::from).collect());
        }
        match value {
            "host" => words("host"),
            "FILE" | "PATH" => Offer::Files,
            "DIR" => Offer::Directories,
            _ => Offer::Nothing,
        }
    }

    /// Its help as a sentence.
    pub fn sentence(&self) -> String {
        let mut letters = self.help.chars();
        let first = letters.next().unwrap();
        // `name: what it does` begins with a value, which keeps its letters.
        let starts_with_value = self.help.split(' ').next().unwrap().ends_with(':');
        let mut text = match starts_with_value {
            true => first.to_string(),
            false => first.to_uppercase().to_string(),
        };
        text.push_str(letters.as_str());
        if !text.ends_with('.') {
            text.push('.');
        }
        text
    }

    /// The first clause of its help, for a list.
    pub fn short_help(&self) -> &str {
        let end = [". ", "; ", " ("].iter().filter_map(|stop| self.help.find(stop)).min();
        self.help[..end.unwrap_or(self.help.len())].trim_end_matches(['.', ':'])
    }
}

fn capabilities() -> Vec<String> {
    mini::spec::capability::NAMES
        .iter()
        .map(|name| name.to_string())
        .chain(["ALL".into()])
        .collect()
}

/// The options that stand before an OCI runtime's verb.
pub fn global() -> Vec<Opt> {
    mini::cli::oci::described().next().unwrap().options.into_iter().map(Opt::of_oci).collect()
}

pub fn verbs() -> Vec<Verb> {
    let flag = |long: &str, help: &str| Opt::of_oci([long, "", "", help]);
    let mut verbs = vec![
        Verb {
            name: "run",
            summary: "run a command in a container".into(),
            synopsis: "[OPTIONS] [--] COMMAND [ARG...]".into(),
            options: mini::cli::run_options().map(Opt::new).collect(),
            operand: Operand::Command,
        },
        Verb {
            name: "check",
            summary: "test what works on this host".into(),
            synopsis: "[--json]".into(),
            options: vec![flag("json", "print a JSON object"), flag("help", "print this text")],
            operand: Operand::None,
        },
        Verb {
            name: "help",
            summary: "explain mini or one of its verbs".into(),
            synopsis: "[VERB]".into(),
            options: Vec::new(),
            operand: Operand::Verb,
        },
    ];
    for verb in mini::cli::oci::described().skip(1) {
        let options = verb.options.into_iter().map(Opt::of_oci);
        if verb.name == "run" {
            // The options of a bundle's run, in a section of their own.
            let known: Vec<_> = verbs[0].options.iter().map(|option| option.long.clone()).collect();
            let mut further: Vec<_> =
                options.filter(|option| !known.contains(&option.long)).collect();
            further[0].section = Some("Run of a bundle (mini run [OPTIONS] ID)".into());
            verbs[0].options.extend(further);
            continue;
        }
        verbs.push(Verb {
            name: verb.name,
            summary: verb.text[..1].to_lowercase() + verb.text[1..].trim_end_matches('.'),
            synopsis: format!("[OPTIONS] {}", verb.words).trim_end().into(),
            options: options.collect(),
            operand: if verb.words.starts_with("ID") { Operand::Id } else { Operand::None },
        });
    }
    verbs
}

/// The files, by their paths from the top of the repository.
pub fn files() -> Vec<(String, String)> {
    let verbs = verbs();
    let mut files = vec![("man/mini.1".to_string(), man::overview(&verbs))];
    for verb in verbs.iter().filter(|verb| verb.operand != Operand::Verb) {
        files.push((format!("man/mini-{}.1", verb.name), man::page(verb)));
    }
    files.push(("completions/mini.bash".into(), bash::script(&verbs)));
    files.push(("completions/_mini".into(), zsh::script(&verbs)));
    files.push(("completions/mini.fish".into(), fish::script(&verbs)));
    files
}

/// Compares the committed files with what the tables say now, or writes them.
pub fn are_up_to_date(top: &Path) -> Result<(), String> {
    const REMEDY: &str = "MINI_TEST_UPDATE=1 cargo test --test docs generated";
    let updating = variable("MINI_TEST_UPDATE").is_some();
    let files = files();
    for (name, text) in &files {
        let path = top.join(name);
        if updating {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        }
        if fs::read_to_string(&path).unwrap_or_default() != *text {
            return Err(format!("{name} is not what the option table says: {REMEDY}"));
        }
    }
    // Pages of verbs that are gone.
    for directory in ["man", "completions"] {
        for entry in fs::read_dir(top.join(directory)).unwrap().flatten() {
            let name = format!("{directory}/{}", entry.file_name().to_str().unwrap());
            if files.iter().any(|(known, _)| *known == name) {
                continue;
            }
            if !updating {
                return Err(format!("{name} belongs to no verb: {REMEDY}"));
            }
            fs::remove_file(entry.path()).unwrap();
        }
    }
    Ok(())
}
