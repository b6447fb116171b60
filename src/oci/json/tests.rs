use super::*;
use proptest::prelude::*;
use serde_json::{Value as Theirs, json};

/// The whole document as serde_json would have it; a number that is no integer is its text, in an object.
fn whole(value: Value) -> Theirs {
    let node = &value.document.nodes[value.at];
    match node.kind {
        Kind::Null => Theirs::Null,
        Kind::False => Theirs::Bool(false),
        Kind::True => Theirs::Bool(true),
        Kind::Number => match value.integer() {
            Some((false, number)) => json!(number),
            // To serde_json it is no integer.
            Some((true, 0)) => Theirs::Null,
            Some((true, _)) => value.i64().map_or(Theirs::Null, |number| json!(number)),
            None => Theirs::Null,
        },
        Kind::String => {
            let (start, len) = node.text;
            let text = &value.document.text[start as usize..(start + len) as usize];
            assert_eq!(value.document.text[(start + len) as usize], 0);
            json!(std::str::from_utf8(text).unwrap())
        }
        Kind::Array => Theirs::Array(value.list().map(whole).collect()),
        Kind::Object => {
            let member = |member: Value| {
                let (start, len) = value.document.nodes[member.at].name;
                let name = &value.document.text[start as usize..(start + len) as usize];
                (String::from_utf8(name.to_vec()).unwrap(), whole(member))
            };
            Theirs::Object(value.members().map(member).collect())
        }
    }
}

/// serde_json's value without what ours cannot say: floating point numbers are null.
fn integers(value: Theirs) -> Theirs {
    match value {
        Theirs::Number(number) if number.is_f64() => Theirs::Null,
        Theirs::Array(values) => Theirs::Array(values.into_iter().map(integers).collect()),
        Theirs::Object(members) => Theirs::Object(
            members.into_iter().map(|(name, value)| (name, integers(value))).collect(),
        ),
        other => other,
    }
}

/// Both readers agree about this text: on whether it is JSON, and on all that is in it.
fn agree(text: &[u8]) {
    let mut copy = text.to_vec();
    let ours = Document::read(&mut copy);
    let shown = String::from_utf8_lossy(text);
    match (ours, serde_json::from_slice::<Theirs>(text)) {
        (Ok(ours), Ok(theirs)) => assert_eq!(whole(ours.root()), integers(theirs), "{shown}"),
        (Err(ours), Err(_)) => assert!(ours.offset <= text.len(), "{shown}"),
        (Ok(ours), Err(theirs)) => {
            // A number too large for floating point is a number to us, and wrong for whoever asks for it.
            assert!(theirs.to_string().contains("number out of range"), "{shown}: {theirs}");
            drop(ours);
        }
        (Err(ours), Ok(_)) => panic!("{shown}: {ours:?}"),
    }
}

fn documents() -> impl Strategy<Value = Theirs> {
    let leaf = prop_oneof![
        Just(Theirs::Null),
        any::<bool>().prop_map(Theirs::from),
        any::<i64>().prop_map(Theirs::from),
        any::<u64>().prop_map(Theirs::from),
        any::<f64>().prop_map(Theirs::from),
        any::<String>().prop_map(Theirs::from),
        "[\\x00-\\x1f\"\\\\/\u{7f}-\u{ff}\u{10000}-\u{10ffff}]{0,6}".prop_map(Theirs::from),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Theirs::from),
            prop::collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|members| Theirs::Object(members.into_iter().collect())),
        ]
    })
}

/// A piece of JSON, so that what is put together from them is often right and often just wrong.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: [&str; 44] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"a\"",
        "\"a\":",
        "\"b\":",
        " ",
        "\n",
        "\t",
        "\r",
        "\u{c}",
        "true",
        "false",
        "null",
        "nul",
        "0",
        "1",
        "-",
        "-0",
        "01",
        "1.5",
        "1.",
        ".5",
        "1e5",
        "1E+",
        "1e-2",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "-9223372036854775809",
        "\\",
        "\\n",
        "\\u",
        "\\u0000",
        "\\ud83d",
        "\\ude00",
        "\\ud83d\\ude00",
        "\u{e9}",
        "\u{feff}",
        "\0",
    ];
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..24)
        .prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn documents_are_read_as_serde_json_reads_them(document in documents(), pretty: bool) {
        let text = if pretty {
            serde_json::to_vec_pretty(&document)
        } else {
            serde_json::to_vec(&document)
        };
        agree(&text.unwrap());
    }

    #[test]
    fn broken_documents_are_refused_as_serde_json_does(
        document in documents(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..4),
    ) {
        let mut text = serde_json::to_vec(&document).unwrap();
        for (place, byte, how) in changes {
            if text.is_empty() {
                break;
            }
            let place = place.index(text.len());
            match how {
                0 => text[place] = byte,
                1 => drop(text.remove(place)),
                _ => text.insert(place, byte),
            }
        }
        agree(&text);
    }

    #[test]
    fn pieces_in_any_order(text in pieces()) {
        agree(&text);
        // Often the beginning is what is wrong: the same inside of something.
        let inside = [b"{\"x\":[", &text[..], b"]}"].concat();
        agree(&inside);
        let string = [b"[\"", &text[..], b"\"]"].concat();
        agree(&string);
    }

    #[test]
    fn any_bytes(text in prop::collection::vec(any::<u8>(), 0..64)) {
        agree(&text);
    }
}

