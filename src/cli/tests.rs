use super::*;
use crate::spec::{Id, Namespace, User};
use crate::text::Text;
use std::ffi::CString;

fn parsed<T>(words: &[&str], check: impl FnOnce(Result<Command>) -> T) -> T {
    let owned: Vec<CString> = words.iter().map(|word| CString::new(*word).unwrap()).collect();
    let words: Vec<&CStr> = owned.iter().map(|word| &**word).collect();
    check(parse(&words))
}

fn run<T>(words: &[&str], check: impl FnOnce(&Run) -> T) -> T {
    parsed(&[&["mini", "run"], words].concat(), |command| match command {
        Ok(Command::Run(run)) => check(&run),
        other => panic!("{words:?} gave {other:?}"),
    })
}

fn error(words: &[&str]) -> String {
    parsed(&[&["mini", "run"], words].concat(), |command| match command {
        Err(error) => {
            assert_eq!(error.status(), 125);
            String::from_utf8(error.line().to_vec()).unwrap()
        }
        other => panic!("{words:?} gave {other:?}"),
    })
}

#[test]
fn options_end_at_the_command() {
    run(&["ls", "-l", "--rootfs", "x"], |run| {
        assert_eq!(run.spec.process.args, [c"ls", c"-l", c"--rootfs", c"x"]);
        assert_eq!(run.spec.root.path, None);
    });
    run(&["--", "-odd"], |run| assert_eq!(run.spec.process.args, [c"-odd"]));
    run(&["--trace", "--", "--", "x"], |run| assert_eq!(run.spec.process.args, [c"--", c"x"]));
    run(&["-", "x"], |run| assert_eq!(run.spec.process.args, [c"-", c"x"]));
}

#[test]
fn values_come_joined_or_as_the_next_word() {
    for words in [
        &["--rootfs", "/r", "-h", "box", "sh"][..],
        &["--rootfs=/r", "-hbox", "sh"],
        &["--rootfs=/r", "-h=box", "sh"],
        &["--rootfs=/r", "--hostname=box", "sh"],
        &["-ith", "box", "--rootfs", "/r", "sh"],
        &["-ithbox", "--rootfs", "/r", "sh"],
    ] {
        run(words, |run| {
            assert_eq!(run.spec.root.path, Some(c"/r"), "{words:?}");
            assert_eq!(run.spec.hostname, Some(c"box"), "{words:?}");
            assert_eq!(run.spec.process.args, [c"sh"], "{words:?}");
        });
    }
}

#[test]
fn the_originals_words_come_before_bundles() {
    run(&["-name", "bird", "-net", "host", "sh"], |run| {
        assert_eq!(run.name, Some(c"bird"));
        assert_eq!(run.spec.namespaces.net, Namespace::Host);
    });
    run(&["-name=bird", "sh"], |run| assert_eq!(run.name, Some(c"bird")));
}

#[test]
fn environment_edits_keep_their_order() {
    run(&["-e", "A=1", "--env-file", "f", "-eB", "-e", "C==", "sh"], |run| {
        assert_eq!(
            run.edits.env,
            [EnvEdit::Set(c"A=1"), EnvEdit::File(c"f"), EnvEdit::Take(c"B"), EnvEdit::Set(c"C=="),]
        );
    });
}

#[test]
fn users_are_numbers_or_names() {
    let user = |text: &str| {
        run(&["-u", text, "sh"], |run| format!("{:?}", run.spec.process.user.unwrap()))
    };
    assert_eq!(user("0"), format!("{:?}", User { uid: Id::Number(0), gid: None }));
    assert_eq!(
        user("1000:tape"),
        format!("{:?}", User { uid: Id::Number(1000), gid: Some(Id::Name(b"tape")) })
    );
}

