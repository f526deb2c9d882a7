//! A wall clock that a test sets, under the real program: ld.so(8) puts this library before libc (`LD_PRELOAD`).
//!
//! The file that `PREAU_FALSE_CLOCK` names has two numbers of eight bytes: how many seconds the wall clock is behind the true time, and
//! whether a time server disciplines it. It is mapped: whoever writes it sets the clock of all that run. The steady clock stays as it is.

#![expect(unsafe_code, reason = "it stands for functions of libc, which hand out pointers")]

use std::ffi::CStr;
use std::ptr;
use std::sync::atomic::{AtomicI64, AtomicPtr, Ordering};

use libc::{c_int, clockid_t, timespec, timex};

const VARIABLE: &CStr = c"PREAU_FALSE_CLOCK";
const BYTES: usize = size_of::<Numbers>();

/// The file.
#[repr(C)]
struct Numbers {
    behind_s: AtomicI64,
    is_disciplined: AtomicI64,
}

/// What counts where there is no file: the true time.
static NONE: Numbers = Numbers { behind_s: AtomicI64::new(0), is_disciplined: AtomicI64::new(0) };
/// The file in memory, once somebody has asked; it stays there.
static MAPPED: AtomicPtr<Numbers> = AtomicPtr::new(ptr::null_mut());

fn numbers() -> &'static Numbers {
    let mut mapped = MAPPED.load(Ordering::Acquire);
    if mapped.is_null() {
        // Threads that race here map it twice, which is harmless.
        mapped = map();
        MAPPED.store(mapped, Ordering::Release);
    }
    // SAFETY: it is null, or a mapping of enough bytes that nobody takes away.
    unsafe { mapped.as_ref() }.unwrap_or(&NONE)
}

fn map() -> *mut Numbers {
    // SAFETY: plain calls of libc. The name is a text that the environment keeps; the mapping outlives the file's number.
    unsafe {
        let name = libc::getenv(VARIABLE.as_ptr());
        if name.is_null() {
            return ptr::null_mut();
        }
        let file = libc::open(name, libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            return ptr::null_mut();
        }
        let mapped = libc::mmap(ptr::null_mut(), BYTES, libc::PROT_READ, libc::MAP_SHARED, file, 0);
        libc::close(file);
        if mapped == libc::MAP_FAILED { ptr::null_mut() } else { mapped.cast() }
    }
}

/// clock_gettime(2), whose wall clock is behind.
///
/// # Safety
/// `time` is a place for a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    // SAFETY: as the caller says of `time`; the kernel writes it where it succeeds.
    unsafe {
        if libc::syscall(libc::SYS_clock_gettime, clock, time) != 0 {
            return -1;
        }
        if clock == libc::CLOCK_REALTIME {
            (*time).tv_sec -= numbers().behind_s.load(Ordering::Relaxed);
        }
    }
    0
}

/// adjtimex(2), as far as it is asked whether a time server disciplines the clock.
///
/// # Safety
/// `state` is a place for a state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adjtimex(state: *mut timex) -> c_int {
    let is_disciplined = numbers().is_disciplined.load(Ordering::Relaxed) != 0;
    // SAFETY: as the caller says of `state`.
    unsafe { (*state).status = if is_disciplined { 0 } else { libc::STA_UNSYNC } };
    if is_disciplined { libc::TIME_OK } else { libc::TIME_ERROR }
}