/// What a reading of this text makes of an access.
fn with<T>(text: &str, access: impl Fn(Value) -> T) -> (T, Option<String>) {
    let mut bytes = text.as_bytes().to_vec();
    let document = Document::read(&mut bytes).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let result = access(document.root());
    let problem = document.problem().map(|(path, cause)| {
        format!("{}: {cause}", String::from_utf8(path.bytes().to_vec()).unwrap())
    });
    (result, problem)
}

fn refused(text: &[u8]) -> SyntaxError {
    Document::read(&mut text.to_vec()).expect_err("it is refused")
}

#[test]
fn bounds_on_depth_size_and_number() {
    let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat().into_bytes();
    assert!(Document::read(&mut nested(DEEPEST)).is_ok());
    let deep = SyntaxError { offset: DEEPEST + 1, cause: "nested more than 127 deep" };
    assert_eq!(refused(&nested(DEEPEST + 1)), deep);
    assert_eq!(refused(&nested(10_000)), deep);
    assert_eq!(refused("{\"a\":".repeat(10_000).as_bytes()).cause, "nested more than 127 deep");

    let mut long = b"[\"".to_vec();
    long.resize(LONGEST - 2, b'x');
    long.extend(b"\"]");
    assert!(Document::read(&mut long.clone()).is_ok());
    long.push(b' ');
    assert_eq!(refused(&long).cause, "longer than 4 MiB");
    assert_eq!(refused(&vec![b' '; 10 << 20]).cause, "longer than 4 MiB");

    let list = |values: usize| format!("[{}0]", "0,".repeat(values - 2)).into_bytes();
    assert!(Document::read(&mut list(MOST_VALUES)).is_ok());
    assert_eq!(refused(&list(MOST_VALUES + 1)).cause, "more than 131072 values");
}

#[test]
fn errors_name_the_path() {
    assert_eq!(refused(b""), SyntaxError { offset: 0, cause: UNEXPECTED });
    assert_eq!(refused(b"{\"a\": tru}"), SyntaxError { offset: 6, cause: UNEXPECTED });
    assert_eq!(refused(b"[1,]"), SyntaxError { offset: 3, cause: UNEXPECTED });
    assert_eq!(refused(b"[1}"), SyntaxError { offset: 2, cause: UNEXPECTED });
    assert_eq!(refused(b"1 2"), SyntaxError { offset: 2, cause: UNEXPECTED });
    assert_eq!(refused(b"[\"a\nb\"]"), SyntaxError { offset: 3, cause: BAD_STRING });
    assert_eq!(refused(b"[\"\xff\"]"), SyntaxError { offset: 2, cause: "not UTF-8" });
    assert_eq!(refused(b"[-]"), SyntaxError { offset: 2, cause: BAD_NUMBER });
}

