//! The completion of bash, which needs no package beside bash itself.

use super::{Offer, Operand, Opt, Verb};

pub fn script(verbs: &[Verb]) -> String {
    let names: Vec<_> = verbs.iter().map(|verb| verb.name).collect();
    let global = super::global();
    let global_options: Vec<_> = global.iter().flat_map(spellings).collect();
    let global_valued: Vec<_> =
        global.iter().filter(|option| option.value.is_some()).flat_map(spellings).collect();
    let mut verb_cases = String::new();
    let mut value_cases = values("", &global);
    for verb in verbs {
        let options: Vec<_> = verb.options.iter().flat_map(spellings).collect();
        let takers: Vec<_> = verb.options.iter().filter(|option| option.value.is_some()).collect();
        let valued: Vec<_> = takers.iter().flat_map(|option| spellings(option)).collect();
        let operand = match verb.operand {
            Operand::None => "none",
            Operand::Command => "command",
            Operand::Verb => "verb",
            Operand::Id => "id",
        };
        verb_cases.push_str(&format!(
            "    {})\n        options='{}'\n        valued='{}'\n        operand={operand}\n        ;;\n",
            verb.name,
            options.join(" "),
            valued.join(" ")
        ));
        value_cases.push_str(&values(verb.name, &verb.options));
    }
    format!(
        r#"# Completion of mini for bash. Generated from the option table: see tests/docs/generated.
# Copy it to /usr/share/bash-completion/completions/mini, or source it.

_mini_words() {{
    COMPREPLY=($(compgen -W "$1" -- "$2"))
    # A word that ends with = is to be continued.
    [[ ${{#COMPREPLY[@]}} = 1 && ${{COMPREPLY[0]}} = *= ]] && compopt -o nospace 2>/dev/null
    return 0
}}

_mini_files() {{
    local IFS=$'\n'
    COMPREPLY=($(compgen "$1" -- "$2"))
    compopt -o filenames 2>/dev/null
    return 0
}}

_mini() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} verb=
    local options valued operand at=1 word option=
    COMPREPLY=()
    # Options before the verb.
    while [ "$at" -lt "$COMP_CWORD" ] && [[ ${{COMP_WORDS[at]}} = -* ]]; do
        word=${{COMP_WORDS[at]}}
        case " {global_valued} " in
        *" $word "*)
            option=$word
            at=$((at + 1))
            [ "${{COMP_WORDS[at]}}" != = ] || [ "$at" = "$COMP_CWORD" ] || at=$((at + 1))
            [ "$at" -ge "$COMP_CWORD" ] || option=
            ;;
        esac
        at=$((at + 1))
    done
    if [ "$at" -lt "$COMP_CWORD" ]; then
        verb=${{COMP_WORDS[at]}}
        at=$((at + 1))
    elif [ -z "$option" ]; then
        case $current in
        -*) _mini_words '{global_options} --version' "$current" ;;
        *) _mini_words '{names}' "$current" ;;
        esac
        return
    fi
    case $verb in
    '') ;;
{verb_cases}    *) return ;;
    esac
    # Which option the present word is the value of, and whether the command has begun before it.
    while [ "$at" -lt "$COMP_CWORD" ]; do
        word=${{COMP_WORDS[at]}}
        case $word in
        --)
            operand+=_begun
            at=$((at + 1))
            break
            ;;
        -*)
            option=
            case " $valued " in
            *" $word "*) option=$word ;;
            esac
            # bash takes --name=value apart into three words, and a:b likewise.
            if [ "${{COMP_WORDS[at + 1]}}" = = ]; then
                at=$((at + 1))
                [ -n "$option" ] || option=$word
            fi
            [ -z "$option" ] || at=$((at + 1))
            while [ "$at" -lt "$COMP_CWORD" ] && [ "${{COMP_WORDS[at + 1]}}" = : ]; do at=$((at + 2)); done
            [ "$at" -lt "$COMP_CWORD" ] && option=
            ;;
        *)
            operand+=_begun
            break
            ;;
        esac
        at=$((at + 1))
    done
    if [ -n "$option" ]; then
        case $current in = | :) current= ;; esac
        case $verb:$option in
{value_cases}        esac
        return
    fi
    case $operand in
    command_begun)
        if [ "$at" = "$COMP_CWORD" ]; then
            _mini_words "$(compgen -c -- "$current")" "$current"
        elif declare -F _command_offset >/dev/null; then
            _command_offset "$at"
        else
            _mini_files -f "$current"
        fi
        return
        ;;
    *_begun) return ;;
    esac
    case $current in
    -*) _mini_words "$options" "$current" ;;
    *)
        case $operand in
        command)
            COMPREPLY=($(compgen -c -- "$current"))
            ;;
        verb) _mini_words '{names}' "$current" ;;
        id) _mini_words "$(mini list -q 2>/dev/null)" "$current" ;;
        none) _mini_words "$options" "$current" ;;
        esac
        ;;
    esac
}}

complete -F _mini mini
"#,
        names = names.join(" "),
        global_options = global_options.join(" "),
        global_valued = global_valued.join(" "),
    )
}

fn spellings(option: &Opt) -> Vec<String> {
    let short = option.short.map(|letter| format!("-{letter}"));
    let long = Some(format!("--{}", option.long));
    [short, long, option.original.clone()].into_iter().flatten().collect()
}

/// What to offer for the values of a verb's options: arms of a case.
fn values(verb: &str, options: &[Opt]) -> String {
    let mut arms = String::new();
    for option in options.iter().filter(|option| option.value.is_some()) {
        let reply = match option.offer() {
            Offer::Files => "_mini_files -f \"$current\"".to_string(),
            Offer::Directories => "_mini_files -d \"$current\"".to_string(),
            Offer::Users => "_mini_words \"$(compgen -u)\" \"$current\"".to_string(),
            Offer::Words(words) => format!("_mini_words '{}' \"$current\"", words.join(" ")),
            Offer::Nothing => continue,
        };
        let names: Vec<_> = spellings(option).iter().map(|word| format!("{verb}:{word}")).collect();
        arms.push_str(&format!("        {}) {reply} ;;\n", names.join(" | ")));
    }
    arms
}