#[test]
fn help_and_version() {
    parsed(&["mini"], |it| assert_eq!(it, Ok(Command::Help(Topic::Overview))));
    parsed(&["mini", "help", "run"], |it| assert_eq!(it, Ok(Command::Help(Topic::Run))));
    parsed(&["mini", "run", "-it", "--help"], |it| assert_eq!(it, Ok(Command::Help(Topic::Run))));
    parsed(&["mini", "run", "-help"], |it| assert_eq!(it, Ok(Command::Help(Topic::Run))));
    for words in [&["mini", "help", "check"][..], &["mini", "check", "--help"]] {
        parsed(words, |it| assert_eq!(it, Ok(Command::Help(Topic::Check))));
    }
    for word in ["--version", "-V", "-v", "version"] {
        parsed(&["mini", word], |it| assert_eq!(it, Ok(Command::Version)));
    }
}

#[test]
fn bad_words_are_named() {
    for (words, line) in [
        (&["--rotfs", "/r", "sh"][..], "option --rotfs: unknown (did you mean --rootfs?)"),
        (&["--hostnme=x", "sh"], "option --hostnme=x: unknown (did you mean --hostname?)"),
        (&["--qqqqqqqq", "sh"], "option --qqqqqqqq: unknown"),
        (&["-q", "sh"], "option -q: unknown"),
        (&["-itq", "sh"], "option -itq: unknown"),
        (&["--rootfs"], "option --rootfs: needs a value (DIR[:DIR...][:O])"),
        (&["-w"], "option -w: needs a value (DIR)"),
        (&["--rootfs=", "sh"], "option --rootfs '': must not be empty"),
        (&["--trace=yes", "sh"], "option --trace=yes: takes no value"),
        (&[], "run: no command given (usage: mini run [OPTIONS] [--] COMMAND [ARG...])"),
        (&["--", ""], "run: no command given (usage: mini run [OPTIONS] [--] COMMAND [ARG...])"),
        (
            &["--network", "moon", "sh"],
            "option --network moon: unknown (none or host: mini makes no virtual network)",
        ),
        (&["--pid", "x", "sh"], "option --pid x: unknown (host or private)"),
        (&["-e", "=x", "sh"], "option --env =x: has no name before = (KEY=VALUE or KEY)"),
        (&["-e", "", "sh"], "option --env '': must not be empty (KEY=VALUE or KEY)"),
        (&["-u", "", "sh"], "option --user '': has an empty part"),
        (&["-u", "1:", "sh"], "option --user 1:: has an empty part"),
        (&["-u", "4294967295", "sh"], "option --user 4294967295: out of range (0 to 4294967294)"),
        (&["-h", "", "sh"], "option --hostname '': must have 1 to 64 characters"),
        (
            &["-h", "a b", "sh"],
            "option --hostname 'a b': invalid name \
             (letters, digits, - _ and . only; the first one a letter or digit)",
        ),
    ] {
        assert_eq!(error(words), line);
    }
    assert!(error(&["-h", &"x".repeat(65), "sh"]).ends_with("must have 1 to 64 characters"));
    parsed(&["mini", "rum"], |it| {
        assert_eq!(it.unwrap_err().line(), b"command rum: unknown (did you mean mini run?)");
    });
}

#[test]
fn every_option_is_found_by_each_of_its_names_and_shown_in_help() {
    let mut help = Text::new();
    run_help(&mut help);
    let help = String::from_utf8(help.bytes().to_vec()).unwrap();
    for option in options::all() {
        let long = CString::new([b"--", option.long].concat()).unwrap();
        assert_eq!(options::by_long_name(&long).unwrap().0.long, option.long);
        assert!(help.contains(long.to_str().unwrap()), "{long:?}");
        if let Some(letter) = option.short {
            assert_eq!(options::by_letter(letter).unwrap().long, option.long);
        }
        if !option.original.is_empty() {
            let original = CString::new(option.original).unwrap();
            assert_eq!(options::by_long_name(&original).unwrap().0.long, option.long);
        }
    }
}

#[test]
fn help_fits_the_terminal() {
    let mut help = Text::new();
    run_help(&mut help);
    overview(&mut help);
    check_help(&mut help);
    for line in str::from_utf8(help.bytes()).unwrap().lines() {
        assert!(line.len() <= 80, "{line:?}");
        assert_eq!(line, line.trim_end());
    }
}