#[test]
fn strings_are_decoded_and_end_with_nul() {
    let text = r#"["\"\\\/\b\f\n\r\t", "\u0041\u00e9\u20ac\ud83d\ude00", "", "plain"]"#;
    let (strings, problem) = with(text, |root| {
        root.strings().iter().map(|string| string.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    });
    assert_eq!(strings, ["\"\\/\u{8}\u{c}\n\r\t", "A\u{e9}\u{20ac}\u{1f600}", "", "plain"]);
    assert_eq!(problem, None);
    for lone in ["\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800x\""] {
        assert_eq!(refused(lone.as_bytes()).cause, BAD_STRING, "{lone}");
    }
}

#[test]
fn a_nul_byte_is_a_mistake_where_the_string_is_used() {
    let text = r#"{"path": "/a\u0000/../b", "unused": "\u0000"}"#;
    let (path, problem) = with(text, |root| root.get("path").string().is_some());
    assert!(!path);
    assert_eq!(problem.as_deref(), Some("path: has a NUL byte"));
    let (_, problem) = with(r#"{"m": {"a\u0000b": "c"}}"#, |root| root.get("m").pairs().len());
    assert_eq!(problem.as_deref(), Some("m.a: its name has a NUL byte"));
    // It does not pass for a shorter name.
    let (_, problem) = with(r#"{"a\u0000b": 1}"#, |root| assert!(!root.get("a").exists()));
    assert_eq!(problem, None);
}

#[test]
fn numbers_have_their_bounds() {
    let unsigned = |text: &str| with(text, |root| root.u64());
    assert_eq!(unsigned("18446744073709551615").0, Some(u64::MAX));
    assert_eq!(unsigned("-0").0, Some(0));
    for (text, cause) in [
        ("18446744073709551616", "out of range"),
        ("99999999999999999999999", "out of range"),
        ("-1", "out of range"),
        ("1.0", "not a whole number"),
        ("1e3", "not a whole number"),
        ("\"1\"", "not a number"),
        ("true", "not a number"),
        ("[]", "not a number"),
    ] {
        assert_eq!(unsigned(text), (None, Some(format!(": {cause}"))), "{text}");
    }
    let signed = |text: &str| with(text, |root| root.i64());
    assert_eq!(signed("-9223372036854775808").0, Some(i64::MIN));
    assert_eq!(signed("9223372036854775807").0, Some(i64::MAX));
    assert_eq!(signed("9223372036854775808").1.as_deref(), Some(": out of range"));
    assert_eq!(signed("-9223372036854775809").1.as_deref(), Some(": out of range"));
    assert_eq!(with("4294967295", |root| root.u32()).0, Some(u32::MAX));
    assert_eq!(with("4294967296", |root| root.u32()).1.as_deref(), Some(": out of range"));
}

#[test]
fn the_last_of_equal_names_counts() {
    let text = r#"{"a": 1, "b": {"x": 1, "x": 2}, "a": 3}"#;
    assert_eq!(with(text, |root| root.get("a").u64()), (Some(3), None));
    let text = r#"{"a": {"x": "1", "y": "2", "x": "3"}}"#;
    let (pairs, _) = with(text, |root| {
        let pairs = root.get("a").pairs().into_iter();
        pairs
            .map(|(name, value)| (name.to_owned(), value.string().unwrap().to_owned()))
            .collect::<Vec<_>>()
    });
    assert_eq!(pairs, [(c"x".to_owned(), c"3".to_owned()), (c"y".to_owned(), c"2".to_owned())]);
}

#[test]
fn missing_and_null_are_none_and_wrong_types_are_named() {
    let text = r#"{"a": null, "list": [{"t": "x"}, {"t": 5}], "text": "x", "o": {"k": {}}}"#;
    let (_, problem) = with(text, |root| {
        assert_eq!(root.get("a").string(), None);
        assert_eq!(root.get("none").get("deeper").list().count(), 0);
        assert_eq!(root.get("a").boolean(), None);
        assert!(root.get("list").exists() && !root.get("a").exists());
    });
    assert_eq!(problem, None);
    let problem = |access: fn(Value) -> bool| with(text, access).1.unwrap();
    assert_eq!(
        problem(|root| {
            for item in root.get("list").list() {
                item.get("t").string();
            }
            true
        }),
        "list[1].t: not a string"
    );
    assert_eq!(problem(|root| root.get("o").get("k").need("path").exists()), "o.k.path: missing");
    assert_eq!(problem(|root| root.get("text").get("deeper").exists()), "text: not an object");
    assert_eq!(problem(|root| root.get("list").pairs().is_empty()), "list: not an object");
    assert_eq!(problem(|root| root.get("o").list().next().is_some()), "o: not an array");
    assert_eq!(problem(|root| root.get("text").boolean().is_some()), "text: not a boolean");
    assert_eq!(problem(|root| root.get("text").word_of("", "one two").is_some()), "text: unknown");
    // The first of two mistakes.
    assert_eq!(
        problem(|root| {
            root.get("text").u64();
            root.get("o").u64().is_some()
        }),
        "text: not a number"
    );
    assert_eq!(with(text, |root| root.get("text").word_of("", "one x two")).0, Some(1));
}

#[test]
fn objects_with_free_names_are_bounded() {
    let object = |members: usize| {
        let members: Vec<String> = (0..members).map(|number| format!("\"n{number}\":0")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert_eq!(with(&object(MOST_PAIRS), |root| root.pairs().len()), (MOST_PAIRS, None));
    let (_, problem) = with(&object(MOST_PAIRS + 1), |root| root.pairs().len());
    assert_eq!(problem.as_deref(), Some(": has more than 4096 members"));
}
