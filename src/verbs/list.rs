//! The verb `mini list`.

use super::oci::{Session, examine};
use super::print;
use crate::error::{Error, Result};
use crate::store::state::{State, Status};
use crate::store::time::rfc3339;
use crate::text::Text;
use alloc::vec::Vec;

/// Lists the containers.
///
/// # Errors
/// When the format is unknown, or the state directory cannot be read.
pub fn list(session: Session) -> Result<u8> {
    let format = session.oci.value("format").map_or(&b"table"[..], |format| format.to_bytes());
    if !matches!(format, b"table" | b"json") {
        let error = Error::new("option --format").object(format).cause("unknown");
        return Err(error.hint("table or json"));
    }
    let mut found = Vec::new();
    for id in session.store.ids()? {
        // One that has just been deleted is none.
        let Some(entry) = session.store.find(id)? else { continue };
        match examine(&entry) {
            Ok((state, status)) => found.push((state, status)),
            Err(error) => error.print(),
        }
    }
    let mut text = Text::new();
    if session.oci.is("quiet") {
        for (state, _) in &found {
            text.raw(state.id.to_bytes()).str("\n");
        }
    } else if format == b"json" {
        text.str("[");
        for (number, (state, status)) in found.iter().enumerate() {
            text.str(if number > 0 { "," } else { "" });
            text.raw(state.for_users(*status).bytes());
        }
        text.str("]\n");
    } else {
        table(&found, &mut text);
    }
    print(text.bytes().into())
}

/// As columns, each as wide as its longest text.
fn table(found: &[(State, Status)], out: &mut Text) {
    let mut rows = Vec::with_capacity(found.len() + 1);
    rows.push(["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(|title| {
        let mut text = Text::new();
        text.str(title);
        text
    }));
    for (state, status) in found {
        let mut row = [const { Text::new() }; 6];
        row[0].raw(state.id.to_bytes());
        row[1].number(if *status == Status::Stopped { 0 } else { state.pid as u64 });
        row[2].str(status.name());
        row[3].word(state.bundle);
        rfc3339(state.created, &mut row[4]);
        row[5].number(state.owner.into());
        rows.push(row);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].bytes().len()).max();
    let widths: Vec<usize> = (0..6).map(|column| width(column).unwrap_or(0)).collect();
    for row in &rows {
        for (column, text) in row.iter().enumerate() {
            out.raw(text.bytes());
            if column < 5 {
                for _ in text.bytes().len()..widths[column] + 3 {
                    out.str(" ");
                }
            }
        }
        out.str("\n");
    }
}
