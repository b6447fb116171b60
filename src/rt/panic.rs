//! A defect of mini ends as every other failure before the command does: one line, status 125.

use core::panic::PanicInfo;
use mini::error::Error;
use mini::sys::process;

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    mini::sys::terminal::restore();
    let mut error = Error::new("internal error");
    // The release binary does without: the paths of source files and the numbers' formatting are 8 KB.
    if cfg!(debug_assertions)
        && let Some(place) = info.location()
    {
        error = error.object(place.file().as_bytes()).number(place.line());
    }
    let error = error.cause("this is a defect of mini, please report it");
    error.print();
    process::exit(i32::from(error.status()))
}

/// What the precompiled `core` and `alloc` refer to where the optimiser has not yet seen that
/// panics abort: never called.
#[cfg(debug_assertions)]
mod unwinding {
    #[unsafe(no_mangle)]
    extern "C" fn rust_eh_personality() {}

    #[unsafe(no_mangle)]
    extern "C" fn _Unwind_Resume() -> ! {
        mini::sys::process::exit(i32::from(mini::error::FAILED))
    }
}
