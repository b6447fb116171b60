//! The completion of zsh, by its _arguments.

use super::{Offer, Operand, Opt, Verb};

pub fn script(verbs: &[Verb]) -> String {
    let mut out = String::from(
        "#compdef mini
# Completion of mini for zsh. Generated from the option table: see tests/docs/generated.
# Copy it into a directory of $fpath as _mini.

_mini() {
    local state line
    local -a verbs
    verbs=(
",
    );
    for verb in verbs {
        out.push_str(&format!("        '{}:{}'\n", verb.name, quote(&verb.summary)));
    }
    out.push_str(
        "    )
    _arguments -C \\
        '(- *)--version[print the version]' \\
GLOBAL
        '1:verb:->verb' \\
        '*::argument:->arguments' && return 0
    case $state in
    verb) _describe -t verbs verb verbs ;;
    arguments)
        case $line[1] in
",
    );
    for verb in verbs {
        out.push_str(&format!("        {})\n            _arguments -s -S", verb.name));
        for option in &verb.options {
            out.push_str(" \\\n                ");
            out.push_str(&specification(option));
        }
        match verb.operand {
            Operand::None => {}
            Operand::Id => {
                out.push_str(" \\\n                '1:container:{compadd $(mini list -q 2>/dev/null)}'")
            }
            Operand::Command => out.push_str(
                " \\\n                '(-)1:command: _command_names -e' \\\n                '*::argument: _normal'",
            ),
            Operand::Verb => out.push_str(" \\\n                '1:verb:{_describe -t verbs verb verbs}'"),
        }
        out.push_str("\n            ;;\n");
    }
    let global = super::global();
    let global: Vec<_> =
        global.iter().map(|option| format!("        {} \\", specification(option))).collect();
    out = out.replace("GLOBAL", &global.join("\n"));
    out.push_str("        esac\n        ;;\n    esac\n}\n\n_mini \"$@\"\n");
    out
}

fn specification(option: &Opt) -> String {
    let help = quote(option.short_help()).replace('[', "\\[").replace(']', "\\]");
    let Some(value) = &option.value else {
        return match option.short {
            Some(letter) => {
                let long = &option.long;
                format!("'(-{letter} --{long})'{{-{letter},--{long}}}'[{help}]'")
            }
            None => format!("'--{}[{help}]'", option.long),
        };
    };
    let action = match option.offer() {
        Offer::Files => "_files".to_string(),
        Offer::Directories => "_files -/".to_string(),
        Offer::Users => "_users".to_string(),
        Offer::Words(words) => format!("({})", words.join(" ")),
        Offer::Nothing => " ".to_string(),
    };
    let name = quote(value).replace(':', "\\:");
    let mut names = vec![format!("--{}=", option.long)];
    names.extend(option.short.map(|letter| format!("-{letter}+")));
    names.extend(option.original.clone());
    match names.as_slice() {
        [one] => format!("'*{one}[{help}]:{name}:{action}'"),
        more => format!("'*'{{{}}}'[{help}]:{name}:{action}'", more.join(",")),
    }
}

/// For the inside of single quotes, where _arguments and _describe read on.
fn quote(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "'\\''").replace(": ", "\\: ")
}
