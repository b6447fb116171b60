//! The completion of fish.

use super::{Offer, Operand, Opt, Verb};

pub fn script(verbs: &[Verb]) -> String {
    let names: Vec<_> = verbs.iter().map(|verb| verb.name).collect();
    let mut valued = Vec::new();
    let global = super::global();
    let before: Vec<_> = global
        .iter()
        .filter(|option| option.value.is_some())
        .map(|option| format!("--{}", option.long))
        .collect();
    for option in
        verbs.iter().flat_map(|verb| &verb.options).filter(|option| option.value.is_some())
    {
        valued.push(format!("--{}", option.long));
        valued.extend(option.short.map(|letter| format!("-{letter}")));
        valued.extend(option.original.clone());
    }
    let mut out = format!(
        "# Completion of mini for fish. Generated from the option table: see tests/docs/generated.
# Copy it to a directory such as /usr/share/fish/vendor_completions.d.

# The words from the verb on; nothing while there are global options only.
function __mini_words
    set -l valued {before}
    set -l words (commandline -opc)
    set -e words[1]
    while string match -q -- '-*' \"$words[1]\"
        contains -- $words[1] $valued; and set -e words[1]
        set -e words[1]
    end
    set -q words[1]; and printf '%s\\n' $words
end

# The words from the command on, for `mini run OPTIONS COMMAND`; nothing while there are options only.
function __mini_command
    set -l valued {valued}
    set -l words (__mini_words)
    set -e words[1]
    while set -q words[1]
        switch $words[1]
            case --
                set -e words[1]
                break
            case '-*'
                contains -- $words[1] $valued; and set -e words[1]
                set -e words[1]
            case '*'
                break
        end
    end
    set -q words[1]; and printf '%s\\n' $words
end

function __mini_needs_verb
    test -z \"$(__mini_words | string collect)\"
end

# Whether options of this verb can follow.
function __mini_options_of
    set -l words (__mini_words)
    test \"$words[1]\" = $argv[1]; or return 1
    not contains -- -- $words; and test -z \"$(__mini_command | string collect)\"
end

function __mini_completes_command
    set -l words (__mini_words)
    test \"$words[1]\" = run; or return 1
    contains -- -- $words; or test -n \"$(__mini_command | string collect)\"
end

# What fish offers for the command and its arguments.
function __mini_complete_command
    set -l words (__mini_command) (commandline -ct)
    complete -C (string join ' ' -- (string escape -- $words))
end

complete -c mini -f
complete -c mini -n __mini_needs_verb -l version -d 'print the version'
",
        before = before.join(" "),
        valued = valued.join(" ")
    );
    for verb in verbs {
        out.push_str(&format!(
            "complete -c mini -n __mini_needs_verb -a {} -d {}\n",
            verb.name,
            quote(&verb.summary)
        ));
    }
    for option in &global {
        out.push_str(&line("__mini_needs_verb", option));
    }
    for verb in verbs {
        let when = format!("'__mini_options_of {}'", verb.name);
        for option in &verb.options {
            out.push_str(&line(&when, option));
        }
        match verb.operand {
            Operand::None => {}
            Operand::Command => out.push_str(
                "complete -c mini -n '__mini_options_of run' -a '(__fish_complete_command)'
complete -c mini -n __mini_completes_command -a '(__mini_complete_command)'
",
            ),
            Operand::Id => out.push_str(&format!(
                "complete -c mini -n '__mini_options_of {}' -a '(command -q mini; and mini list -q 2>/dev/null)'\n",
                verb.name
            )),
            Operand::Verb => out.push_str(&format!(
                "complete -c mini -n '__mini_options_of {}' -a {}\n",
                verb.name,
                quote(&names.join(" "))
            )),
        }
    }
    out
}

fn line(when: &str, option: &Opt) -> String {
    let mut line = format!("complete -c mini -n {when} -l {}", option.long);
    if let Some(letter) = option.short {
        line.push_str(&format!(" -s {letter}"));
    }
    if let Some(word) = &option.original {
        line.push_str(&format!(" -o {}", word.trim_start_matches('-')));
    }
    if option.value.is_some() {
        match option.offer() {
            Offer::Files => line.push_str(" -r -F"),
            Offer::Directories => line.push_str(" -x -a '(__fish_complete_directories)'"),
            Offer::Users => line.push_str(" -x -a '(__fish_complete_users)'"),
            Offer::Words(words) => line.push_str(&format!(" -x -a {}", quote(&words.join(" ")))),
            Offer::Nothing => line.push_str(" -x"),
        }
    }
    line.push_str(&format!(" -d {}\n", quote(option.short_help())));
    line
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
