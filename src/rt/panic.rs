//! A panic ends mini like every other failure: one line, status 125.

use core::panic::PanicInfo;
use mini::error::Error;
use mini::sys::process;

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    mini::sys::terminal::restore();
    let mut error = Error::new("internal error");
    // Not in release builds: paths of source files and number formatting take 8 KB.
    if cfg!(debug_assertions)
        && let Some(place) = info.location()
    {
        error = error.object(place.file().as_bytes()).number(place.line());
    }
    let error = error.cause("this is a defect of mini, please report it");
    error.print();
    process::exit(i32::from(error.status()))
}

/// Referenced by the precompiled `core` and `alloc`, but never called, because panics abort.
#[cfg(debug_assertions)]
mod unwinding {
    #[unsafe(no_mangle)]
    extern "C" fn rust_eh_personality() {}

    #[unsafe(no_mangle)]
    extern "C" fn _Unwind_Resume() -> ! {
        mini::sys::process::exit(i32::from(mini::error::FAILED))
    }
}