#[test]
fn flags_are_switched_on_and_off() {
    let flags = |words: &[&str]| {
        run(words, |run| {
            let process = &run.spec.process;
            (run.spec.root.readonly, process.terminal, process.init.is_some())
        })
    };
    assert_eq!(flags(&["--read-only=true", "-t=1", "--init", "sh"]), (true, true, true));
    assert_eq!(
        flags(&["--read-only", "--read-only=false", "-t", "-t=0", "sh"]),
        (false, false, false)
    );
    assert_eq!(error(&["--rm=false", "sh"]), "option --rm=false: takes no value");
}

/// Docker and others have words for what mini does in any case.
#[test]
fn what_is_so_anyway_is_accepted() {
    for words in [
        &["--rm", "--interactive=true", "--pid", "private", "--ipc=private", "--uts=private"][..],
        &["--cgroupns=private", "--security-opt", "label=disable", "--net", "none"],
        &["--security-opt", "label:disable", "--security-opt", "apparmor=unconfined"],
    ] {
        run(&[words, &["sh"]].concat(), |it| {
            run(&["sh"], |plain| assert_eq!(it, plain, "{words:?}"));
        });
    }
    let same = |a: &[&str], b: &[&str]| {
        run(&[a, &["sh"]].concat(), |a| run(&[b, &["sh"]].concat(), |b| assert_eq!(a, b)));
    };
    same(&["-v", "/a:/b:z,cached"], &["-v", "/a:/b"]);
    same(&["-v", "/a:/b:ro,Z"], &["-v", "/a:/b:ro"]);
    same(
        &["--mount", "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=700"],
        &["--tmpfs", "/t:size=1m,mode=700"],
    );
    same(
        &["--mount", "type=bind,src=/a,dst=/b,readonly=true,bind-propagation=rslave"],
        &["-v", "/a:/b:ro,rslave"],
    );
    same(&["--net", "host", "--mem=64m"], &["--network", "host", "-m64m"]);
}

proptest::proptest! {
    /// Whatever the words are: a command or an error of one line, never a panic.
    #[test]
    fn any_words_parse_or_are_refused(words: Vec<Vec<u8>>) {
        let owned: Vec<CString> = [&b"mini"[..], b"run"].into_iter().map(Vec::from).chain(words)
            .map(|word| CString::new(word.into_iter().filter(|b| *b != 0).collect::<Vec<_>>())
                .unwrap())
            .collect();
        let words: Vec<&CStr> = owned.iter().map(|word| &**word).collect();
        if let Err(error) = parse(&words) {
            assert!(!error.line().contains(&b'\n'));
        }
    }

    /// Options in front never change the command's own words.
    #[test]
    fn the_commands_words_are_untouched(words: Vec<Vec<u8>>) {
        let owned: Vec<CString> = ["mini", "run", "-it", "--rootfs", "/r", "--", "cmd"]
            .into_iter().map(|word| word.as_bytes().to_vec()).chain(words)
            .map(|word| CString::new(word.into_iter().filter(|b| *b != 0).collect::<Vec<_>>())
                .unwrap())
            .collect();
        let words: Vec<&CStr> = owned.iter().map(|word| &**word).collect();
        match parse(&words) {
            Ok(Command::Run(run)) => assert_eq!(run.spec.process.args, &words[6..]),
            other => panic!("{other:?}"),
        }
    }
}

