//! A defect of mini ends as every other failure before the command does: one line, status 125.

use core::panic::PanicInfo;
use mini::error::Error;
use mini::sys::process;

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    let mut error = Error::new("internal error");
    if let Some(place) = info.location() {
        error = error.object(place.file().as_bytes()).number(place.line());
    }
    let error = error.cause("this is a defect of mini, please report it");
    error.print();
    process::exit(i32::from(error.status))
}

/// Named by unwind tables of `core` in unoptimised builds; never called, as panics abort.
#[cfg(debug_assertions)]
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