/// Every option whose value has a number in it; `#` stands for the number. Behind it the largest that
/// the kernel or mini has a use for.
const NUMBERS: [(&str, &str, u128); 39] = [
    ("--user", "#", 0xffff_fffe),
    ("--user", "0:#", 0xffff_fffe),
    ("--group-add", "#", 0xffff_fffe),
    ("--uidmap", "#:0:1", 0xffff_fffe),
    ("--uidmap", "0:#:1", 0xffff_fffe),
    ("--uidmap", "0:0:#", 0xffff_ffff),
    ("--gidmap", "0:#", 0xffff_fffe),
    ("--gidmap", "1:#:7", 0xffff_fff8),
    ("--ulimit", "nofile=#", u64::MAX as u128),
    ("--ulimit", "nofile=1:#", u64::MAX as u128),
    ("--umask", "#", 777),
    ("--preserve-fds", "#", 1024),
    ("--ready-fd", "#", 1024),
    ("--memory", "#", i64::MAX as u128),
    ("--memory", "#k", (i64::MAX >> 10) as u128),
    ("--memory", "#p", (i64::MAX >> 50) as u128),
    ("--memory-swap", "#", i64::MAX as u128),
    ("--memory-reservation", "#", i64::MAX as u128),
    ("--memory-swappiness", "#", 100),
    ("--cpu-shares", "#", 262_144),
    ("--cpu-period", "#", 1_000_000),
    ("--cpu-quota", "#", (u64::MAX >> 20) as u128),
    ("--cpuset-cpus", "#", u64::MAX as u128),
    ("--cpuset-mems", "0-#", u64::MAX as u128),
    ("--pids-limit", "#", 4 << 20),
    ("--blkio-weight", "#", 1000),
    ("--oom-score-adj", "#", 1000),
    ("--oom-score-adj", "-#", 1000),
    ("--stop-signal", "#", 64),
    ("--timeout", "#ms", (i64::MAX / 1_000_000) as u128),
    ("--timeout", "#", (i64::MAX / 1_000_000_000) as u128),
    ("--timeout", "#d", (i64::MAX / 86_400_000_000_000) as u128),
    ("--stop-timeout", "#h", (i64::MAX / 3_600_000_000_000) as u128),
    ("--tmpfs", "/t:size=#", i64::MAX as u128),
    ("--tmpfs", "/t:size=#g", (i64::MAX >> 30) as u128),
    ("--tmpfs", "/t:mode=#", 7777),
    ("--mount", "type=tmpfs,dst=/t,size=#", i64::MAX as u128),
    ("--mount", "type=tmpfs,dst=/t,tmpfs-size=#", i64::MAX as u128),
    ("--mount", "type=tmpfs,dst=/t,tmpfs-mode=#", 7777),
];

/// Beyond the largest nothing is taken, wherever it would be cut off: at 2^31, 2^32, 2^63, 2^64.
#[test]
fn numbers_out_of_range_are_refused() {
    for (option, form, most) in NUMBERS {
        let refused = |number: u128| {
            let value = form.replace('#', &number.to_string());
            parsed(&["mini", "run", option, &value, "true"], |command| command.is_err())
        };
        let powers = [16, 31, 32, 33, 63, 64, 65, 127].map(|power| 1u128 << power);
        let near = powers.iter().flat_map(|power| [power - 1, *power, power + 1, power + 7]);
        for number in near.chain([most + 1, u128::MAX]).filter(|number| *number > most) {
            assert!(refused(number), "{option} {form} {number}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_number_out_of_range_is_refused(at in 0..NUMBERS.len(), number: u128) {
        let (option, form, most) = NUMBERS[at];
        let value = form.replace('#', &(most + 1 + number % (u128::MAX - most)).to_string());
        parsed(&["mini", "run", option, &value, "true"], |command| {
            assert!(command.is_err(), "{option} {value}");
        });
    }
}

#[test]
fn the_size_of_shared_memory_has_a_unit() {
    run(&["--shm-size", "1m", "--rootfs", "/r", "sh"], |run| {
        assert_eq!(run.defaults.shm_size, Some(1 << 20));
    });
    assert_eq!(
        error(&["--shm-size", "0", "sh"]),
        "option --shm-size 0: out of range (1 to 9223372036854775807)"
    );
}

#[test]
fn kernel_parameters_have_names_and_values() {
    run(&["--sysctl", "net.core.somaxconn=9", "--sysctl", "kernel.sem=1 2=3", "sh"], |run| {
        assert_eq!(run.spec.sysctl, [(c"net.core.somaxconn", c"9"), (c"kernel.sem", c"1 2=3")]);
    });
    for bad in ["net.core.somaxconn", "=9", ""] {
        assert!(error(&["--sysctl", bad, "sh"]).ends_with("not KEY=VALUE"), "{bad}");
    }
}
